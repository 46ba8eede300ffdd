"""The console: its page at every address a person may open, its files under `/static`."""

from typing import Final

from freehold.core.errors import NotFound
from freehold.runtime.console.assets import HEADERS, Asset
from freehold.runtime.http.contract import Answer, Ask, House, Reply, Route

_FOR_EVER: Final = ("Cache-Control", "public, max-age=31536000, immutable")
_ASK_AGAIN: Final = ("Cache-Control", "no-cache")


def _reply(ask: Ask, asset: Asset) -> Reply:
    headers = (
        *HEADERS.items(),
        ("ETag", asset.etag),
        ("Vary", "Accept-Encoding"),
        _FOR_EVER if asset.immutable else _ASK_AGAIN,
    )
    if ask.headers.get("if-none-match") == asset.etag:
        return Reply(status=304, content_type=asset.content_type, headers=headers)
    if asset.gzip_body is not None and "gzip" in ask.headers.get("accept-encoding", ""):
        packed = (*headers, ("Content-Encoding", "gzip"))
        return Reply(body=asset.gzip_body, content_type=asset.content_type, headers=packed)
    return Reply(body=asset.body, content_type=asset.content_type, headers=headers)


async def page(ask: Ask, house: House) -> Answer:
    """The console's page."""
    return _reply(ask, house.assets.shell())


async def file(ask: Ask, house: House) -> Answer:
    """A file of the console, by name among those that exist."""
    found = house.assets.get(ask.named("path"))
    if found is None:
        message = f"there is no file {ask.named('path')[:100]!r}"
        raise NotFound(message)
    return _reply(ask, found)


PAGES: Final = ("/",)
"""Addresses of the console; which of its pages is shown stands behind the `#`."""

ROUTES: Final = (
    *(
        Route(method="GET", path=path, who="public", take=page, summary="The console.")
        for path in PAGES
    ),
    Route(
        method="GET",
        path="/static/{path:path}",
        who="public",
        take=file,
        summary="A file of the console.",
    ),
)
