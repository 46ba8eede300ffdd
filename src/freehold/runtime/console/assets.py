"""The console's files, read once at start and held in memory, ready to be served.

Every file can be asked for under two names: `app.js`, to be checked again each time (ETag), and
`<tree>/app.js`, where `<tree>` is a hash over all files, which may be kept for ever. The shell
names the second kind only. Modules import each other by relative path, so one hash in one place
renews them all together and no page ever mixes two versions.
"""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from freehold.core.errors import HouseError

STATIC: Final = Path(__file__).parent / "static"

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
"""The shell's Content-Security-Policy: our own files only, nothing inline, no eval."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Headers of the shell and every file. Link look-ahead is off: a name resolved is a trace."""

CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
PACKED_ALREADY: Final = frozenset({".woff2"})
LAZY: Final = "lazy/"
SHELL: Final = "index.html"


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file, ready to be sent.

    `etag` carries its quotes. `gzip_body` is None where packing does not pay. `immutable` says
    that this name will never mean other bytes: send `Cache-Control: public, max-age=31536000,
    immutable`; otherwise send `Cache-Control: no-cache`.
    """

    body: bytes
    gzip_body: bytes | None
    content_type: str
    etag: str
    immutable: bool


class Assets:
    """All files of the console by name. Nothing is read from disk after `load`."""

    def __init__(self, files: Mapping[str, Asset], shell: Asset, tree: str) -> None:
        self._files = files
        self._shell = shell
        self.tree = tree

    @classmethod
    def load(cls, folder: Path = STATIC) -> Self:
        """Read every file under `folder`. Raises HouseError when there is no shell."""
        bodies = _read(folder)
        if SHELL not in bodies:
            raise HouseError(
                "the console's files are not where the package keeps them",
                where=str(folder / SHELL),
                fix="install the package again",
            )
        page = bodies.pop(SHELL)
        tree = _digest(b"".join(name.encode() + bodies[name] for name in sorted(bodies)))[:12]
        files = {name: _asset(name, body, immutable=False) for name, body in bodies.items()}
        shell = _asset(SHELL, _fill(page, tree, sorted(bodies)), immutable=False)
        return cls(files, shell, tree)

    def get(self, path: str) -> Asset | None:
        """The file served at `/static/<path>`; None when there is no such file.

        A look-up among known names, so that no spelling of a path can leave the folder.
        """
        tree, _, rest = path.partition("/")
        if tree == self.tree:
            found = self._files.get(rest)
            return msgspec.structs.replace(found, immutable=True) if found else None
        return self._files.get(path)

    def shell(self) -> Asset:
        """The page at `/`. It holds nothing of the person's, and is checked again each time."""
        return self._shell


def _read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in CONTENT_TYPES
    }


def _fill(page: bytes, tree: str, names: list[str]) -> bytes:
    base = f"/static/{tree}"
    modules = [n for n in names if n.endswith(".js") and n != "theme.js" and LAZY not in n]
    ahead = "\n".join(f'<link rel="modulepreload" href="{base}/{name}">' for name in modules)
    return page.replace(b"{{base}}", base.encode()).replace(b"{{ahead}}", ahead.encode())


def _asset(name: str, body: bytes, *, immutable: bool) -> Asset:
    suffix = Path(name).suffix
    packed = None if suffix in PACKED_ALREADY else gzip.compress(body, 6, mtime=0)
    return Asset(
        body=body,
        gzip_body=packed if packed is not None and len(packed) < len(body) else None,
        content_type=CONTENT_TYPES[suffix],
        etag=f'"{_digest(body)[:24]}"',
        immutable=immutable,
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
