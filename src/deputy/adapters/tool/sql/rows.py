"""Rows as JSON, as many as fit: times as RFC 3339, exact numbers as texts, bytes as marked base64."""

import base64
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import cast

import msgspec

__all__ = ["Rows", "TooLarge", "named", "plain"]

_SAFE = 2**53  # beyond it, whoever reads JSON's numbers as doubles reads another one


class TooLarge(Exception):
    """Not even one row fits."""


def plain(value: object) -> object:
    """A value of a database as one of JSON's types."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) < _SAFE else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return f"PT{format(Decimal(value // datetime.timedelta(microseconds=1)) / 1_000_000, 'f')}S"
        case list() | tuple():
            return [plain(member) for member in cast("Sequence[object]", value)]
        case Mapping():
            return {str(key): plain(member) for key, member in cast("Mapping[object, object]", value).items()}
        case _:
            return str(value)


def named(columns: Sequence[str]) -> list[str]:
    """The names of columns, each once."""
    times: dict[str, int] = {}
    found: list[str] = []
    for column in columns:
        times[column] = times.get(column, 0) + 1
        found.append(column if times[column] == 1 else f"{column}_{times[column]}")
    return found


class Rows:
    """Rows being collected, until there are too many of them."""

    def __init__(self, columns: Sequence[str], most: int, size: int) -> None:
        self._columns = named(columns)
        self._most, self._room = most, size
        self._rows: list[dict[str, object]] = []
        self.truncated = False

    def add(self, values: Iterable[object]) -> bool:
        """Take a row in; False where it does not fit, and no other is wanted. Raises TooLarge."""
        if len(self._rows) >= self._most:
            self.truncated = True
            return False
        row = dict(zip(self._columns, (plain(value) for value in values), strict=True))
        self._room -= len(msgspec.json.encode(row))
        if self._room < 0:
            if not self._rows:
                raise TooLarge
            self.truncated = True
            return False
        self._rows.append(row)
        return True

    def value(self) -> dict[str, object]:
        """All of them, as an answer."""
        return {"columns": self._columns, "rows": self._rows, "truncated": self.truncated}
