"""Errors that only a command line can make."""

from freehold.core.errors import FreeholdError


class UsageWrong(FreeholdError):
    """The command was not written as it must be."""

    code = "FH-USE-001"
    status = 400
    exit_code = 2


class Interrupted(FreeholdError):
    """It was stopped with Ctrl-C."""

    code = "FH-USE-002"
    exit_code = 130


class Fault(FreeholdError):
    """Freehold itself has a fault."""

    code = "FH-USE-003"
