"""From a mail connection's settings to its mailbox, its way out, and the host of its tools."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deputy.adapters.tool.mail import MailTools, Shelf, Writer
from deputy.adapters.wire.mail.addresses import domain_of
from deputy.adapters.wire.mail.box import Box
from deputy.adapters.wire.mail.maildir_box import MaildirBox
from deputy.adapters.wire.mail.maildir_post import MaildirRecord, Outbox
from deputy.adapters.wire.mail.reading import Reader
from deputy.adapters.wire.mail.sending import Post
from deputy.adapters.wire.mail.smtp import Smtp, SmtpServer
from deputy.app.config.connections.mail import MailConnection
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError
from deputy.ports.mailbox import Mailbox

__all__ = ["Premises", "mail_tools", "mailbox_of"]


class Premises(NamedTuple):
    """Where a workspace lies, what time it is there, and who lends its secrets."""

    folder: Path
    clock: Clock
    lend: Callable[[str], str]


def mail_tools(connection: MailConnection, premises: Premises, shelf: Shelf) -> MailTools:
    """The host of a mailbox's tools; raises ConfigError where there can be none."""
    return MailTools(
        connection.name, _box(connection, premises), _reader(connection), clock=premises.clock, shelf=shelf,
        writer=_writer(connection, premises),
    )  # fmt: skip


def mailbox_of(connection: MailConnection, premises: Premises) -> Mailbox:
    """A connection's mailbox, to be listened to; whoever asks for it closes it."""
    return _box(connection, premises)


# -- inside


def _reader(connection: MailConnection) -> Reader:
    return Reader(authserv_id=connection.authserv_id, domain=domain_of(connection.address))


def _box(connection: MailConnection, premises: Premises) -> Box:
    reader = _reader(connection)
    if connection.maildir:
        index = premises.folder / ".deputy" / "mail" / f"{connection.name}.index"
        return MaildirBox(premises.folder / connection.maildir, premises.clock, reader, index)
    raise ConfigError(f"`{connection.title}` has an `imap`, which is not read yet.", "Give it a `maildir`.")


def _writer(connection: MailConnection, premises: Premises) -> Writer | None:
    root = premises.folder / connection.maildir
    record = MaildirRecord(root, connection.sent)
    carrier = _smtp(connection, premises) or Outbox(root, connection.outbox)
    return Writer(connection.address, connection.display, Post(record, carrier))


def _smtp(connection: MailConnection, premises: Premises) -> Smtp | None:
    if connection.smtp is None:
        return None
    reference = connection.password
    password = (lambda: premises.lend(reference)) if reference else None
    host, port, tls = connection.smtp
    return Smtp(SmtpServer(host, port, tls, connection.user), password, domain_of(connection.address))
