"""Every route there is. What is not in this table does not exist."""

from typing import Final

from freehold.runtime.http.contract import Route
from freehold.runtime.http.routes import (
    chats,
    console,
    documents,
    health,
    keys,
    models,
    openai,
    session,
    work,
)

TABLE: Final[tuple[Route, ...]] = (
    *health.ROUTES,
    *openai.ROUTES,
    *session.ROUTES,
    *chats.ROUTES,
    *documents.ROUTES,
    *models.ROUTES,
    *keys.ROUTES,
    *work.ROUTES,
    *console.ROUTES,
)
