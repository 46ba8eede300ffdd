"""freehold.yaml: what it says, and every way it can be wrong."""

import inspect
from pathlib import Path

import pytest

from freehold.core.errors import SpecError
from freehold.spec.check import CHECKS
from freehold.spec.load import SpecInvalid, load_spec, read_spec
from freehold.spec.model.spec import Spec


def _wrong(text: str) -> list[tuple[str, str]]:
    with pytest.raises(SpecInvalid) as caught:
        read_spec(text)
    return [(each.code, each.where) for each in caught.value.findings]


def test_one_line_is_a_whole_spec() -> None:
    assert read_spec("freehold: 1\n") == Spec()


def test_every_key_can_be_said() -> None:
    spec = read_spec("""
freehold: 1
name: The Lighthouse
access:
  bind: ::1
  port: 0
  hosts: [ai.example.org, lighthouse]
models:
  default: qwen3-8b
  threads: 4
  context: 16_384
  hub: https://hub.example.org
""")
    assert spec.name == "The Lighthouse"
    assert spec.access.bind == "::1"
    assert spec.access.hosts == ("ai.example.org", "lighthouse")
    assert (spec.models.threads, spec.models.context) == (4, 16_384)


def test_no_is_a_word_and_not_false() -> None:
    assert read_spec("freehold: 1\nname: no\n").name == "no"


def test_every_error_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """freehold: 2
nam: x
access:
  bind: 0.0.0.0
  port: "80"
  hosts: [ok, 3, "http://x"]
models: [a]
name: 3
"""
    assert _wrong(text) == [
        ("FH-SPEC-020", "freehold.yaml:1:1  freehold"),
        ("FH-SPEC-011", "freehold.yaml:2:1  nam"),
        ("FH-SPEC-022", "freehold.yaml:4:3  access.bind"),
        ("FH-SPEC-012", "freehold.yaml:5:9  access.port"),
        ("FH-SPEC-024", "freehold.yaml:6:3  access.hosts"),
        ("FH-SPEC-012", "freehold.yaml:6:15  access.hosts"),
        ("FH-SPEC-012", "freehold.yaml:7:9  models"),
        ("FH-SPEC-012", "freehold.yaml:8:7  name"),
    ]


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", "FH-SPEC-013", "freehold.yaml:1:1"),
        ("name: x\n", "FH-SPEC-013", "freehold.yaml:1:1  freehold"),
        ("- a\n", "FH-SPEC-012", "freehold.yaml:1:1"),
        ("a: [1\n", "FH-SPEC-010", "freehold.yaml:2:1"),
        ("a: \t1\n", "FH-SPEC-010", "freehold.yaml:1:4"),
        ("freehold: 1\nname: a\nname: b\n", "FH-SPEC-014", "freehold.yaml:3:1  name"),
        ("freehold: 1\naccess: {port: 65536}\n", "FH-SPEC-023", "freehold.yaml:2:10  access.port"),
        ("freehold: 1\naccess: {port: 1.5}\n", "FH-SPEC-012", "freehold.yaml:2:16  access.port"),
        (f"freehold: {'9' * 5000}\n", "FH-SPEC-012", "freehold.yaml:1:11  freehold"),
        ("freehold: 1\nname: ''\n", "FH-SPEC-021", "freehold.yaml:2:1  name"),
        (
            "freehold: 1\nmodels: {threads: -1}\n",
            "FH-SPEC-025",
            "freehold.yaml:2:10  models.threads",
        ),
        (
            "freehold: 1\nmodels: {context: 12}\n",
            "FH-SPEC-026",
            "freehold.yaml:2:10  models.context",
        ),
        (
            "freehold: 1\nmodels: {hub: 'ftp://x'}\n",
            "FH-SPEC-027",
            "freehold.yaml:2:10  models.hub",
        ),
        (
            "freehold: 1\nmodels: {hub: 'http://x'}\n",
            "FH-SPEC-027",
            "freehold.yaml:2:10  models.hub",
        ),
        ("freehold: 1\naccess: {bind: x}\n", "FH-SPEC-022", "freehold.yaml:2:10  access.bind"),
    ],
)
def test_a_wrong_file_is_told_by_place(text: str, code: str, where: str) -> None:
    assert (code, where) in _wrong(text)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: &a [*a]\n", "{" * 3000, "\0", "!!python/object:x y"]
)
def test_a_hostile_file_is_told_and_does_no_harm(text: str) -> None:
    assert _wrong(text)


def test_an_unknown_key_names_the_nearest_one() -> None:
    with pytest.raises(SpecInvalid) as caught:
        read_spec("freehold: 1\naccess: {prot: 1}\n")
    assert caught.value.findings[0].fix == "did you mean 'port'?"
    assert caught.value.exit_code == 3


def test_an_empty_section_is_a_section_of_defaults() -> None:
    assert read_spec("freehold: 1\naccess:\n").access == Spec().access


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_spec(tmp_path / "none.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"freehold: 1\nname: caf\xe9\n")
    with pytest.raises(SpecError, match="not UTF-8"):
        load_spec(latin)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (1 << 21))
    with pytest.raises(SpecError, match="1 MiB"):
        load_spec(large)


def test_every_rule_says_in_words_what_it_keeps() -> None:
    for code, rule in CHECKS.items():
        assert code.startswith("FH-SPEC-")
        assert (inspect.getdoc(rule) or "").endswith("."), code
