"""The house keeps its shape: short files, short functions, names that mean something."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "freehold"
FILES = sorted(SOURCE.rglob("*.py"))
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "manager", "base"}
EMPTY_ENDINGS = ("Manager", "Handler", "Helper", "Impl", "Data", "Info", "Base")
LONGEST_FILE = 450
LONGEST_FUNCTION = 60


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
class TestFile:
    def test_it_is_short(self, file: Path) -> None:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE

    def test_its_functions_are_short(self, file: Path) -> None:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"

    def test_its_names_say_something(self, file: Path) -> None:
        assert not EMPTY_WORDS & set(file.stem.split("_"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                assert not node.name.endswith(EMPTY_ENDINGS), node.name

    def test_it_says_what_lives_in_it(self, file: Path) -> None:
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        assert text, "a module starts with one sentence about what lives here"

    def test_a_folder_file_only_introduces(self, file: Path) -> None:
        if file.name == "__init__.py":
            tree = ast.parse(file.read_text(encoding="utf-8"))
            made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            assert not [node for node in tree.body if isinstance(node, made)]


def test_every_folder_with_code_is_introduced() -> None:
    folders = {file.parent for file in FILES}
    assert not sorted(str(each) for each in folders if not (each / "__init__.py").is_file())
