"""Rows as typed values: a query's columns are the fields of a Struct, by name."""

from typing import TypeVar

import apsw
import msgspec

from freehold.core.errors import StoreFailed

T = TypeVar("T", bound=msgspec.Struct)


def rows(cursor: apsw.Cursor, kind: type[T]) -> list[T]:
    """Every row the cursor has left; integers 0 and 1 fit a bool field.

    Raises:
        StoreFailed: a column is missing or has another type; says which.
    """
    first = cursor.fetchone()
    if first is None:
        return []
    names = [column[0] for column in cursor.get_description()]
    found = [dict(zip(names, row, strict=True)) for row in (first, *cursor)]
    try:
        return msgspec.convert(found, list[kind], strict=False, builtin_types=(bytes,))  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        message = f"a stored row is not a {kind.__name__}: {error}"
        raise StoreFailed(message) from error


def one(cursor: apsw.Cursor, kind: type[T]) -> T | None:
    """The first row, None when there is none; the rest of the query is not run.

    Raises:
        StoreFailed: as `rows`.
    """
    first = cursor.fetchone()
    if first is None:
        return None
    names = [column[0] for column in cursor.get_description()]
    cursor.close(force=True)
    try:
        return msgspec.convert(
            dict(zip(names, first, strict=True)), kind, strict=False, builtin_types=(bytes,)
        )
    except msgspec.ValidationError as error:
        message = f"a stored row is not a {kind.__name__}: {error}"
        raise StoreFailed(message) from error
