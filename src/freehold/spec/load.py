"""Read `freehold.yaml`: every error at once, each with its file, line and column.

YAML is read as version 1.2 (`no` is a word, not false). A key nobody knows is an error that names
the nearest one, because a setting that is silently ignored is worse than none.
"""

from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode

from freehold.core.errors import SpecError
from freehold.core.findings import Finding
from freehold.spec.check import CHECKS
from freehold.spec.model.spec import Spec
from freehold.spec.reading import START, Reading

_LARGEST_FILE: Final = 1 << 20
_FIRST_LINE: Final = "write `freehold: 1` on its first line"

CODES: Final = {
    "FH-SPEC-010": "The file is not YAML.",
    "FH-SPEC-011": "There is no such key.",
    "FH-SPEC-012": "A value is not of the kind that its key wants.",
    "FH-SPEC-013": "The file says nothing, or not which version of the format it is.",
    "FH-SPEC-014": "A key is said twice.",
}
"""What reading can find wrong, before any rule of `check` is asked."""


class SpecInvalid(SpecError):
    """The spec has errors."""

    code = "FH-SPEC-003"

    def __init__(self, findings: tuple[Finding, ...], file: str) -> None:
        count = f"{len(findings)} error" + ("s" if len(findings) > 1 else "")
        super().__init__(f"the spec has {count}", where=file, fix="mend the lines named above")
        self.findings = findings


def load_spec(path: Path) -> Spec:
    """Read and check one file.

    Raises:
        SpecInvalid: with every error that was found, in the order of the file.
        SpecError: the file cannot be read at all.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise SpecError("the spec is larger than 1 MiB", where=str(path))
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"the spec cannot be read: {(error.strerror or str(error)).lower()}"
        raise SpecError(message, where=str(path), fix="name another file with --spec") from error
    except UnicodeDecodeError as error:
        message = f"the spec is not UTF-8 text (byte {error.start})"
        raise SpecError(message, where=str(path), fix="save it as UTF-8") from error
    return read_spec(text, path.name)


def read_spec(text: str, file: str = "freehold.yaml") -> Spec:
    """The spec that `text` says; `file` is the name that its errors use.

    Raises:
        SpecInvalid: with every error that was found, in the order of the file.
    """
    reading = Reading(file)
    spec = _parse(text, reading)
    for code, rule in CHECKS.items():
        for broken in rule(spec):
            place = reading.place(broken.key)
            reading.wrong(code, place, broken.key, broken.message, broken.fix)
    if findings := reading.findings():
        raise SpecInvalid(findings, file)
    return spec


def _parse(text: str, reading: Reading) -> Spec:
    """The spec as its file has it; what could not be read keeps its usual value."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else START
        problem = error.problem or error.context
        reading.wrong("FH-SPEC-010", place, "", f"this is not YAML: {problem}")
        return Spec()
    except (YAMLError, RecursionError) as error:
        reading.wrong("FH-SPEC-010", START, "", f"this is not YAML: {error}")
        return Spec()
    if root is None:
        reading.wrong("FH-SPEC-013", START, "", "the file is empty", _FIRST_LINE)
        return Spec()
    spec = reading.struct(Spec, root)
    if isinstance(root, MappingNode) and not reading.says("freehold"):
        message = "the file does not say which version of the format it is"
        reading.wrong("FH-SPEC-013", START, "freehold", message, _FIRST_LINE)
    return spec
