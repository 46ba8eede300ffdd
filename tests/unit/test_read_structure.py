"""Headings, pages, rows and lines: each piece knows its place in its document."""

import datetime as dt
import io
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from fixtures.documents.office import book, opendocument, presentation, with_member, word, workbook
from fixtures.documents.pdf import pdf
from fixtures.documents.reading import Outcome, outcome

Places = list[tuple[str, str]]


def under(read: Outcome) -> Places:
    assert not read.reason, read.end
    return [(piece.heading, piece.text) for piece in read.pieces]


def test_markdown_pieces_know_their_headings_and_lines(tmp_path: Path) -> None:
    text = (
        "Before.\n\n# Lease\n\nIntro.\n\n## Money\nThe deposit.\n\n```\n# no heading\n```\n\n"
        "Second\n======\n\nLast.\n\n## Bare\n"
    )
    read = outcome(tmp_path, "a.md", text.encode())
    assert [(piece.heading, piece.line) for piece in read.pieces] == [
        ("", 1),
        ("Lease", 5),
        ("Lease > Money", 8),
        ("Second", 17),
        ("Second > Bare", 19),
    ]
    assert "# no heading" in read.pieces[2].text
    assert read.pieces[4].text == "Bare"


@pytest.mark.parametrize("line", ["#hashtag", "####### seven", "    # code", "- a\n---"])
def test_what_only_looks_like_a_heading_is_text(line: str, tmp_path: Path) -> None:
    read = outcome(tmp_path, "a.md", f"{line}\n\nwords\n".encode())
    assert {piece.heading for piece in read.pieces} == {""}


def test_front_matter_is_not_taken_for_a_heading(tmp_path: Path) -> None:
    read = outcome(tmp_path, "a.md", b"---\ntitle: Lease\ndate: 2024\n---\n\nWords.\n")
    assert [piece.heading for piece in read.pieces] == [""]
    assert "title: Lease" in read.text


def test_restructured_text_ranks_headings_as_they_appear(tmp_path: Path) -> None:
    text = (
        "*****\nLease\n*****\n\nIntro.\n\nMoney\n=====\n\nThe deposit.\n\n***\nLaw\n***\n\nLast.\n"
    )
    assert under(outcome(tmp_path, "a.rst", text.encode())) == [
        ("Lease", "Intro."),
        ("Lease > Money", "The deposit."),
        ("Law", "Last."),
    ]


def test_word_keeps_headings_lists_and_tables_in_order(tmp_path: Path) -> None:
    document = word(
        [
            ("Title", "House rules"),
            ("Heading 1", "Lease"),
            ("Normal", "Intro."),
            ("Heading 2", "Money"),
            ("Normal", "The deposit."),
        ],
        table=[["Name", "Rent", "Floor"], ["Ana", "900", "2"], ["Bo", "800", ""]],
    )
    assert under(outcome(tmp_path, "a.docx", document)) == [
        ("House rules", "House rules"),
        ("Lease", "Intro."),
        (
            "Lease > Money",
            "The deposit.\nName: Ana; Rent: 900; Floor: 2\nName: Bo; Rent: 800",
        ),
    ]


