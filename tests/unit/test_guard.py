"""What no route should ever see."""

import pytest

from freehold.core.errors import BadRequest, NotAllowed
from freehold.runtime.http.guard import (
    HeadersTooLarge,
    WrongHost,
    check_host,
    check_origin,
    check_path,
    headers_of,
    is_ours,
)

OURS = frozenset({"127.0.0.1", "localhost", "[::1]", "ark.example"})


@pytest.mark.parametrize("name", [b"Host", b"Authorization", b"X-Api-Key", b"Cookie", b"Origin"])
def test_a_header_that_decides_may_stand_once(name: bytes) -> None:
    with pytest.raises(BadRequest, match="more than once"):
        headers_of([(name, b"a"), (name.lower(), b"a")])


def test_headers_are_bounded_in_number_and_size() -> None:
    with pytest.raises(HeadersTooLarge):
        headers_of([(b"x-%d" % n, b"") for n in range(101)])
    with pytest.raises(HeadersTooLarge):
        headers_of([(b"x", b"a" * 200_000)])


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\nb", b"a\0b"])
def test_a_control_character_in_a_header_is_refused(value: bytes) -> None:
    with pytest.raises(BadRequest):
        headers_of([(b"x", value)])


@pytest.mark.parametrize("host", ["127.0.0.1:4747", "localhost", "[::1]:80", "ARK.example:443"])
def test_our_own_names_pass_with_any_port(host: str) -> None:
    check_host({"host": host}, OURS)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost:80x", "127.0.0.1/health?",
             "a@localhost", "127.0.0.1:4747:1", "localhost.", "0.0.0.0"],
)  # fmt: skip
def test_any_other_name_is_refused(host: str) -> None:
    with pytest.raises(WrongHost):
        check_host({"host": host}, OURS)
    assert not is_ours(host, OURS)


@pytest.mark.parametrize(
    "path", [b"/a/../b", b"//a", b"/a%2f..%2fb", b"/a\\b", b"/%2e%2e/a", b"/.%2e/a", b"/a%00",
             b"/./a", b"", b"a", b"/" + b"a" * 9000, b"/a%5cb",
             b"/v1/models/a%2f..%2fb", b"/v1/models/a%2f%2fb"],
)  # fmt: skip
def test_a_path_that_two_readers_may_resolve_differently_is_refused(path: bytes) -> None:
    with pytest.raises(BadRequest):
        check_path(path)


@pytest.mark.parametrize("path", [b"/", b"/v1/models", b"/a..b/c.d", b"/files/%C3%A9t%C3%A9.md",
                                  b"/v1/models/freehold%2Freading-room"])  # fmt: skip
def test_a_plain_path_passes(path: bytes) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"},
                {"sec-fetch-site": "cross-site"}, {"origin": "http://127.0.0.1.evil.example"}],
)  # fmt: skip
def test_another_site_may_read_nothing_into_being(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed):
        check_origin("POST", headers, OURS)
    check_origin("GET", headers, OURS)


def test_our_own_page_may() -> None:
    check_origin(
        "POST", {"origin": "http://127.0.0.1:4747", "sec-fetch-site": "same-origin"}, OURS
    )
    check_origin("DELETE", {}, OURS)
