"""Hand letters to an SMTP server (RFC 5321), and know exactly how far that came.

Everything but the letter's end is sent, and has left this machine, before anything counts as begun: a letter whose end
was not sent was not sent. A server that refuses one recipient gets no letter at all.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from deputy.adapters.wire.mail.box import speaks_no_tls
from deputy.adapters.wire.mail.sending import Accepted, Carried, Cut, NotTaken
from deputy.adapters.wire.mail.writing import Envelope

if TYPE_CHECKING:
    import aiosmtplib

__all__ = ["Smtp", "SmtpServer"]

_CONNECT = 20.0  # seconds
_COMMAND = 60.0
_FLUSH = 300.0  # seconds for a letter to leave this machine
_ANSWER = 120.0  # seconds to wait after a letter's end
_LONGEST = 300


class SmtpServer(NamedTuple):
    """Where letters are handed in. `tls`: from the first byte, by STARTTLS, or (on this machine alone) not at all."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    user: str = ""
    verify: ssl.SSLContext | None = None  #: instead of the system's authorities


class Smtp:
    """The way out through a server; `password` is lent for each letter."""

    def __init__(self, server: SmtpServer, password: Callable[[], str] | None, hello: str = "localhost") -> None:
        self._server, self._password, self._hello = server, password, hello

    async def carry(self, letter: Envelope, last: Callable[[], Awaitable[None]]) -> Carried:
        """Hand a letter over."""
        import aiosmtplib

        client = self._client()
        secret = ""
        try:
            try:
                secret = await self._open(client)
                if refused := await self._announce(client, letter):
                    return refused
                await _write_all_but_the_end(client, letter.raw)
            except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as exc:
                return _not_taken(exc, self._server.host, secret)
            await last()
            return await self._end(client, secret)
        finally:
            if client.is_connected and client.protocol is not None:
                client.protocol.write(b"QUIT\r\n")  # nobody has to wait for the answer
            client.close()

    async def went(self, message_id: str) -> bool | None:
        """There is no telling."""
        return None

    async def check(self) -> str:
        """Connect, sign in and say goodbye; what is wrong, or nothing."""
        import aiosmtplib

        client = self._client()
        secret = ""
        try:
            secret = await self._open(client)
            await client.quit(timeout=_COMMAND)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as exc:
            return _not_taken(exc, self._server.host, secret).why
        finally:
            client.close()
        return ""

    # -- inside

    def _client(self) -> "aiosmtplib.SMTP":
        import aiosmtplib

        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host, port=server.port, use_tls=server.tls == "tls", start_tls=False,
            timeout=_COMMAND, local_hostname=self._hello, tls_context=server.verify,
        )  # fmt: skip

    async def _open(self, client: "aiosmtplib.SMTP") -> str:
        await client.connect(timeout=_CONNECT)
        await client.ehlo()
        if self._server.tls == "starttls":
            await self._encrypt(client)
        if not self._server.user or self._password is None:
            return ""
        secret = self._password()
        await client.login(self._server.user, secret)
        return secret

    async def _encrypt(self, client: "aiosmtplib.SMTP") -> None:
        """Speak TLS from here on; raises _Plain where the server does not."""
        import aiosmtplib

        if not client.supports_extension("starttls"):
            raise _Plain("it does not offer TLS")
        try:
            await client.starttls(validate_certs=True, tls_context=self._server.verify)
        except aiosmtplib.SMTPResponseException as exc:
            raise _Plain(f"it refuses TLS: {_said(exc.code, exc.message)}") from None
        await client.ehlo()

    async def _announce(self, client: "aiosmtplib.SMTP", letter: Envelope) -> NotTaken | None:
        """Say from whom and to whom; why the server does not want it, if it does not."""
        options = [f"SIZE={len(letter.raw)}"] if client.supports_extension("size") else []
        if letter.needs_utf8:
            if not client.supports_extension("smtputf8"):
                return NotTaken("smtp_refused", "The mail server takes only addresses that are written in ASCII.")
            options.append("SMTPUTF8")
        encoding = "utf-8" if letter.needs_utf8 else "ascii"
        await client.mail(letter.sender, options=options, encoding=encoding)
        for recipient in letter.recipients:
            await client.rcpt(recipient, encoding=encoding)
        answer = await client.execute_command(b"DATA", timeout=_COMMAND)
        if answer.code != 354:
            return NotTaken("smtp_refused", f"The mail server refused the letter: {_said(answer.code, answer.message)}")
        return None

    async def _end(self, client: "aiosmtplib.SMTP", secret: str) -> Carried:
        import aiosmtplib

        try:
            answer = await client.execute_command(b".", timeout=_ANSWER)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as exc:
            return Cut(f"The mail server did not answer after the letter's end: {_clean(str(exc), secret)}")
        if answer.code == 250:
            return Accepted(_clean(answer.message, secret))
        if 400 <= answer.code < 600:
            retry = answer.code < 500
            said = _clean(_said(answer.code, answer.message), secret)
            return NotTaken("smtp_refused", f"The mail server refused the letter: {said}", retry=retry)
        return Cut(f"The mail server answered {answer.code} after the letter's end, which says nothing.")