def test_word_reads_what_the_package_leaves_out(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Kept. ")
    for tag, inner, text in (("w:ins", "w:t", "Inserted. "), ("w:del", "w:delText", "Struck. ")):
        change, run, words = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(inner)
        words.text = text
        run.append(words)
        change.append(run)
        paragraph._p.append(change)
    control, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
    inside = document.add_paragraph("In a control.")._p
    content.append(inside)
    control.append(content)
    document.element.body.insert(1, control)
    numbered = document.add_paragraph("First point")
    properties = numbered._p.get_or_add_pPr()
    properties.append(OxmlElement("w:numPr"))
    level = document.add_paragraph("By level")._p
    outline = OxmlElement("w:outlineLvl")
    outline.set(qn("w:val"), "1")
    level.get_or_add_pPr().append(outline)
    document.add_paragraph("Under it.")
    out = io.BytesIO()
    document.save(out)
    assert under(outcome(tmp_path, "a.docx", out.getvalue())) == [
        ("", "Kept. Inserted.\n\nIn a control.\n- First point"),
        ("By level", "Under it."),
    ]


def test_a_workbook_says_each_value_under_its_header(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Rents of 2024"],
        [],
        ["Name", "Rent", "Paid"],
        ["Ana", 900.0, True],
        ["Bo", 812.5, None],
    ]
    read = outcome(tmp_path, "a.xlsx", workbook({"Rents": rows, "Empty": []}))
    assert [(piece.heading, piece.line) for piece in read.pieces] == [
        ("Rents", 1),
        ("Empty", None),
    ]
    assert read.pieces[0].text == (
        "Rents of 2024\n\nName: Ana\nRent: 900\nPaid: true\n\nName: Bo\nRent: 812.5"
    )


def test_dates_and_shares_are_said_as_people_write_them(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["Day", "Share"])
    made.active.append([dt.date(2024, 5, 1), 0.055])
    made.active["B2"].number_format = "0.0%"
    out = io.BytesIO()
    made.save(out)
    assert "Day: 2024-05-01\nShare: 5.5%" in outcome(tmp_path, "a.xlsx", out.getvalue()).text


def test_rows_of_a_csv_carry_their_own_line(tmp_path: Path) -> None:
    long = "words " * 40
    text = f'Name;Note\nAna;"{long}\nsecond line"\nBo;{long}\n'
    read = outcome(tmp_path, "a.csv", text.encode())
    assert [piece.line for piece in read.pieces] == [2, 4]
    assert read.pieces[0].text.startswith("Name: Ana\nNote: words")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_sign_between_values_is_found(sign: str, tmp_path: Path) -> None:
    rows = [["Name", "Town"], ["Ana", "Ulm, south"], ["Bo", "Bonn"]]
    text = "\n".join(sign.join(f'"{cell}"' for cell in row) for row in rows)
    assert "Town: Ulm, south" in outcome(tmp_path, "a.csv", text.encode()).text


def test_a_table_without_a_header_is_kept_as_it_is(tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.csv", b"1,2\n3,4\n").text == "1 | 2\n\n3 | 4"


def test_a_table_of_a_header_alone_is_not_lost(tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.csv", b"Name,Town\n").text == "Name | Town"


def test_slides_are_pages_under_their_titles(tmp_path: Path) -> None:
    deck = presentation(
        [("Lease", "The roof.", "Say it slowly."), ("", "", ""), ("Money", "", "")]
    )
    read = outcome(tmp_path, "a.pptx", deck)
    assert [(piece.page, piece.heading, piece.text) for piece in read.pieces] == [
        (1, "Lease", "The roof.\n\nSay it slowly."),
        (3, "Money", "Money"),
    ]
    assert read.note == "1 of 3 slides hold no text"


def test_a_page_is_read_as_a_person_would(tmp_path: Path) -> None:
    page = """<!doctype html>
<html><head><title>Not said</title><style>p {}</style></head><body>
<nav>Home | About</nav>
<h1>Lease</h1>
<p>The <b>roof</b> is
mended.</p>
<script>var hidden = 1;</script>
<h2>Money</h2>
<ul><li>First</li><li>Second</li></ul>
<table><tr><th>Name</th><th>Rent</th></tr><tr><td>Ana</td><td>900</td></tr></table>
<pre>kept
  as is</pre>
</body></html>"""
    read = outcome(tmp_path, "a.html", page.encode())
    assert [(piece.heading, piece.line, piece.text) for piece in read.pieces] == [
        ("Lease", 5, "The roof is mended."),
        ("Lease > Money", 9, "- First\n- Second\nName: Ana; Rent: 900\n\nkept\n  as is"),
    ]


def test_a_page_without_headings_stands_under_its_title(tmp_path: Path) -> None:
    page = b"<html><head><title>House rules</title></head><body>Be quiet.</body></html>"
    assert under(outcome(tmp_path, "a.html", page)) == [("House rules", "Be quiet.")]


def test_a_table_that_lays_out_a_page_is_read_as_text(tmp_path: Path) -> None:
    page = b"<html><body><table><tr><td><div>Left.</div></td><td>Right.</td></tr></table></body>"
    assert outcome(tmp_path, "a.html", page).text == "Left.\n\nRight."


def test_code_is_cut_between_definitions_and_names_them(tmp_path: Path) -> None:
    body = "".join(f"        value_{at} = compute(value, {at})\n" for at in range(12))
    code = f"import os\n\n\nclass House:\n    def mend(self):\n{body}\n    def pay(self):\n{body}"
    read = outcome(tmp_path, "a.py", code.encode())
    headings = [piece.heading for piece in read.pieces]
    assert headings[0] == ""
    assert "House > mend" in headings
    assert "House > pay" in headings
    lines = code.split("\n")
    for piece in read.pieces:
        assert piece.line is not None
        assert lines[piece.line - 1] == piece.text.split("\n")[0]


def test_code_loses_no_line(tmp_path: Path) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    read = outcome(tmp_path, "a.py", source.encode())
    assert "".join(read.text.split()) == "".join(source.split())


def test_a_book_is_read_in_its_order(tmp_path: Path) -> None:
    chapters = {"two": "<h1>Second</h1><p>B.</p>", "one": "<h1>First</h1><p>A.</p>"}
    assert under(outcome(tmp_path, "a.epub", book(chapters))) == [
        ("Second", "B."),
        ("First", "A."),
    ]


def test_a_book_with_a_missing_chapter_says_so(tmp_path: Path) -> None:
    made = with_member(
        book({"one": "<p>A.</p>"}),
        "OEBPS/book.opf",
        (
            '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
            '<item id="a" href="one.xhtml"/>'
            '<item id="b" href="gone.xhtml"/></manifest><spine><itemref idref="a"/>'
            '<itemref idref="b"/></spine></package>'
        ),
    )
    assert outcome(tmp_path, "a.epub", made).note == "1 chapters are missing"


def test_a_letter_says_who_when_and_what(tmp_path: Path) -> None:
    letter = (
        "From: Ana <ana@example.org>\nTo: bo@example.org\nDate: Wed, 1 May 2024 10:00:00 +0000\n"
        "Subject: =?utf-8?q?K=C3=BCndigung?=\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/html\n\n'
        "<p>I leave in June.</p>\n--x\nContent-Type: application/pdf\n"
        'Content-Disposition: attachment; filename="a.pdf"\n\nabc\n--x--\n'
    )
    read = outcome(tmp_path, "a.eml", letter.encode())
    assert read.pieces[0].heading == "Kündigung"
    assert "From: Ana <ana@example.org>" in read.text
    assert "I leave in June." in read.text
    assert read.note == "1 attachments were not read"


def test_lines_of_a_pdf_page_flow_into_paragraphs(tmp_path: Path) -> None:
    page = [
        "The landlord pays for repairs of the roof and of the outer walls, unless the",
        "tenant caused the damage. Claims end after one year.",
        "Costs:",
        "- roof",
        "- walls",
    ]
    assert outcome(tmp_path, "a.pdf", pdf([page])).text == (
        "The landlord pays for repairs of the roof and of the outer walls, unless the "
        "tenant caused the damage. Claims end after one year.\nCosts:\n- roof\n- walls"
    )


def test_lines_that_run_along_every_page_are_said_once(tmp_path: Path) -> None:
    pages = [
        ["House rules", f"Words of page {'abcde'[at]}.", f"Page {at + 1} of 5", str(at + 1)]
        for at in range(5)
    ]
    read = outcome(tmp_path, "a.pdf", pdf(pages))
    assert [piece.text for piece in read.pieces] == [
        "House rules\nWords of page a.\nPage 1 of 5",
        "Words of page b.",
        "Words of page c.",
        "Words of page d.",
        "Words of page e.",
    ]


def test_bookmarks_of_a_pdf_are_its_headings(tmp_path: Path) -> None:
    pages = [
        ["Lease", "Intro words.", "1.1 Money", "The deposit."],
        ["More of it.", "Law", "End."],
    ]
    marks = [(0, "Lease", 0), (1, "Money", 0), (0, "Law", 1)]
    read = outcome(tmp_path, "a.pdf", pdf(pages, bookmarks=marks))
    assert [(piece.page, piece.heading, piece.text) for piece in read.pieces] == [
        (1, "Lease", "Intro words."),
        (1, "Lease > Money", "The deposit."),
        (2, "Lease > Money", "More of it."),
        (2, "Law", "End."),
    ]


def test_an_opendocument_text_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    cells = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{word}</text:p></table:table-cell>" for word in row)
        + "</table:table-row>"
        for row in (["Name", "Rent"], ["Ana", "900"])
    )
    body = (
        '<text:h text:outline-level="1">Lease</text:h>'
        '<text:p>The<text:s text:c="2"/><text:span>roof</text:span> is<text:tab/>mended.</text:p>'
        '<text:h text:outline-level="2">Money</text:h>'
        "<text:list><text:list-item><text:p>First</text:p></text:list-item>"
        "<text:list-item><text:p>Second</text:p></text:list-item></text:list>"
        f"<table:table>{cells}</table:table>"
    )
    assert under(outcome(tmp_path, "a.odt", opendocument("text", body))) == [
        ("Lease", "The  roof is\tmended."),
        ("Lease > Money", "- First\n- Second\nName: Ana; Rent: 900"),
    ]


def test_an_opendocument_table_has_sheets_and_rows(tmp_path: Path) -> None:
    def row(*words: str, times: int = 1) -> str:
        cells = "".join(
            f"<table:table-cell><text:p>{word}</text:p></table:table-cell>" for word in words
        )
        return f'<table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>'

    long = "words " * 40
    body = (
        f'<table:table table:name="Rents">{row("Name", "Note")}{row("Ana", long)}'
        f"{row('', times=3)}<table:table-row><table:table-cell "
        f'table:number-columns-repeated="1"/><table:table-cell><text:p>{long}</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    read = outcome(tmp_path, "a.ods", opendocument("spreadsheet", body))
    assert [(piece.heading, piece.line) for piece in read.pieces] == [("Rents", 2), ("Rents", 6)]
    assert read.pieces[1].text.startswith("Note: words")


def test_pages_of_an_opendocument_presentation_are_counted(tmp_path: Path) -> None:
    body = (
        "<draw:page><text:p>One.</text:p></draw:page><draw:page><text:p>Two.</text:p></draw:page>"
    )
    read = outcome(tmp_path, "a.odp", opendocument("presentation", body))
    assert [(piece.page, piece.text) for piece in read.pieces] == [(1, "One."), (2, "Two.")]
