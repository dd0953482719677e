"""`[sql.NAME]`: a database that agents may ask, and change where `write` says so."""

import re
from collections.abc import Callable, Iterator

import msgspec

from deputy.app.config import values
from deputy.app.config.connections.base import Connection
from deputy.app.config.document import Table, Where, Wrong
from deputy.domain.label import Label

__all__ = ["Database", "read"]

_MOST_ROWS = 100_000
_MOST_BYTES = 8_000_000
_SERVER = re.compile(
    r"postgres(?:ql)?://(?:[^\s:/@?#]+@)?(?P<host>[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/[^\s/?#@:]+"
    r"(?:\?(?P<options>[^\s#]*))?"
)
_OPTIONS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")
_LOCAL = ("", "localhost", "127.0.0.1", "[::1]")


class Database(Connection, frozen=True, kw_only=True):
    """A database; `password` a reference, `deadline` in seconds, `rows` and `bytes` of one answer."""

    url: str
    password: str = ""
    write: bool = False
    rows: int = 1000
    bytes: int = 1_000_000
    deadline: float = 30.0
    output: Label = msgspec.field(default_factory=Label)

    def references(self) -> Iterator[tuple[str, Where]]:
        """The password."""
        if self.password:
            yield self.password, ("password",)


def read(name: str, table: Table) -> Database:
    """The table `[sql.NAME]`."""
    table.only("url", "password", "write", "rows", "bytes", "deadline", "output")
    url = table.need("url", _url, 'Write "postgresql://user@host/database" or "sqlite:PATH".')
    if url.startswith("sqlite:") and "password" in table:
        raise table.wrong("password", f"`password` in {table.title} goes with a server.", "Remove it.")
    return Database(
        name=name, url=url, password=table.get("password", values.reference, ""),
        write=table.get("write", values.flag, False), rows=table.get("rows", _up_to(_MOST_ROWS), 1000),
        bytes=table.get("bytes", _up_to(_MOST_BYTES), 1_000_000),
        deadline=table.get("deadline", values.duration, 30.0), output=table.get("output", values.label, Label()),
    )  # fmt: skip


def _url(value: object) -> str:
    found = values.line(value)
    if re.match(r"postgres(ql)?://[^/@]*:[^/@]*@", found) or re.search(r"[?&]password=", found):
        raise Wrong(
            "an address without a password", 'Give it by reference, as password = "env:CRM_PASSWORD".', secret=True
        )
    if (
        found.startswith("sqlite:")
        and found not in ("sqlite:", "sqlite::memory:")
        and not found.startswith("sqlite://")
    ):
        return found
    if (server := _SERVER.fullmatch(found)) is None:
        raise Wrong("`postgresql://user@host/database` or `sqlite:PATH`", "Correct the address.", secret=True)
    options = [option.partition("=")[0] for option in (server["options"] or "").split("&") if option]
    for option in options:
        if option not in _OPTIONS:
            raise Wrong(f"an address with no option but {', '.join(_OPTIONS)}", "Remove the others.")
    if "sslmode" not in options and server["host"] not in _LOCAL:
        found += ("&" if options else "?") + "sslmode=verify-full"
    return found


def _up_to(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        found = values.count(value)
        if found > most:
            raise Wrong(f"at most {most}", "Ask for less at once.")
        return found

    return read
