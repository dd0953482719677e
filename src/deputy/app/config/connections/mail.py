"""`[mail.NAME]`: a mailbox, as a Maildir on this machine or on an IMAP server, and how letters leave it."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from deputy.app.config import values
from deputy.app.config.connections.base import Connection
from deputy.app.config.document import Table, Where, Wrong

__all__ = ["MailConnection", "MailServer", "read"]

_ADDRESS = re.compile(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_SERVER = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,40}\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
_PORTS = {"imaps": 993, "imap": 143, "smtps": 465, "smtp": 587}
_FOLDER = re.compile(r"[^\x00-\x1f\x7f*%\"\\]{1,200}")


class MailServer(NamedTuple):
    """A server of mail: encrypted from the first byte, by STARTTLS, or, on this machine alone, not at all."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]


class MailConnection(Connection, frozen=True, kw_only=True):
    """A mailbox: read from `maildir` or `imap`, sent through `smtp` or the Maildir's outbox; `password` a reference.

    `maildir` and `ca` are relative to the workspace.
    """

    address: str
    display: str = ""  #: the name beside the address
    maildir: str = ""
    imap: MailServer | None = None
    smtp: MailServer | None = None
    user: str = ""
    password: str = ""
    ca: str = ""  #: certificates of authorities that are believed instead of the system's
    authserv_id: str = ""
    inbox: str = "INBOX"
    sent: str = "Sent"
    outbox: str = "Outbox"
    channel: bool = False  #: whether people are asked by it
    saves_sent: bool | None = None  #: whether the server itself keeps a copy of what is sent; None: ask it

    def references(self) -> Iterator[tuple[str, Where]]:
        """The password."""
        if self.password:
            yield self.password, ("password",)


def read(name: str, table: Table) -> MailConnection:
    """The table `[mail.NAME]`."""
    table.only(
        "address", "name", "maildir", "imap", "smtp", "user", "password", "ca", "authserv_id", "inbox", "sent",
        "outbox", "saves_sent", "channel",
    )  # fmt: skip
    address = table.need("address", _address, "Give the address that letters are sent from.")
    if ("maildir" in table) == ("imap" in table):
        found = "both `maildir` and `imap`" if "imap" in table else "neither `maildir` nor `imap`"
        message = f"{table.title} has {found}."
        raise table.document.wrong(table.where, message, "Say where the mailbox is: a folder, or a server.")
    imap, smtp = table.get("imap", _server("imap"), None), table.get("smtp", _server("smtp"), None)
    password = table.get("password", values.reference, "")
    if imap is not None and not password:
        message = f"{table.title} has an `imap` and no `password`."
        raise table.document.wrong(table.where, message, 'Add `password = "secret:NAME"` or `"env:NAME"`.')
    for key, other in (("user", "password"), ("saves_sent", "imap"), ("inbox", "imap"), ("channel", "authserv_id")):
        if key in table and other not in table:
            raise table.wrong(key, f"`{key}` in {table.title} goes with `{other}`.", "Remove it, or add that.")
    return MailConnection(
        name=name, address=address, display=table.get("name", values.line, ""),
        maildir=table.get("maildir", values.line, ""), imap=imap, smtp=smtp,
        user=table.get("user", values.line, address if password else ""), password=password,
        ca=table.get("ca", values.line, ""), authserv_id=table.get("authserv_id", values.line, ""),
        inbox=table.get("inbox", _folder, "INBOX"), sent=table.get("sent", _folder, "Sent"),
        outbox=table.get("outbox", _folder, "Outbox"), saves_sent=table.get("saves_sent", values.flag, None),
        channel=table.get("channel", values.flag, False),
    )  # fmt: skip


def _address(value: object) -> str:
    found = values.line(value)
    if not _ADDRESS.fullmatch(found):
        raise Wrong("one e-mail address", "Write it as name@company.example.")
    return found


def _folder(value: object) -> str:
    found = values.line(value)
    if not _FOLDER.fullmatch(found):
        raise Wrong("the name of a folder", "Write it as the mailbox shows it, such as `Sent`.")
    return found


def _server(kind: Literal["imap", "smtp"]) -> Callable[[object], MailServer]:
    """A reader of `imaps://host:993` and the like."""
    remedy = f"Write it as {kind}s://host, or {kind}://host for a server that speaks STARTTLS; a port may follow."

    def read_server(value: object) -> MailServer:
        text = values.line(value)
        if "@" in text:
            raise Wrong("an address without user or password", "Use `user` and `password`.", secret=True)
        found = _SERVER.fullmatch(text)
        if found is None or found["scheme"] not in (kind, f"{kind}s"):
            raise Wrong("the address of a server", remedy)
        host, port = found["host"].strip("[]"), int(found["port"] or _PORTS[found["scheme"]])
        if not 0 < port < 65_536:
            raise Wrong("the address of a server", remedy)
        tls = "tls" if found["scheme"].endswith("s") else "none" if _is_here(host) else "starttls"
        return MailServer(host, port, tls)

    return read_server


def _is_here(host: str) -> bool:
    """Whether this names this machine, whose wires nobody else reads."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
