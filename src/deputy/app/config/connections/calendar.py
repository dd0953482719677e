"""`[calendar.NAME]`: a calendar on a CalDAV server."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deputy.app.config import values
from deputy.app.config.connections.base import Connection
from deputy.app.config.document import Table, Where, Wrong

__all__ = ["Calendar", "read"]

_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,190}")


class Calendar(Connection, frozen=True, kw_only=True):
    """A calendar; `password` a reference, `deadline` in seconds, `address` from which invitations come."""

    url: str
    user: str
    password: str
    address: str = ""
    zone: str = "UTC"
    write: bool = False
    invitations: bool = False
    deadline: float = 30.0

    def references(self) -> Iterator[tuple[str, Where]]:
        """The password."""
        yield self.password, ("password",)


def read(name: str, table: Table) -> Calendar:
    """The table `[calendar.NAME]`."""
    table.only("url", "user", "password", "address", "zone", "write", "invitations", "deadline")
    secret = 'Give it by reference, as password = "env:CALENDAR_PASSWORD".'
    found = Calendar(
        name=name, url=table.need("url", values.url, "Give the calendar's own address, as its server shows it."),
        user=table.need("user", values.line, "Give the name of the user at that server."),
        password=table.need("password", values.reference, secret),
        address=table.get("address", _address, ""), zone=table.get("zone", _zone, "UTC"),
        write=table.get("write", values.flag, False), invitations=table.get("invitations", values.flag, False),
        deadline=table.get("deadline", values.duration, 30.0),
    )  # fmt: skip
    if found.invitations and not (found.write and found.address):
        message = f"`invitations` in {table.title} needs `write = true` and an `address`."
        raise table.wrong("invitations", message, "Say from which mail address invitations come.")
    return found


def _address(value: object) -> str:
    found = values.line(value)
    if not _ADDRESS.fullmatch(found):
        raise Wrong("a mail address", "Write it as name@example.com.")
    return found


def _zone(value: object) -> str:
    found = values.line(value)
    try:
        ZoneInfo(found)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("a time zone", "Write it as Europe/Brussels or Asia/Shanghai.") from None
    return found
