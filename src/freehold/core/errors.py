"""Every error Freehold raises on purpose.

* FreeholdError
  - SpecError            the spec is wrong; the owner edits a file
    + UnknownEntry       a name that no folder holds
  - CallerError          the request is wrong; the caller edits the request
    + BadRequest · NotFound · ModelUnknown · TooLarge · Conflict
    + NotSignedIn        nobody we know (wrong key, no session)
    + NotAllowed         known, but this is not theirs to do
    + RefusedForSafety   would destroy data, or open a door; needs a clear yes
  - CapacityError        the machine cannot serve it now
    + Busy · NoRoom · DiskFull · StillPending
  - EngineError          what sits behind an adapter failed
    + EngineUnreachable · EngineRefused · EngineCut · ContextTooLong
  - HouseError           a part of the house itself failed
    + StoreFailed · BusFailed · ChildFailed · HouseNotRunning · HouseAlreadyRunning · PortInUse

Each class says once what the outside sees: `code` (stable, searchable, `FH-AREA-nnn`), `status`
(HTTP), `exit_code` (process; DESIGN section 4). Nothing else in the code names a status for an
error. A message says what and why; `where` says the place, `fix` the next step.
"""

from typing import ClassVar

import msgspec


class FreeholdError(Exception):
    """Something Freehold expected could happen, happened."""

    code: ClassVar[str] = "FH-CORE-001"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, where: str = "", fix: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.where = where
        self.fix = fix

    def card(self) -> "ErrorCard":
        """The same error as data, for every edge that shows it."""
        return ErrorCard(code=self.code, title=str(self), where=self.where, fix=self.fix)


class ErrorCard(msgspec.Struct, frozen=True, kw_only=True):
    """An error as a person or a program meets it: terminal, HTTP body, `--json`."""

    code: str
    title: str
    where: str = ""
    fix: str = ""


class SpecError(FreeholdError):
    """The spec is not valid."""

    code = "FH-SPEC-001"
    status = 422
    exit_code = 3


class UnknownEntry(SpecError):
    """No such entry."""

    code = "FH-SPEC-002"


class CallerError(FreeholdError):
    """The request cannot be served as it stands."""

    code = "FH-CALL-001"
    status = 400


class BadRequest(CallerError):
    """The request is not well formed."""

    code = "FH-CALL-002"


class NotFound(CallerError):
    """There is no such thing here."""

    code = "FH-CALL-003"
    status = 404


class ModelUnknown(CallerError):
    """No engine serves this model."""

    code = "FH-CALL-004"
    status = 404


class TooLarge(CallerError):
    """The request is larger than this route takes."""

    code = "FH-CALL-005"
    status = 413


class Conflict(CallerError):
    """The request does not fit the present state."""

    code = "FH-CALL-006"
    status = 409


class NotSignedIn(CallerError):
    """The key or session is not known here."""

    code = "FH-CALL-007"
    status = 401
    exit_code = 4


class NotAllowed(CallerError):
    """This is not yours to do."""

    code = "FH-CALL-008"
    status = 403
    exit_code = 4


class RefusedForSafety(CallerError):
    """Refused, because it could destroy data or open a door."""

    code = "FH-CALL-009"
    status = 409
    exit_code = 7


class CapacityError(FreeholdError):
    """The machine cannot serve this now."""

    code = "FH-ROOM-001"
    status = 503
    retryable = True


class Busy(CapacityError):
    """Too much is under way; try again shortly."""

    code = "FH-ROOM-002"
    status = 429


class NoRoom(CapacityError):
    """The model needs more memory than this machine has free."""

    code = "FH-ROOM-003"
    retryable = False


class DiskFull(CapacityError):
    """The disk is full; nothing was written."""

    code = "FH-ROOM-004"
    status = 507


class StillPending(CapacityError):
    """It was not finished within the time allowed; it goes on."""

    code = "FH-ROOM-005"
    exit_code = 8


class EngineError(FreeholdError):
    """An engine failed."""

    code = "FH-ENGINE-001"
    status = 502
    retryable = True


class EngineUnreachable(EngineError):
    """The engine does not answer."""

    code = "FH-ENGINE-002"
    exit_code = 5


class EngineRefused(EngineError):
    """The engine refused the request."""

    code = "FH-ENGINE-003"
    status = 400
    retryable = False


class EngineCut(EngineError):
    """The engine stopped before its answer was complete."""

    code = "FH-ENGINE-004"
    retryable = False


class ContextTooLong(EngineRefused):
    """The conversation is longer than the model can read."""

    code = "FH-ENGINE-005"


class HouseError(FreeholdError):
    """A part of the house failed."""

    code = "FH-HOUSE-001"
    status = 503


class StoreFailed(HouseError):
    """The store could not be read or written."""

    code = "FH-HOUSE-002"


class BusFailed(HouseError):
    """The bus does not answer."""

    code = "FH-HOUSE-003"
    retryable = True


class ChildFailed(HouseError):
    """A child process did not start."""

    code = "FH-HOUSE-004"


class HouseNotRunning(HouseError):
    """No house is running here."""

    code = "FH-HOUSE-005"
    exit_code = 5


class HouseAlreadyRunning(HouseError):
    """A house is already running here."""

    code = "FH-HOUSE-006"
    exit_code = 7


class PortInUse(HouseError):
    """The port is taken by another program."""

    code = "FH-HOUSE-007"
