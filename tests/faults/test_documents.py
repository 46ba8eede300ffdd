"""Documents that are broken, hostile or not what they say: each gets a named reason at once."""

import os
import socket
import zlib
from pathlib import Path

import pytest

from fixtures.documents.office import archive, presentation, with_member, word, workbook
from fixtures.documents.pdf import assemble, cyclic_pdf, encrypted_pdf, pdf
from fixtures.documents.reading import outcome, outcome_of
from freehold.core.units import GIB, MIB
from freehold.runtime.knowledge.read.contract import MOST_PIECES
from freehold.runtime.knowledge.read_wire import Failed

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {chr(98 + at)} "{"&" + chr(97 + at) + ";"}{"&" + chr(97 + at) + ";"}">'
        for at in range(20)
    )
    + "]><x>&u;</x>"
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    "<x>before &file; after</x>"
)


def test_a_pdf_with_a_password_is_encrypted(tmp_path: Path) -> None:
    read = outcome(tmp_path, "a.pdf", encrypted_pdf())
    assert read.reason == "encrypted"
    assert isinstance(read.end, Failed)
    assert "password" in read.end.message
    assert read.end.fix


def test_an_office_file_with_a_password_is_encrypted(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(6000)
    ole += "EncryptedPackage".encode("utf-16-le") + bytes(100)
    assert outcome(tmp_path, "a.docx", ole).reason == "encrypted"


def test_an_old_word_file_is_unsupported_and_says_what_to_do(tmp_path: Path) -> None:
    read = outcome(tmp_path, "a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(6000))
    assert read.reason == "unsupported"
    assert isinstance(read.end, Failed)
    assert "DOCX" in read.end.fix


def test_a_sparse_file_of_two_gigabytes_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2 * GIB)
    read = outcome_of(path, "huge.txt")
    assert read.reason == "too-large"
    assert isinstance(read.end, Failed)
    assert "2048 MiB" in read.end.message


def test_a_page_tree_that_contains_itself_is_cyclic(tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.pdf", cyclic_pdf()).reason == "cyclic"


def test_a_page_tree_that_lies_about_its_count_ends(tmp_path: Path) -> None:
    liar = assemble(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [] /Count 2000000000 >>",
        }
    )
    assert outcome(tmp_path, "a.pdf", liar).reason in {"damaged", "no-text"}


def test_a_scan_has_no_text_and_says_how_many_pages(tmp_path: Path) -> None:
    read = outcome(tmp_path, "scan.pdf", pdf([[], [], []]))
    assert read.reason == "no-text"
    assert isinstance(read.end, Failed)
    assert "3 pages" in read.end.message


def test_pages_without_text_are_counted_in_the_note(tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.pdf", pdf([["words"], [], []])).note == "2 of 3 pages hold no text"


@pytest.mark.parametrize("name", ["photo.pdf", "photo.docx", "photo.txt", "photo.csv"])
def test_a_picture_named_as_a_document_is_a_lying_extension(name: str, tmp_path: Path) -> None:
    read = outcome(tmp_path, name, b"\x89PNG\r\n\x1a\n" + bytes(64))
    assert read.reason == "lying-extension"
    assert isinstance(read.end, Failed)
    assert "PNG" in read.end.message


def test_a_pdf_named_as_a_picture_is_read_as_what_it_is(tmp_path: Path) -> None:
    read = outcome(tmp_path, "lease.txt", pdf([["The roof is mended."]]))
    assert "The roof is mended." in read.text
    assert read.note == "named .txt, read as pdf, which it is"


def test_text_named_as_a_pdf_is_read_as_text(tmp_path: Path) -> None:
    read = outcome(tmp_path, "lease.pdf", b"Only words.\n")
    assert read.text == "Only words."
    assert "read as text" in read.note


def test_a_picture_is_unsupported(tmp_path: Path) -> None:
    assert outcome(tmp_path, "photo.png", b"\x89PNG\r\n\x1a\n" + bytes(64)).reason == "unsupported"


def test_noise_is_no_text(tmp_path: Path) -> None:
    assert outcome(tmp_path, "noise.bin", os.urandom(4096)).reason == "unsupported"
    assert outcome(tmp_path, "noise.pdf", os.urandom(4096)).reason == "damaged"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.zip", "a.txt"])
def test_a_part_that_swells_a_thousandfold_is_an_archive_bomb(name: str, tmp_path: Path) -> None:
    bomb = archive({"word/document.xml": bytes(64 * MIB), "[Content_Types].xml": ""})
    assert outcome(tmp_path, name, bomb).reason == "archive-bomb"


def test_an_archive_of_many_parts_is_a_bomb_before_its_directory_is_read(tmp_path: Path) -> None:
    many = archive({f"word/{number}.xml": "" for number in range(2001)}, packed=False)
    assert outcome(tmp_path, "a.docx", many).reason == "archive-bomb"


def test_an_archive_that_unpacks_to_half_a_gigabyte_is_a_bomb(tmp_path: Path) -> None:
    bomb = bytearray(with_member(word([("Normal", "x")]), "word/media/a.bin", b"x" * 10_000))
    at = bomb.rfind(b"word/media/a.bin") - 46  # its directory entry; APPNOTE.TXT 4.3.12
    bomb[at + 24 : at + 28] = (600 * MIB).to_bytes(4, "little")
    assert outcome(tmp_path, "a.docx", bytes(bomb)).reason == "archive-bomb"


def test_a_part_longer_than_it_says_is_damaged(tmp_path: Path) -> None:
    liar = bytearray(word([("Normal", "word " * 2000)]))
    at = liar.rfind(b"word/document.xml") - 46
    liar[at + 24 : at + 28] = (100).to_bytes(4, "little")
    assert outcome(tmp_path, "a.docx", bytes(liar)).reason == "damaged"


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    nested = archive({"inner.zip": archive({"bomb": bytes(4 * MIB)})})
    assert outcome(tmp_path, "a.zip", nested).reason in {"unsupported", "archive-bomb"}
    inside = with_member(word([("Normal", "The roof.")]), "word/embeddings/a.zip", nested)
    assert outcome(tmp_path, "a.docx", inside).text == "The roof."


@pytest.mark.parametrize("xml", [LAUGHS, EXTERNAL], ids=["laughs", "external"])
@pytest.mark.parametrize(
    ("name", "document", "member"),
    [
        ("a.docx", word([("Normal", "x")]), "word/document.xml"),
        ("a.docx", word([("Normal", "x")]), "word/_rels/document.xml.rels"),
        ("a.xlsx", workbook({"S": [["x"]]}), "xl/worksheets/sheet1.xml"),
        ("a.xlsx", workbook({"S": [["x"]]}), "xl/sharedStrings.xml"),
        ("a.pptx", presentation([("x", "", "")]), "ppt/slides/slide1.xml"),
    ],
)
def test_entities_in_an_office_file_are_refused(
    xml: str, name: str, document: bytes, member: str, tmp_path: Path
) -> None:
    read = outcome(tmp_path, name, with_member(document, member, xml))
    assert read.reason == "damaged"
    assert isinstance(read.end, Failed)
    assert "entities" in read.end.message


@pytest.mark.parametrize("padding", [0, 100_000])
def test_entities_are_never_resolved_however_they_are_hidden(padding: int, tmp_path: Path) -> None:
    hidden = EXTERNAL.replace("<!DOCTYPE", "<!--" + " " * padding + "--><!DOCTYPE")
    for name, document, member in (
        ("a.docx", word([("Normal", "x")]), "word/document.xml"),
        ("a.xlsx", workbook({"S": [["x"]]}), "xl/worksheets/sheet1.xml"),
    ):
        read = outcome(tmp_path, name, with_member(document, member, hidden))
        assert read.reason
        assert "root:" not in read.text


@pytest.mark.parametrize("name", ["a.svg", "a.xml", "a.html"])
@pytest.mark.parametrize("xml", [LAUGHS, EXTERNAL], ids=["laughs", "external"])
def test_xml_is_read_as_written_and_no_entity_is_followed(
    xml: str, name: str, tmp_path: Path
) -> None:
    read = outcome(tmp_path, name, xml.encode())
    assert len(read.text) < 2 * len(xml)
    assert "root:" not in read.text


@pytest.mark.parametrize("name", ["deep.json", "deep.ipynb", "deep.yaml"])
def test_json_of_any_depth_is_no_danger(name: str, tmp_path: Path) -> None:
    read = outcome(tmp_path, name, b"[" * 200_000 + b"]" * 200_000)
    assert read.reason in {"", "damaged"}


@pytest.mark.parametrize("opening", [b"<div>", b"<table><tr><td>", b"<b>", b"<ul><li>", b"<h1>"])
def test_html_of_any_depth_is_no_danger(opening: bytes, tmp_path: Path) -> None:
    read = outcome(tmp_path, "deep.html", opening * 20_000 + b"The roof is mended.")
    assert "The roof is mended." in read.text or read.reason == "damaged"


@pytest.mark.parametrize("opening", [b"> ", b"- ", b"[", b"*a ", b"`", b"| "])
def test_markdown_of_any_depth_is_no_danger(opening: bytes, tmp_path: Path) -> None:
    read = outcome(tmp_path, "deep.md", opening * 20_000 + b"roof")
    assert "roof" in read.text


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("a.docx", word([("Normal", "words " * 500)])),
        ("a.xlsx", workbook({"S": [["words", "more"]] * 50})),
        ("a.pptx", presentation([("words", "more", "")])),
        ("a.pdf", pdf([["words"]])),
    ],
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_document_that_is_cut_short_is_damaged(
    name: str, document: bytes, share: float, tmp_path: Path
) -> None:
    read = outcome(tmp_path, name, document[: int(len(document) * share)])
    assert read.reason == "damaged" or (name == "a.pdf" and "words" in read.text)


def test_a_pdf_stream_that_swells_is_bounded(tmp_path: Path) -> None:
    swollen = zlib.compress(b"(x) Tj " * 2_000_000, 9)
    document = assemble(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            3: b"<< >>",
            4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R >>",
            5: b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream"
            % (len(swollen), swollen),
        }
    )
    assert outcome(tmp_path, "a.pdf", document).reason in {"", "no-text", "damaged"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", b"%PDF-1.4\n" + b"1 0 obj /Kids [ " * 200_000),
        ("a.pdf", b"%PDF-1.4\n" + b"/Kids [1 0 R] " * 300_000),
        ("a.md", b"> " * 100_000 + b"x"),
        ("a.md", b"**a " * 200_000),
        ("a.md", b"`a``b" * 100_000),
        ("a.rst", b"a\n=\n" * 100_000),
        ("a.py", b"class " * 300_000),
        ("a.rs", b"pub(crate) " * 200_000),
        ("a.html", b"<meta " * 300_000),
        ("a.txt", b"x" * 3_000_000),
        ("a.txt", b"\n \n" * 1_000_000 + b"x"),
        ("a.csv", b'"' * 1_000_001),
    ],
)
def test_a_text_made_to_cost_time_costs_about_its_length(
    name: str, data: bytes, tmp_path: Path
) -> None:
    """Each would take minutes, past the time a test has, if its cost grew faster."""
    assert outcome(tmp_path, name, data).reason in {"", "damaged", "no-text"}


