"""Where a request may go is decided on the address it really connects to."""

import pytest

from fakes.raw_server import RawServer
from freehold.core.errors import BadRequest, EngineUnreachable, FreeholdError, RefusedForSafety
from freehold.runtime.outbound.address import read_address
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy, is_allowed, is_public, read_ip

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2001:10::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::ffff:0:127.0.0.1",
]

REFUSED = RefusedForSafety | BadRequest | EngineUnreachable  # the last: no such name here
# What the system's resolver makes an address of, and a strict reader must not.
MENDED = [
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://127.0.0.1.nip.io@127.0.0.1/",
    "http://a.com\\@127.0.0.1/",
    "http://127.0.0.1\\@a.com/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://user:pass@127.0.0.1/",
    "http://127.0.0.1#@a.com/",
    "http://[::ffff:7f00:1]/",
    "http://[::1]/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://127.0.0.1./",
    "http://%6c%6f%63alhost/",
    "http://127%2e0%2e0%2e1/",
    "http://[fe80::1%25lo]/",
    "http://0.0.0.0/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://127.0.0.01/",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_of_special_purpose_are_not_public(text: str) -> None:
    ip = read_ip(text)
    assert ip is not None
    assert not is_public(ip)


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
)
def test_ordinary_addresses_are_public(text: str) -> None:
    ip = read_ip(text)
    assert ip is not None
    assert is_public(ip)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_only_reaches_this_machine(text: str) -> None:
    ip = read_ip(text)
    assert ip is not None
    assert is_allowed(Policy.LOOPBACK_ONLY, ip)
    assert not is_allowed(Policy.PUBLIC, ip)


@pytest.mark.parametrize("text", ["0.0.0.0", "10.0.0.1", "8.8.8.8", "::", "64:ff9b::7f00:1"])
def test_loopback_only_reaches_nothing_else(text: str) -> None:
    ip = read_ip(text)
    assert ip is not None
    assert not is_allowed(Policy.LOOPBACK_ONLY, ip)


@pytest.mark.parametrize("text", ["224.0.0.1", "0.0.0.0", "::", "ff02::1", "255.255.255.255"])
def test_even_an_owner_cannot_call_a_crowd_or_nowhere(text: str) -> None:
    ip = read_ip(text)
    assert ip is not None
    assert not is_allowed(Policy.ANY, ip)


@pytest.mark.parametrize("url", MENDED)
async def test_no_way_of_writing_loopback_passes_as_public(url: str) -> None:
    async with Client(policy=Policy.PUBLIC) as client:
        with pytest.raises(FreeholdError) as raised:
            await client.request("GET", url, timeout_s=5)
    assert isinstance(raised.value, REFUSED), raised.value


@pytest.mark.parametrize(
    "url", [f"http://{'[' + ip + ']' if ':' in ip else ip}:9/" for ip in NOT_PUBLIC]
)
async def test_no_special_address_passes_as_public(url: str) -> None:
    async with Client(policy=Policy.PUBLIC) as client:
        with pytest.raises((RefusedForSafety, BadRequest)):
            await client.request("GET", url)


async def test_one_forbidden_address_of_a_name_spoils_it_all() -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del host, port
        return ("93.184.215.14", "127.0.0.1")

    async with Client(policy=Policy.PUBLIC, resolve=resolve) as client:
        with pytest.raises(RefusedForSafety):
            await client.request("GET", "http://example.test/")


@pytest.mark.parametrize("later", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
async def test_a_name_that_turns_to_loopback_later_reaches_nothing(later: str) -> None:
    answers = iter([("0.0.0.1",), (later,), (later, "93.184.215.14")])

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del host, port
        return next(answers)

    async with RawServer() as canary, Client(policy=Policy.PUBLIC, resolve=resolve) as client:
        for _ in range(3):
            with pytest.raises(RefusedForSafety):
                await client.request("GET", f"http://rebinding.test:{canary.port}/")
        assert canary.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_name_that_turns_between_two_hops_is_caught(status: int) -> None:
    answers = iter([("127.0.0.1",), ("10.0.0.1",)])

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del host, port
        return next(answers)

    script = f"HTTP/1.1 {status} X\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n".encode()
    async with RawServer([script]) as server:
        client = Client(policy=Policy.LOOPBACK_ONLY, resolve=resolve, redirects=3)
        async with client:
            with pytest.raises(RefusedForSafety):
                await client.request("GET", f"http://turning.test:{server.port}/a")
        assert server.connections == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "http:///x",
        "ftp://a/",
        "file:///etc/passwd",
        "http://a b/",
        "http://a/ b",
        "http://a/\r\nx: y",
        "http://a/\tb",
        "http://a:0/",
        "http://a:65536/",
        "http://a:1e3/",
        "http://a/#fragment",
        "http://u@a/",
        "http://u:p@a/",
        "http://a\\b/",
        "http://a/\\b",
        "http://ä.de/",
        "http://a/ä",
        "http://a/\x00",
        "http://a/\x7f",
        "http://[::1",
        "http://[x]/",
        "//a/",
        "a/b",
        " http://a/",
        "http://a/ ",
        "http://-a/",
        "http://a/" + "x" * 9000,
    ],
)
def test_what_is_not_a_plain_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_address(url)
    assert raised.value.fix


@pytest.mark.parametrize(
    ("url", "place", "host", "target"),
    [
        ("http://a", "a:80", "a", "/"),
        ("https://A.example", "a.example:443", "a.example", "/"),
        ("http://a:81?x=1", "a:81", "a:81", "/?x=1"),
        ("http://[::1]:8080/v1", "[::1]:8080", "[::1]:8080", "/v1"),
        ("https://a:443/p%20q?x=%F0&y", "a:443", "a", "/p%20q?x=%F0&y"),
        ("http://a:443/", "a:443", "a:443", "/"),
    ],
)
def test_a_plain_address_is_read(url: str, place: str, host: str, target: str) -> None:
    address = read_address(url)
    assert (address.place, address.host_header, address.target) == (place, host, target)
