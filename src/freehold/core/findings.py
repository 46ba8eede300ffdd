"""What a check found: shared by the spec check, the doctor and the drift report."""

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a person should know, with the place and the next step."""

    severity: Severity
    code: str
    """Stable and searchable, for example `FH-SPEC-004`."""
    where: str
    """Path in the spec, or the file or the part concerned."""
    message: str
    fix: str = ""
