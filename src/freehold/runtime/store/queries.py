"""SQL lives in `.sql` files, each query under a name with a line that says what it answers.

```sql
-- name: turn_by_id
-- One turn, only if it belongs to this owner.
SELECT ... WHERE id = :id AND owner_id = :owner;
```
"""

import functools
import importlib.resources
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from freehold.core.errors import StoreFailed

_HEAD: Final = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@functools.cache
def queries(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """The named queries of a file that lies beside the code of `package`.

    Raises:
        StoreFailed: the file is not written as it should be; a mistake of ours.
    """
    text = importlib.resources.files(package).joinpath(file).read_text("utf-8")
    return MappingProxyType(parse(text, f"{package}/{file}"))


def parse(text: str, where: str) -> dict[str, str]:
    """Read the named queries of a text.

    Raises:
        StoreFailed: a name is missing, twice there or misspelt, or a description is missing.
    """
    before, *parts = _HEAD.split(text)
    if _statement(before):
        raise StoreFailed("there is SQL before the first name", where=where)
    found: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if not _NAME.fullmatch(name) or name in found:
            message = f"the query name {name!r} is misspelt or there twice"
            raise StoreFailed(message, where=where)
        description, _, sql = body.lstrip("\n").partition("\n")
        if not description.startswith("-- ") or not _statement(sql):
            message = f"the query {name} needs one line that describes it, then SQL"
            raise StoreFailed(message, where=where)
        found[name] = sql.strip()
    return found


def _statement(text: str) -> str:
    """What is left of a text without comment lines and blanks."""
    return "".join(line for line in text.splitlines() if not line.startswith("--")).strip()
