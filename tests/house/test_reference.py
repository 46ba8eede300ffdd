"""The reference is what the code says: pages are fresh, each error code is one and explained."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"\bFH-[A-Z]+-\d{3}\b")


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    file = ROOT / "scripts" / "reference_pages.py"
    spec = importlib.util.spec_from_file_location("reference_pages", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "errors.md", "http.md", "spec.md"])
def test_a_page_says_what_the_code_says(pages: ModuleType, name: str) -> None:
    file = ROOT / "docs" / "reference" / name
    assert file.is_file(), "run scripts/reference"
    assert file.read_text(encoding="utf-8") == pages.PAGES[name](), "run scripts/reference"


def test_no_page_is_left_from_something_that_is_gone(pages: ModuleType) -> None:
    found = {file.name for file in (ROOT / "docs" / "reference").glob("*.md")}
    assert found == set(pages.PAGES)


def test_every_code_in_the_source_is_in_the_reference() -> None:
    explained = set(CODE.findall((ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")))
    used: set[str] = set()
    example = re.compile(r"for example `FH-[A-Z]+-\d{3}`")
    for file in [*(ROOT / "src").rglob("*.py"), ROOT / "bootstrap/setup.py", ROOT / "freehold"]:
        used |= set(CODE.findall(example.sub("", file.read_text(encoding="utf-8"))))
    assert sorted(used - explained) == []
    assert sorted(explained - used) == []


def test_every_error_class_has_a_sentence_and_a_known_exit_code(pages: ModuleType) -> None:
    for code, kind in pages.error_classes().items():
        assert CODE.fullmatch(code), kind
        assert (kind.__doc__ or "").partition("\n")[0].endswith("."), kind
        assert kind.exit_code in {1, 2, 3, 4, 5, 6, 7, 8, 130}, kind
        assert 400 <= kind.status < 600, kind


def test_every_key_of_the_spec_is_explained(pages: ModuleType) -> None:
    for key, _, _, text in pages._keys(pages.Spec):
        assert text.endswith("."), key


def test_every_key_of_the_spec_is_obeyed(pages: ModuleType) -> None:
    source = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("runtime", "cli")
        for file in (ROOT / "src" / "freehold" / folder).rglob("*.py")
    )
    keys = [key for key, *_ in pages._keys(pages.Spec) if key != "freehold"]
    ignored = [key for key in keys if (key if "." in key else f"spec.{key}") not in source]
    assert ignored == [], "a key that nothing reads is worse than none"
