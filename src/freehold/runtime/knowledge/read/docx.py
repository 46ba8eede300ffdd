"""Word documents: paragraphs, lists and tables in order, with their headings.

The package opens the file; the walk over its body is our own, because the package's paragraphs
leave out insertions under review, content controls, text boxes and footnotes.

Source: ECMA-376 part 1, 17 (WordprocessingML).
"""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.archive import open_archive, refuse_entities
from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source
from freehold.runtime.knowledge.table import labelled, plain_row

if TYPE_CHECKING:
    from docx.document import Document
    from lxml.etree import _Element

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_GONE: Final = frozenset({f"{_W}del", f"{_W}moveFrom", f"{_MC}Fallback"})
_SIGNS: Final = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_FOOTNOTES: Final = "/footnotes"
_LEVELS: Final = 9
_COLUMNS: Final = 2


def _detects(head: Head) -> bool:
    return "word/document.xml" in head.members


def _read(source: Source) -> Reading:
    from docx import Document  # noqa: PLC0415 - only where a Word document is read

    with open_archive(BytesIO(source.data)) as archive:
        refuse_entities(archive)
    document = Document(BytesIO(source.data))
    return Reading(pieces_under(_met(document)))


def _met(document: "Document") -> Iterator[Title | Part]:
    levels = _heading_levels(document)
    yield from _blocks(document.element.body, levels)
    for relation in document.part.rels.values():
        if relation.reltype.endswith(_FOOTNOTES) and not relation.is_external:
            from docx.oxml.parser import parse_xml  # noqa: PLC0415 - only where it is needed

            notes = tuple(_blocks(parse_xml(relation.target_part.blob), {}))
            if any(isinstance(note, Part) for note in notes):
                yield Title(1, "Footnotes")
                yield from notes


def _blocks(root: "_Element", levels: dict[str, int]) -> Iterator[Title | Part]:
    for element in root:
        if element.tag in _GONE:
            continue
        if element.tag == f"{_W}p":
            yield from _paragraph(element, levels)
        elif element.tag == f"{_W}tbl":
            yield from _table(element)
        else:
            yield from _blocks(element, levels)


def _paragraph(element: "_Element", levels: dict[str, int]) -> Iterator[Title | Part]:
    text = _text(element).strip()
    if text:
        level = _level(element, levels)
        if level:
            yield Title(level, text)
        elif element.find(f"{_W}pPr/{_W}numPr") is not None:
            yield Part(f"- {text}", join="\n")
        else:
            yield Part(text)
    for box in element.iter(f"{_W}txbxContent"):
        if not any(above.tag in _GONE for above in box.iterancestors()):
            yield from _blocks(box, levels)


def _text(paragraph: "_Element") -> str:
    """Words of a paragraph, without those of text boxes in it and of struck-out text."""
    said: list[str] = []
    ahead = list(reversed(paragraph))
    while ahead:
        element = ahead.pop()
        if element.tag == f"{_W}t":
            said.append(element.text or "")
        elif element.tag in _SIGNS:
            said.append(_SIGNS[element.tag])
        elif element.tag not in _GONE and element.tag != f"{_W}txbxContent":
            ahead.extend(reversed(element))
    return clean("".join(said))


def _table(table: "_Element") -> Iterator[Part]:
    rows = [
        [" ".join(_text(part) for part in cell.iter(f"{_W}p")) for cell in row.iter(f"{_W}tc")]
        for row in table.iter(f"{_W}tr")
    ]
    if max((len(row) for row in rows), default=0) > _COLUMNS:
        for part in labelled(enumerate(rows, 1)):
            yield Part(part.text.replace("\n", "; "), join="\n")
    else:
        for row in rows:
            yield Part(plain_row(row), join="\n")


def _level(paragraph: "_Element", levels: dict[str, int]) -> int:
    """Depth of a heading; 0 for running text."""
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    if style is not None and (level := levels.get(style.get(f"{_W}val", ""))):
        return level
    return _outline_level(paragraph.find(f"{_W}pPr/{_W}outlineLvl"))


def _outline_level(element: "_Element | None") -> int:
    value = element.get(f"{_W}val", "") if element is not None else ""
    return int(value) + 1 if value.isdecimal() and int(value) < _LEVELS else 0


def _heading_levels(document: "Document") -> dict[str, int]:
    """Style ids that mean a heading, by their built-in name or their outline level."""
    levels = {}
    for style in document.styles.element.iter(f"{_W}style"):
        named = style.find(f"{_W}name")
        name = named.get(f"{_W}val", "").lower() if named is not None else ""
        level = _outline_level(style.find(f"{_W}pPr/{_W}outlineLvl"))
        if name == "title":
            level = 1
        elif name.startswith("heading ") and name[8:].isdecimal():
            level = int(name[8:])
        if level:
            levels[style.get(f"{_W}styleId", "")] = level
    return levels


READER: Final = Reader(
    summary="Word documents, with headings, lists, tables and footnotes.",
    suffixes=(".docx", ".docm", ".dotx"),
    detects=_detects,
    text=False,
    read=_read,
)
