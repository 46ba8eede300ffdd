"""PowerPoint presentations: slide by slide, with titles, tables and speaker's notes."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.archive import open_archive, refuse_entities
from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source
from freehold.runtime.knowledge.table import labelled

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide
    from pptx.table import Table


def _detects(head: Head) -> bool:
    return "ppt/presentation.xml" in head.members


def _read(source: Source) -> Reading:
    from pptx import Presentation  # noqa: PLC0415 - only where a presentation is read

    with open_archive(BytesIO(source.data)) as archive:
        refuse_entities(archive)
    slides = tuple(Presentation(BytesIO(source.data)).slides)
    reading = Reading(iter(()), pages=len(slides))
    reading.pieces = pieces_under(_met(slides, reading.notes))
    return reading


def _met(slides: tuple["Slide", ...], notes: list[str]) -> Iterator[Title | Part]:
    bare = 0
    for page, slide in enumerate(slides, 1):
        title = slide.shapes.title
        words = clean(title.text_frame.text).strip() if title is not None else ""
        known = title.shape_id if title is not None else None
        parts = [part for part in _parts(slide.shapes, page, known) if part.text.strip()]
        if slide.has_notes_slide and (said := slide.notes_slide.notes_text_frame):
            parts.append(Part(clean(said.text), page=page))
        bare += not words and not any(part.text.strip() for part in parts)
        yield Title(1, words, page=page)
        yield from parts
    if bare:
        notes.append(f"{bare} of {len(slides)} slides hold no text")


def _parts(shapes: Iterable["BaseShape"], page: int, title: int | None) -> Iterator[Part]:
    from pptx.shapes.autoshape import Shape  # noqa: PLC0415 - only where one is read
    from pptx.shapes.graphfrm import GraphicFrame  # noqa: PLC0415 - the same
    from pptx.shapes.group import GroupShape  # noqa: PLC0415 - the same

    for shape in shapes:
        if shape.shape_id == title:
            continue
        if isinstance(shape, GroupShape):
            yield from _parts(shape.shapes, page, title)
        elif isinstance(shape, Shape):
            for paragraph in shape.text_frame.paragraphs:
                yield Part(clean(paragraph.text).replace("\v", "\n"), page=page, join="\n")
        elif isinstance(shape, GraphicFrame) and shape.has_table:
            yield from _table(shape.table, page)


def _table(table: "Table", page: int) -> Iterator[Part]:
    rows = (
        (number, [clean(cell.text) for cell in row.cells])
        for number, row in enumerate(table.rows, 1)
    )
    for part in labelled(rows):
        yield Part(part.text.replace("\n", "; "), page=page, join="\n")


READER: Final = Reader(
    summary="PowerPoint presentations, slide by slide, with speaker's notes.",
    suffixes=(".pptx", ".pptm", ".ppsx"),
    detects=_detects,
    text=False,
    read=_read,
)