def test_a_table_of_a_hundred_thousand_rows_is_bounded_and_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{at},{'words ' * 33}\n" for at in range(100_000))
    read = outcome(tmp_path, "a.csv", f"Number,Text\n{rows}".encode())
    assert len(read.pieces) == MOST_PIECES
    assert f"only its first {MOST_PIECES} pieces were kept" in read.note


def test_a_file_that_is_gone_has_vanished(tmp_path: Path) -> None:
    assert outcome_of(tmp_path / "gone.txt", "gone.txt").reason == "vanished"
    assert outcome_of(tmp_path / "no" / "gone.txt", "gone.txt").reason == "vanished"


def test_a_pipe_is_never_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert outcome_of(tmp_path / "pipe", "pipe.txt").reason == "not-a-file"


def test_what_is_no_regular_file_is_not_a_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert outcome_of(tmp_path / "socket", "a.txt").reason == "not-a-file"
    assert outcome_of(Path("/dev/zero"), "a.txt").reason == "not-a-file"
    assert outcome_of(tmp_path, "a.txt").reason == "not-a-file"


def test_links_that_lead_to_themselves_are_cyclic(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert outcome_of(tmp_path / "one", "one.txt").reason == "cyclic"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "closed.txt"
    path.write_text("words")
    path.chmod(0)
    assert outcome_of(path, "closed.txt").reason == "no-permission"


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines.txt",
        "half \udce4 sign.txt",
        "../../etc/passwd",
        "..",
        "",
        "/",
        "a" * 5000 + ".txt",
        "tab\t.txt",
        "right\u202eto left.txt",
    ],
)
def test_a_strange_name_only_chooses_and_is_never_opened(name: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, name, b"Only words.").text == "Only words."


def test_a_zero_in_the_path_is_no_file() -> None:
    assert outcome_of(Path("a\x00b"), "a.txt").reason == "not-a-file"
