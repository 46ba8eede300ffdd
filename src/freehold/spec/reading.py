"""From YAML nodes, which know their place, to the structs of `spec/model`."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from freehold.core.findings import Finding

Kind = TypeVar("Kind", bound=msgspec.Struct)
Place = tuple[int, int]
"""Line and column, counted from one."""

START: Final[Place] = (1, 1)
_MOST_DIGITS: Final = 20

_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final[Mapping[object, str]] = {
    int: "a whole number",
    str: "text",
    bool: "`true` or `false`",
    tuple: "a list, one item to a line",
}


class Reading:
    """One file being read: what was found wrong, and where each key stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[tuple[Place, Finding]] = []
        self._places: dict[str, Place] = {}

    def findings(self) -> tuple[Finding, ...]:
        """Every error, in the order of the file."""
        return tuple(finding for _, finding in sorted(self._found, key=lambda pair: pair[0]))

    def place(self, key: str) -> Place:
        """Where a key stands, by the name the spec gives it (`access.port`)."""
        return self._places.get(key, START)

    def says(self, key: str) -> bool:
        """Whether the file has this key."""
        return key in self._places

    def wrong(self, code: str, place: Place, key: str, message: str, fix: str = "") -> None:
        """Remember one error."""
        where = f"{self.file}:{place[0]}:{place[1]}  {key}".rstrip()
        finding = Finding(severity="error", code=code, where=where, message=message, fix=fix)
        self._found.append((place, finding))

    def struct(self, kind: type[Kind], node: Node, path: str = "") -> Kind:
        """The struct that `node` says, with the usual value where an error was remembered."""
        if not isinstance(node, MappingNode):
            if not (isinstance(node, ScalarNode) and node.tag == f"{_TAG}null"):
                fix = f"known keys: {', '.join(kind.__struct_fields__)}"
                self._misfit(node, path, "keys and values", fix)
            return kind()
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        found: dict[str, object] = {}
        for name, value in self._entries(node, path, tuple(fields)):
            made = self._value(fields[name].type, value, _join(path, name))
            if made is not None:
                found[name] = made
        return kind(**found)

    def _entries(
        self, node: MappingNode, path: str, known: tuple[str, ...]
    ) -> Iterator[tuple[str, Node]]:
        """Keys that exist, each once, with their values; the others are remembered as errors."""
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            at = _join(path, name)
            place = self._places.setdefault(at, _place(key))
            if name in seen:
                message = f"{name!r} is said twice, first in line {place[0]}"
                self.wrong("FH-SPEC-014", _place(key), at, message, "keep one of the two")
            elif name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                fix = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
                self.wrong("FH-SPEC-011", place, at, f"there is no key {name!r} here", fix)
            else:
                seen.add(name)
                yield name, value

    def _value(self, kind: object, node: Node, path: str) -> object:
        """The value that `node` says, as the type a field wants; nothing if it is another."""
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind, node, path)
        if typing.get_origin(kind) is tuple:
            if not isinstance(node, SequenceNode):
                return self._misfit(node, path, _WORDS[tuple])
            inner = typing.get_args(kind)[0]
            made = (self._value(inner, item, path) for item in node.value)
            return tuple(item for item in made if item is not None)
        return self._scalar(kind, node, path)

    def _scalar(self, kind: object, node: Node, path: str) -> object:
        """A single value: text, a whole number, or true or false."""
        if not isinstance(node, ScalarNode):
            return self._misfit(node, path, _WORDS[kind])
        if kind is str and node.tag == f"{_TAG}str":
            return node.value
        if kind is bool and node.tag == f"{_TAG}bool":
            return node.value.lower() == "true"
        if kind is int and node.tag == f"{_TAG}int" and len(node.value) < _MOST_DIGITS:
            return _whole(node.value)
        fix = f'write "{node.value}", in quotes' if kind is str and node.value else ""
        return self._misfit(node, path, _WORDS[kind], fix)

    def _misfit(self, node: Node, path: str, wanted: str, fix: str = "") -> object:
        """Remember that a value is of another type than its key wants."""
        what = f"{node.value!r}" if isinstance(node, ScalarNode) else "what stands here"
        self.wrong("FH-SPEC-012", _place(node), path, f"{what} is not {wanted}", fix)
        return None


def _whole(text: str) -> int:
    """A whole number as YAML 1.2 writes it: `12`, `1_000`, `0o17`, `0x1f`."""
    plain = text.replace("_", "")
    return int(plain, 0) if plain.lstrip("+-")[:2] in {"0o", "0x"} else int(plain)


def _join(path: str, name: str) -> str:
    """The name of a key inside a section."""
    return f"{path}.{name}" if path else name


def _place(node: Node) -> Place:
    """Line and column of a node, counted from one as editors do."""
    return (node.start_mark.line + 1, node.start_mark.column + 1)
