"""Who may: accounts, sessions, keys; one place that turns a credential into a person."""
