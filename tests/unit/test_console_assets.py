"""The console's files: found by name, hashed, packed, as vendored, and nothing from elsewhere."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from freehold.core.errors import HouseError
from freehold.runtime.console.assets import CSP, STATIC, Assets


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets.load()


def test_the_vendored_files_are_the_ones_their_sums_say() -> None:
    listed = (STATIC / "vendor" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    names = set()
    for line in listed:
        digest, name = line.split()
        names.add(name)
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
    there = {
        path.relative_to(STATIC).as_posix()
        for folder in ("vendor", "fonts")
        for path in (STATIC / folder).iterdir()
    }
    assert there == names | {"vendor/SHA256SUMS"}


def test_the_bundle_is_named_by_its_hash_and_small() -> None:
    (bundle,) = (STATIC / "vendor").glob("ui.*.js")
    body = bundle.read_bytes()
    assert hashlib.sha256(body).hexdigest().startswith(bundle.name.split(".")[1])
    assert len(gzip.compress(body, 9)) <= 60_000
    assert bundle.name in (STATIC / "ui.js").read_text(encoding="utf-8")


def test_every_vendored_library_and_font_has_its_licence_beside_it() -> None:
    said = (STATIC / "vendor" / "LICENCES.txt").read_text(encoding="utf-8")
    for name in (
        "preact",
        "@preact/signals",
        "@preact/signals-core",
        "htm",
        "marked",
        "dompurify",
    ):
        assert f"==== {name} " in said
    fonts = {
        path.name.split(".")[0].removesuffix("-italic") for path in STATIC.glob("fonts/*.woff2")
    }
    assert fonts == {path.name.split(".")[0] for path in STATIC.glob("fonts/*.OFL.txt")}


def test_a_file_is_found_under_its_name_and_for_ever_under_the_tree(assets: Assets) -> None:
    plain = assets.get("app.js")
    kept = assets.get(f"{assets.tree}/app.js")
    assert plain is not None
    assert kept is not None
    assert (plain.immutable, kept.immutable) == (False, True)
    assert plain.body == kept.body
    assert plain.etag == kept.etag
    assert re.fullmatch(r'"[0-9a-f]{24}"', plain.etag)
    assert plain.content_type == "text/javascript; charset=utf-8"
    assert plain.gzip_body is not None
    assert gzip.decompress(plain.gzip_body) == plain.body


def test_a_font_is_not_packed_twice(assets: Assets) -> None:
    font = assets.get("fonts/instrument-sans.woff2")
    assert font is not None
    assert font.gzip_body is None
    assert font.content_type == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "../assets.py",
        "..%2fassets.py",
        "index.html",
        "css/../app.js",
        "./app.js",
        "css",
        "000000000000/app.js",
        "vendor/SHA256SUMS",
        "/etc/passwd",
        "app.js\x00.css",
    ],
)
def test_a_path_that_is_no_name_finds_nothing(assets: Assets, path: str) -> None:
    assert assets.get(path) is None
    assert assets.get(f"{assets.tree}/{path}") is None


def test_the_shell_names_only_files_that_are_there_and_holds_nothing_inline(
    assets: Assets,
) -> None:
    shell = assets.shell().body.decode()
    assert "{{" not in shell
    named = re.findall(r'(?:href|src)="([^"]+)"', shell)
    assert len(named) > 20
    for address in named:
        path = address.removeprefix("/static/")
        assert path != address, address
        found = assets.get(path)
        assert found is not None, address
        assert found.immutable
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", shell)
    assert len(assets.shell().body) < 6000


def test_the_policy_allows_our_own_files_and_nothing_else() -> None:
    assert "default-src 'none'" in CSP
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert "*" not in CSP


def test_our_own_modules_ask_nobody_else_and_evaluate_nothing() -> None:
    ours = [path for path in STATIC.rglob("*.js") if path.parent.name != "vendor"]
    assert len(ours) >= 20
    for path in ours:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""\b(?:fetch|import)\(?\s*["'`]https?:""", text), path
        assert not re.search(
            r"\beval\(|new Function|innerHTML|document\.write|\son[a-z]+=\"", text
        ), path
        assert len(text.splitlines()) <= 400, path
    for path in STATIC.glob("css/*.css"):
        assert not re.search(r"https?:|@import", path.read_text(encoding="utf-8")), path


def test_a_missing_console_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(HouseError) as caught:
        Assets.load(tmp_path)
    assert caught.value.fix == "install the package again"
    assert str(tmp_path) in caught.value.where
