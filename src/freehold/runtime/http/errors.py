"""The one renderer of errors: the same card in the dialect of the path."""

import msgspec

from freehold.core.errors import FreeholdError
from freehold.runtime.dialects import openai
from freehold.runtime.http.contract import Reply


def problem(error: FreeholdError, dialect: str) -> Reply:
    """An error as a reply."""
    card = error.card()
    headers = (("Retry-After", "5"),) if error.retryable else ()
    if error.status == 401:  # noqa: PLR2004 - RFC 9110 asks for the scheme
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    if dialect == "openai":
        body = openai.write_error(card, error.status)
        return Reply(body=body, status=error.status, headers=headers)
    body = msgspec.json.encode(
        {
            "type": "about:blank",
            "status": error.status,
            "code": card.code,
            "title": card.title,
            "where": card.where,
            "fix": card.fix,
        }
    )
    kind = "application/problem+json"
    return Reply(body=body, status=error.status, content_type=kind, headers=headers)