class _Plain(ConnectionError):
    """The server goes on without TLS alone."""


async def _write_all_but_the_end(client: "aiosmtplib.SMTP", raw: bytes) -> None:
    """Send the letter up to, not with, the line that ends it; on return it has left this process."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    stuffed = re.sub(rb"(?m)^\.", b"..", lines)
    protocol = client.protocol
    transport = cast("asyncio.WriteTransport | None", client.transport)
    if protocol is None or transport is None:
        raise ConnectionResetError("the connection is closed")
    protocol.write(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")
    async with asyncio.timeout(_FLUSH):
        while transport.get_write_buffer_size():
            if not client.is_connected:
                raise ConnectionResetError("the connection broke while the letter was sent")
            await asyncio.sleep(0.002)
    if not client.is_connected:
        raise ConnectionResetError("the connection broke while the letter was sent")


def _not_taken(exc: Exception, host: str, secret: str) -> NotTaken:
    """What it means that something failed before the letter's end."""
    import aiosmtplib

    refused = f"The mail server refused the letter: {_clean(str(exc), secret)}"
    if isinstance(exc.__cause__, ssl.SSLError):  # the library tells it as a line that broke
        exc = exc.__cause__
    match exc:
        case aiosmtplib.SMTPAuthenticationError():
            said = _clean(_said(exc.code, exc.message), secret)
            return NotTaken(
                "mailbox_refused", f"The mail server {host} refused to sign in: {said}", retry=exc.code < 500
            )
        case aiosmtplib.SMTPRecipientRefused():
            said = _clean(_said(exc.code, exc.message), secret)
            why = f"The mail server refused the recipient {exc.recipient}, so nobody got the letter: {said}"
            return NotTaken("recipient_refused", why, retry=exc.code < 500)
        case aiosmtplib.SMTPResponseException():
            said = _clean(_said(exc.code, exc.message), secret)
            return NotTaken("smtp_refused", f"The mail server refused the letter: {said}", retry=exc.code < 500)
        case ssl.SSLCertVerificationError(verify_message=said):
            return NotTaken("mailbox_refused", f"The mail server {host} cannot prove who it is: {_clean(said, '')}")
        case _Plain():
            return NotTaken("mailbox_refused", f"The mail server {host} does not speak TLS: {_clean(str(exc), '')}")
        case ssl.SSLError() if speaks_no_tls(exc):
            said = _clean(exc.reason or str(exc), "")
            return NotTaken("mailbox_refused", f"The mail server {host} does not speak TLS there: {said}")
        case aiosmtplib.SMTPException() | OSError():
            said = _clean(str(exc) or type(exc).__name__, secret)
            return NotTaken("mailbox_unreachable", f"The mail server {host} cannot be reached: {said}", retry=True)
        case _:
            return NotTaken("smtp_refused", refused)


def _said(code: int, message: str) -> str:
    return f"{code} {message}"


def _clean(text: str, secret: str) -> str:
    """What a server said, as one line, without what it was told in confidence."""
    if secret:
        text = text.replace(secret, "[secret]")
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)[:_LONGEST]
