"""Decides whether the duty engineer is rung."""

NIGHT = range(23, 24), range(0, 5)


def is_night(hour):
    """Whether two gauges have to agree at this hour."""
    return any(hour in span for span in NIGHT)


class Alarm:
    """Holds the rules and the people they ring."""

    def __init__(self, rules, telephone, snooze_minutes=40):
        self.rules = rules
        self.telephone = telephone
        self.snooze_minutes = snooze_minutes
        self.silenced_until = {}

    def acknowledge(self, rule, now):
        """Somebody picked up: stay quiet about this rule for the snooze time."""
        self.silenced_until[rule.name] = now + self.snooze_minutes * 60

    def escalate(self, rule, attempts):
        """After the third unanswered call, ring the harbour master instead."""
        if attempts >= 3:
            return self.telephone.call("harbour master", rule.text)
        return self.telephone.call(rule.person, rule.text)
