"""Requests that no honest client sends: each gets a clear answer, none a 500, nothing breaks."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from freehold.runtime.http.table import TABLE
from running import RunningHouse

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(demo_house: RunningHouse) -> RunningHouse:
    return demo_house


def raw(house: RunningHouse, text: bytes, *, timeout_s: float = 10) -> tuple[int, bytes]:
    """Bytes as they are; the status, and everything that came back. 0: closed without a word."""
    host, _, port = house.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as line:
        try:
            line.sendall(text)
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        got = b""
        try:
            while piece := line.recv(65536):
                got += piece
        except OSError:
            pass
    status = got.split(b" ", 2)[1:2]
    return (int(status[0]) if status else 0), got


def head(*lines: str, method: str = "GET", path: str = "/freehold/v1/status") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def auth(house: RunningHouse) -> str:
    return f"Authorization: Bearer {house.key}"


RAW: dict[str, tuple[str, ...]] = {
    "two Host headers": ("Host: localhost", "Host: localhost", "{auth}"),
    "no Host": ("{auth}",),
    "a foreign Host": ("Host: evil.example", "{auth}"),
    "a rebinding Host": ("Host: 127.0.0.1.evil.example", "{auth}"),
    "two keys": ("Host: localhost", "{auth}", "{auth}"),
    "200 KB of headers": ("Host: localhost", "{auth}", "X: " + "a" * 200_000),
    "a thousand headers": ("Host: localhost", "{auth}", *(f"X-{n}: 1" for n in range(1000))),
    "length and chunks": ("Host: localhost", "{auth}", "Content-Length: 3",
                          "Transfer-Encoding: chunked"),
    "two lengths": ("Host: localhost", "{auth}", "Content-Length: 3", "Content-Length: 4"),
    "a negative length": ("Host: localhost", "{auth}", "Content-Length: -1"),
    "a folded header": ("Host: localhost", "{auth}", "X: a", " b: c"),
    "a basic credential": ("Host: localhost", "Authorization: Basic YTpi"),
    "a forged address": ("Host: localhost", "X-Forwarded-For: 127.0.0.1",
                         "X-Forwarded-User: admin", "Remote-User: admin"),
}  # fmt: skip


@pytest.mark.parametrize("case", RAW, ids=list(RAW))
def test_an_odd_head_never_passes(house: RunningHouse, case: str) -> None:
    lines = tuple(line.replace("{auth}", auth(house)) for line in RAW[case])
    status, got = raw(house, head(*lines))
    assert status in {0, 400, 401, 421, 431}, got[:300]


PATHS = (
    "//freehold/v1/status", "/freehold/v1/../v1/status", "/freehold/v1/%2e%2e/v1/status",
    "/freehold%2fv1%2fstatus", "/freehold\\v1\\status", "/freehold/v1/status%00", "/./health",
    "/static/../people/people.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py",
    "/freehold/v1/chats/%ff%fe", "/v1/models/..%2f..%2fetc", "/" + "a" * 10_000,
    "/freehold/v1/documents?after=" + "x" * 5000, "/freehold/v1/documents?limit=9999999999999999",
    "/freehold/v1/chats?limit=-1", "/freehold/v1/turns/turn_x/events?after=1e9", "*", "http://x/",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_an_odd_path_finds_nothing_and_breaks_nothing(house: RunningHouse, path: str) -> None:
    status, got = raw(house, head("Host: localhost", auth(house), path=path))
    assert status in {0, 200, 400, 404, 414, 421}, got[:300]
    assert b"Traceback" not in got
    assert status != 200 or b"documents" in got


BODIES = (
    b"", b"null", b"[]", b"{", b"{}", b'"x"', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000,
    b'{"text": "\\ud800", "client_id": "1"}', b'{"text": "a\\u0000b", "client_id": "1"}',
    b'{"text": NaN, "client_id": "1"}', b'{"text": 1e400}', b'{"text": 9223372036854775808}',
    b'{"name": -9223372036854775809}', b'{"token": ["x"], "passphrase": {}}',
    b'{"model": "x", "messages": [{"role": "user", "content": "\\udfff"}]}',
    b'{"model": "freehold-tiny", "messages": [], "n": 9223372036854775808}',
    *(
        b'{"model": "freehold-tiny", "messages": [{"role": "user", "content": "x"}], ' + odd + b"}"
        for odd in (b'"temperature": NaN', b'"max_tokens": -1', b'"stop": [[]]', b'"seed": 1e99')
    ),
    b'{"query": "' + b"(" * 5000 + b'", "limit": 10}', b'{"query": "\\" OR 1=1 --", "limit": 1e2}',
    b'{"paths": ["relative"]}', b'{"paths": ["/dev/zero"]}', b'{"path": "/etc/passwd"}',
    b'{"ref": "../../../etc"}', b'{"question": ""}', b'{"collections": 1, "question": "x"}',
    b'{"text": "x", "client_id": "1", "parent_id": "turn_none"}', b'{"pinned": "yes"}',
)  # fmt: skip


def writing() -> list[Any]:
    return [route for route in TABLE if route.method in {"POST", "PUT", "PATCH", "DELETE"}]


@pytest.mark.parametrize("route", writing(), ids=lambda r: f"{r.method} {r.path}")
def test_no_body_makes_any_route_fail(house: RunningHouse, route: Any) -> None:
    path = route.path.replace("{path:path}", "a/b.txt").replace("{name:path}", "none")
    for name in ("id", "collection", "name"):
        path = path.replace("{" + name + "}", "none")
    for body in BODIES:
        if path.endswith("/sign-out"):
            continue
        status, answer = house.request(route.method, path, raw=body, timeout_s=20)
        assert status < 500 or status == 502, (body[:80], status, answer)
        if status >= 400:
            said = answer.get("error") or answer
            assert said.get("message") or said.get("title"), answer
            assert "Traceback" not in json.dumps(answer)


@pytest.mark.parametrize("route", TABLE, ids=lambda r: f"{r.method} {r.path}")
def test_a_stranger_reaches_only_what_is_public(house: RunningHouse, route: Any) -> None:
    path = route.path.replace("{path:path}", "x").replace("{name:path}", "x")
    for name in ("id", "collection", "name"):
        path = path.replace("{" + name + "}", "x")
    for headers in ({"Authorization": ""}, {"Authorization": "", "Cookie": "freehold=guess"}):
        status, _ = house.request(route.method, path, raw=b"{}", headers=headers)
        if route.who != "public":
            assert status == 401, (route.path, status)
    status, _ = house.request(
        route.method, path, raw=b"{}", headers={"Authorization": "Bearer no"}
    )
    assert status == 401


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND", "DELETE", "PUT"])
def test_a_method_that_a_route_does_not_declare_is_refused(
    house: RunningHouse, method: str
) -> None:
    status, _ = raw(house, head("Host: localhost", auth(house), method=method, path="/health"))
    assert status in {0, 400, 404, 405}


def test_a_page_of_another_site_changes_nothing(house: RunningHouse) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, _ = house.request("POST", "/freehold/v1/keys", {"name": "x"}, headers=headers)
        assert status == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _ = house.request("POST", "/freehold/v1/keys", raw=b"name=x", headers=form)
    assert status == 400


def test_a_body_larger_than_a_route_takes_is_refused_early(house: RunningHouse) -> None:
    status, body = house.request("POST", "/freehold/v1/keys", raw=b" " * 200_000)
    assert status == 413, body


def test_no_secret_is_in_any_log(house: RunningHouse) -> None:
    _, made = house.request("POST", "/freehold/v1/keys", {"name": "canary"})
    own = house.key
    for path in ("/v1/models", "/freehold/v1/nothing", f"/freehold/v1/chats?query={made['key']}"):
        house.key = made["key"]
        house.request("GET", path)
    house.key = own
    house.request("POST", "/v1/chat/completions", raw=b'{"model": "' + own.encode() + b'"}')
    logs = list(Path(house.home / "logs").rglob("*"))
    assert logs
    for file in logs:
        if file.is_file():
            content = file.read_bytes()
            assert made["key"].encode() not in content, file
            assert own.encode() not in content, file


def test_the_house_is_well_after_all_of_this(house: RunningHouse) -> None:
    assert house.request("GET", "/health")[1]["status"] == "ok"
