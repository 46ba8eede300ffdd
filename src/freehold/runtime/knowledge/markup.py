"""HTML into headings and parts: what a person would read of a page, in order. Pure.

Scripts, styles, navigation and hidden parts are left out. Lines are those of the source, found by
looking for the words in it; a page whose words are all written as entities has none.
"""

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Part, Title
from freehold.runtime.knowledge.table import plain_row, row_under

_SKIPPED: Final = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "nav",
        "iframe",
        "object",
        "select",
        "head",
        "button",
    ]
)
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SNIPPET: Final = 40
_LEAST: Final = 2
_ENTITY: Final = re.compile(r"[&<>\"\x27]|[^\x00-\x7f]")
_NEAR: Final = 2**18
_FAR_LOOKS: Final = 50
_SIMPLE_ROWS: Final = 5_000


class _Places:
    """Finds the line of words by looking onward through the source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = self._counted = 0
        self._line: int | None = None
        self._far = _FAR_LOOKS

    def line_of_node(self, text: str) -> int | None:
        """Line of a text node: its words come right behind a tag."""
        words = len(text) - len(text.lstrip())
        return self._look(">" + _as_written(text[: words + _SNIPPET]), words + 1)

    def line_of_words(self, words: str) -> int | None:
        """Line of words that may stand anywhere."""
        return self._look(_as_written(words[:_SNIPPET]), 0)

    def _look(self, snippet: str, words: int) -> int | None:
        if not self._source or len(snippet) <= max(words, _LEAST):
            return self._line
        at = self._source.find(snippet, self._at, self._at + _NEAR)
        if at < 0 and self._far:
            self._far -= 1
            at = self._source.find(snippet, self._at)
        if at >= 0:
            line = 1 if self._line is None else self._line
            self._line = line + self._source.count("\n", self._counted, at + words)
            self._counted = at + words
            self._at = at + len(snippet) - 1
        return self._line


def _as_written(text: str) -> str:
    """The beginning of `text` that no one would write as an entity."""
    match = _ENTITY.search(text)
    return text[: match.start()] if match else text


class _Walk:
    """One walk over a page; keeps the words of the block it is in."""

    def __init__(self, source: str, page: int | None) -> None:
        self._places = _Places(source)
        self._page = page
        self._words: list[str] = []
        self._line: int | None = None
        self._kept = 0
        self._item = False

    def over(self, root: LexborNode) -> Iterator[Title | Part]:
        ahead: list[tuple[LexborNode, bool]] = [(root, False)]
        while ahead:
            node, leaving = ahead.pop()
            if leaving:
                yield from self._leave(node)
            elif node.is_text_node:
                self._say(node.text_content or "")
            elif node.is_element_node and not _hidden(node):
                if node.tag == "table" and (rows := _simple_table(node)):
                    yield from self._flush()
                    yield from self._rows(rows)
                    continue
                yield from self._enter(node)
                ahead.append((node, True))
                ahead.extend((child, False) for child in _children(node))
        yield from self._flush()

    def _enter(self, node: LexborNode) -> Iterator[Title | Part]:
        tag = node.tag
        if tag == "br":
            self._words.append("\n")
        elif tag in _BLOCKS or tag in _HEADINGS:
            yield from self._flush()
            self._item = tag == "li"
            self._kept += tag == "pre"

    def _leave(self, node: LexborNode) -> Iterator[Title | Part]:
        tag = node.tag or ""
        if level := _HEADINGS.get(tag):
            text = " ".join("".join(self._words).split())
            self._words.clear()
            if text:
                yield Title(level, text, self._line, self._page)
        elif tag in _BLOCKS:
            yield from self._flush()
            self._kept -= tag == "pre"

    def _say(self, text: str) -> None:
        if text.strip():
            line = self._places.line_of_node(text)
            if not any(word.strip() for word in self._words):
                self._line = line
        self._words.append(text if self._kept else _spaced(text))

    def _flush(self) -> Iterator[Part]:
        text = "".join(self._words)
        self._words.clear()
        if not self._kept:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        text = text.strip("\n") if self._kept else text.strip()
        if text.strip():
            start, join = ("- ", "\n") if self._item else ("", "\n\n")
            yield Part(start + text, self._line, self._page, join)
            self._item = False

    def _rows(self, rows: list[tuple[bool, list[str]]]) -> Iterator[Part]:
        headed, header = rows[0]
        for _, cells in rows[1:] if headed and len(rows) > 1 else rows:
            text = row_under(header, cells, "; ") if headed else plain_row(cells)
            line = self._places.line_of_words(next((cell for cell in cells if cell), ""))
            yield Part(text, line, self._page, "\n")


def met_in(html: str, *, lines: bool = True, page: int | None = None) -> Iterator[Title | Part]:
    """What a page says, in order.

    Args:
        html: the source.
        lines: whether to say the line each part stands on.
        page: page all of it counts as.
    """
    tree = LexborHTMLParser(html)
    title = tree.css_first("head title")
    if title is not None and tree.css_first("h1") is None and (words := title.text(strip=True)):
        yield Title(1, clean(words), page=page)
    if tree.body is not None:
        yield from _Walk(html if lines else "", page).over(tree.body)


def _children(node: LexborNode) -> list[LexborNode]:
    """Children, last first."""
    found = []
    child = node.last_child
    while child is not None:
        found.append(child)
        child = child.prev
    return found


def _hidden(node: LexborNode) -> bool:
    return node.tag in _SKIPPED or "hidden" in node.attributes


def _spaced(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")


def _simple_table(table: LexborNode) -> list[tuple[bool, list[str]]]:
    """Rows of a table of plain cells; nothing for a table that only lays out the page."""
    if table.css_first("table table, td p + p, td div, td h1, td h2, td h3, td ul, td pre"):
        return []
    rows: list[tuple[bool, list[str]]] = []
    for row in table.css("tr"):
        cells = row.css("th, td")
        said = [" ".join(clean(cell.text()).split()) for cell in cells]
        if any(said):
            headed = not rows and len(cells) > 1 and all(cell.tag == "th" for cell in cells)
            rows.append((headed, said))
        if len(rows) > _SIMPLE_ROWS:
            return []
    return rows
