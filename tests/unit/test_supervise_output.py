"""The log of a child: nothing lost, never larger than two files, its last lines at hand."""

from pathlib import Path

from freehold.runtime.supervise.output import Output


async def test_what_a_child_says_is_appended_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    for words in (b"one\n", b"two\n"):
        output = Output(log)
        output.take(words)
        await output.settle()
    assert log.read_bytes() == b"one\ntwo\n"


async def test_a_log_is_turned_over_at_its_size_and_one_old_file_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    output = Output(log, largest=1000)
    for number in range(100):
        output.take(b"%099d\n" % number)
        await output.settle()
    assert {path.name for path in tmp_path.iterdir()} == {"child.log", "child.log.1"}
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert log.read_bytes().endswith(b"%099d\n" % 99)


async def test_the_tail_holds_the_last_lines_also_when_the_end_is_missing(tmp_path: Path) -> None:
    output = Output(tmp_path / "child.log")
    output.take(b"".join(b"line %d\n" % number for number in range(50)) + b"and th")
    output.take(b"en nothing")
    await output.settle()
    lines = output.tail().splitlines()
    assert lines[-2:] == ["line 49", "and then nothing"]
    assert len(lines) <= 13


async def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    output = Output(tmp_path / "taken" / "child.log")
    output.take(b"words\n")
    await output.settle()
    assert output.tail() == "words"
