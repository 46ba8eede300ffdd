"""The command line without a house: words, envelopes, exit codes."""

import io
import json
import re
from pathlib import Path

import pytest

from freehold.cli.envelope import schema_of
from freehold.cli.house import Problem, path_of, read_problem
from freehold.cli.main import main
from freehold.cli.progress import Progress
from freehold.cli.show import age, count, place, table
from freehold.core.clock import ManualClock
from freehold.core.errors import HouseNotRunning, NotSignedIn


def test_help_groups_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    headings = re.findall(r"^(\w+):$", out, re.MULTILINE)
    assert headings == ["Options", "Start", "Use", "Models", "Own", "Meta"]


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Start the house." in capsys.readouterr().out


def test_a_misspelt_command_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statsu"]) == 2
    assert "there is no command 'statsu'; did you mean 'status'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--home", "{home}", "--json", "version"],
        ["version", "--home", "{home}", "--json"],
        ["--json", "version", "--home", "{home}"],
    ],
)
def test_home_and_json_stand_before_or_after_the_word(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(home=tmp_path) for word in words]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "freehold/version@1"
    assert said["ok"] is True
    assert said["error"] is None
    assert said["warnings"] == []
    assert said["data"]["home"] == str(tmp_path)


def test_home_and_json_stand_after_a_second_word_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "ls", "--json", "--home", str(tmp_path)]) == 5
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "freehold/key-ls@1"
    assert said["error"]["where"] == str(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["open"],
        ["key", "new", "--name", "x"],
        ["models", "ls"],
        ["docs", "search", "rent"],
        ["ask", "What is the rent?"],
    ],
)
def test_without_a_house_the_way_to_start_one_is_named(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), *words]) == 5
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"error FH-HOUSE-005  {tmp_path}\n  no house is running here\n"
        f"  fix   freehold --home {tmp_path} up --detach\n"
    )


def test_an_error_in_json_is_an_envelope_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--home", str(tmp_path), "--json"]) == 5
    told = capsys.readouterr()
    said = json.loads(told.out)
    assert set(said) == {"schema", "ok", "data", "error", "warnings"}
    assert said["ok"] is False
    assert said["data"] is None
    assert set(said["error"]) == {"code", "title", "where", "fix"}
    assert told.err == ""


def test_a_wrong_usage_in_json_is_an_envelope_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "freehold/key-new@1"
    assert said["error"]["code"] == "FH-USE-001"


def test_down_without_a_house_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), "down"]) == 0
    assert capsys.readouterr().out == "no house is running here\n"


def test_a_wrong_spec_stops_up_with_exit_3_and_every_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "freehold.yaml"
    spec.write_text("freehold: 1\nacces: {}\nname: 3\n")
    home = tmp_path / "home"
    assert main(["--home", str(home), "up", "--spec", str(spec)]) == 3
    told = capsys.readouterr().err
    assert "error FH-SPEC-011  freehold.yaml:2:1  acces\n" in told
    assert "did you mean 'access'?" in told
    assert "error FH-SPEC-012  freehold.yaml:3:7  name\n" in told


def test_the_errors_of_a_spec_are_in_the_envelope(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "freehold.yaml"
    spec.write_text("freehold: 1\nacces: {}\nname: 3\n")
    assert main(["--home", str(tmp_path), "up", "--spec", str(spec), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["error"]["code"] == "FH-SPEC-003"
    assert [each["code"] for each in said["data"]["findings"]] == ["FH-SPEC-011", "FH-SPEC-012"]


def test_headless_needs_a_file_for_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), "up", "--headless"]) == 2
    assert "go together" in capsys.readouterr().err


def test_an_admin_token_file_with_something_else_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text("somebody's diary\n")
    words = ["--home", str(tmp_path / "home"), "up", "--headless", "--admin-token-file", str(file)]
    assert main(words) == 7
    assert "not an admin key of this house" in capsys.readouterr().err
    assert file.read_text() == "somebody's diary\n"


def test_an_error_of_the_house_keeps_its_code_and_exit_code() -> None:
    body = b'{"code":"FH-HOUSE-005","title":"gone","status":503,"where":"here","fix":"up"}'
    error = read_problem(503, body)
    assert isinstance(error, HouseNotRunning)
    assert (str(error), error.where, error.fix) == ("gone", "here", "up")


def test_an_error_with_a_code_of_its_own_keeps_it() -> None:
    error = read_problem(401, b'{"code":"FH-ELSE-001","title":"who are you"}')
    assert error.card().code == "FH-ELSE-001"
    assert isinstance(error, NotSignedIn)
    assert error.exit_code == 4


def test_an_answer_that_is_no_problem_document_is_still_an_error() -> None:
    assert str(read_problem(502, b"<html>")) == "the house answered 502"
    assert Problem().code == ""


def test_names_in_paths_are_escaped() -> None:
    assert path_of("collections", "a b/c", "add") == "/collections/a%20b%2Fc/add"


def test_the_schema_is_named_after_the_words() -> None:
    assert schema_of("freehold key new") == "freehold/key-new@1"
    assert schema_of("freehold") == "freehold/freehold@1"


def test_answers_are_columns_counts_and_places() -> None:
    assert table(("A", "BB"), [("long", "x"), ("s", "")]) == "A     BB\nlong  x\ns"
    assert count(1, "file") == "1 file"
    assert count(1024, "passage") == "1,024 passages"
    assert [age(each) for each in (4, 61, 7300, 200_000)] == ["4 s", "1 min", "2 h", "2 d"]
    assert place("a.md", None, 3) == "a.md, line 3"
    assert place("a.pdf", 2, None) == "a.pdf, page 2"
    assert place("a.txt", None, None) == "a.txt"


def test_progress_off_a_terminal_is_a_line_every_five_seconds() -> None:
    out, clock = io.StringIO(), ManualClock()
    progress = Progress("reading", out, clock)
    for step in range(12):
        progress.part(step, 12, f"{step} of 12")
        clock.advance(1)
    progress.close()
    assert out.getvalue() == "reading  0 of 12\nreading  5 of 12\nreading  10 of 12\n"


def test_progress_on_a_terminal_is_one_line_that_changes() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    out, clock = Screen(), ManualClock()
    progress = Progress("reading", out, clock, columns=30)
    progress.part(6, 12, "6 of 12  a very long file name")
    progress.close()
    progress.close()
    shown = out.getvalue().split("\r\x1b[K")
    assert shown == ["", "reading  ▕██████░░░░░░▏ 6 of ", ""]
