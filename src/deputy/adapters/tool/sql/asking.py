"""What is asked of the process that talks to a database, and what it answers."""

from typing import Literal

import msgspec

__all__ = ["COMMITTING", "Answer", "Ask", "Source", "no"]

COMMITTING = b"commit"  #: told before a commit leaves: from then on it may have happened


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database is: the path of an SQLite file, or the address of a PostgreSQL server."""

    kind: Literal["sqlite", "postgresql"]
    place: str
    password: str = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request; at most so many rows and bytes come back, in so many seconds. `check` is the doctor's."""

    what: Literal["query", "execute", "tables", "check"]
    source: Source
    sql: str = ""
    params: list[object] = []
    rows: int = 1000
    size: int = 1_000_000
    seconds: float = 30.0
    write: bool = False
    table: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: a value, or a code with a sentence; `unknown` if a commit was sent and nothing came back."""

    value: object = None
    code: str = ""
    message: str = ""
    retry: bool = False
    unknown: bool = False


def no(code: str, message: str, *, retry: bool = False) -> Answer:
    """It certainly did not happen."""
    return Answer(code=code, message=message, retry=retry)
