"""From a mail connection's settings to its mailbox, its way out, and the host of its tools."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from deputy.adapters.channel.mail import MailChannel
from deputy.adapters.tool.files import FilesTools
from deputy.adapters.tool.mail import MailTools, Shelf, Writer
from deputy.adapters.wire.mail.addresses import domain_of
from deputy.adapters.wire.mail.box import Box
from deputy.adapters.wire.mail.imap import Authorities, Imap, ImapServer, authorities_in
from deputy.adapters.wire.mail.imap_box import ImapBox
from deputy.adapters.wire.mail.imap_post import ImapRecord
from deputy.adapters.wire.mail.maildir_box import MaildirBox
from deputy.adapters.wire.mail.maildir_post import MaildirRecord, Outbox
from deputy.adapters.wire.mail.reading import Reader
from deputy.adapters.wire.mail.sending import Post
from deputy.adapters.wire.mail.smtp import Smtp, SmtpServer
from deputy.app.config import Settings
from deputy.app.config.connections.mail import MailConnection, MailServer
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError, NotFound
from deputy.ports.channel import Channel
from deputy.ports.mailbox import Mailbox

__all__ = ["Premises", "channel_of", "examine_channel", "mail_tools", "mailbox_of", "writer_of"]


class Premises(NamedTuple):
    """Where a workspace lies, what time it is there, and who lends its secrets."""

    folder: Path
    clock: Clock
    lend: Callable[[str], str]


def mail_tools(connection: MailConnection, premises: Premises, shelf: Shelf) -> MailTools:
    """The host of a mailbox's tools; raises ConfigError where there can be none."""
    return MailTools(
        connection.name, _box(connection, premises), _reader(connection), clock=premises.clock, shelf=shelf,
        writer=writer_of(connection, premises),
    )  # fmt: skip


def mailbox_of(connection: MailConnection, premises: Premises) -> Mailbox:
    """A connection's mailbox, to be listened to; whoever asks for it closes it."""
    return _box(connection, premises)


def writer_of(connection: MailConnection, premises: Premises) -> Writer | None:
    """The way out of a mailbox, if it has one; whoever asks for it closes its post."""
    smtp = _smtp(connection, premises)
    if connection.imap is not None:
        if smtp is None:
            return None
        record = ImapRecord(
            _line(connection, connection.imap, premises), connection.sent, connection.outbox,
            saves_sent=connection.saves_sent,
        )  # fmt: skip
        return Writer(connection.address, connection.display, Post(record, smtp), smtp.check)
    root = premises.folder / connection.maildir
    post = Post(MaildirRecord(root, connection.sent), smtp or Outbox(root, connection.outbox))
    return Writer(connection.address, connection.display, post, smtp.check if smtp is not None else None)


def channel_of(settings: Settings, premises: Premises) -> Channel | None:
    """The mailbox by which people are asked, if one is chosen; whoever asks for it closes it."""
    chosen = next((c for c in settings.connections.values() if isinstance(c, MailConnection) and c.channel), None)
    writer = writer_of(chosen, premises) if chosen is not None else None
    if chosen is None or writer is None:
        return None
    apart = msgspec.structs.replace(chosen, name=f"{chosen.name}.channel")  # an index of its own
    return MailChannel(
        mailbox_of(apart, premises), writer.post, address=writer.address, name=writer.name, clock=premises.clock
    )


async def examine_channel(settings: Settings, premises: Premises, name: str) -> AsyncGenerator[tuple[str, str]]:
    """What is wrong with the mailbox by which people are asked; raises DeputyError where it cannot be used at all."""
    found = settings.connections.get(name)
    if not isinstance(found, MailConnection) or not found.channel:
        raise NotFound(f"There is no channel {name!r}.", "Give a table of [mail] `channel = true`.")
    tools = mail_tools(found, premises, FilesTools(premises.folder / ".deputy" / "runs", premises.clock))
    try:
        async for message, remedy in tools.examine():
            yield message, remedy
    finally:
        await tools.close()
    if deaf := sorted(p.id for p in settings.directory.people.values() if not p.email):
        yield f"{', '.join(deaf)} cannot be asked by mail", "Give them an `email` in people.toml."


# -- inside


def _reader(connection: MailConnection) -> Reader:
    return Reader(authserv_id=connection.authserv_id, domain=domain_of(connection.address))


def _box(connection: MailConnection, premises: Premises) -> Box:
    reader = _reader(connection)
    if connection.imap is None:
        index = premises.folder / ".deputy" / "mail" / f"{connection.name}.index"
        return MaildirBox(premises.folder / connection.maildir, premises.clock, reader, index)
    asking, listening = (_line(connection, connection.imap, premises) for _ in range(2))
    return ImapBox(asking, listening, premises.clock, reader, connection.inbox)


def _line(connection: MailConnection, server: MailServer, premises: Premises) -> Imap:
    authorities = _authorities(connection, premises)
    there = ImapServer(server.host, server.port, server.tls, connection.user or connection.address, authorities)
    return Imap(there, lambda: premises.lend(connection.password))


def _smtp(connection: MailConnection, premises: Premises) -> Smtp | None:
    if connection.smtp is None:
        return None
    host, port, tls = connection.smtp
    password = (lambda: premises.lend(connection.password)) if connection.password else None
    server = SmtpServer(host, port, tls, connection.user, _authorities(connection, premises))
    return Smtp(server, password, domain_of(connection.address))


def _authorities(connection: MailConnection, premises: Premises) -> Authorities | None:
    if not connection.ca:
        return None
    try:
        return authorities_in(premises.folder / connection.ca)
    except OSError as exc:
        message = f"`ca` in `{connection.title}` cannot be used: {exc.strerror or exc}."
        raise ConfigError(message, "Name a file with certificates in PEM.", file="deputy.toml") from None
