"""One connection to an IMAP server (RFC 3501 and 9051), used in a thread of its own, and cut where it hangs.

A connection that was left open may be dead: the first thing asked on it is asked once more on a new one, where asking
twice does no harm.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from deputy.adapters.wire.mail.box import MailboxRefused, MailboxUnreachable, speaks_no_tls
from deputy.adapters.wire.mail.imap_client import Client

__all__ = ["Authorities", "Imap", "ImapServer", "Work", "authorities_in"]

Authorities = ssl.SSLContext

T = TypeVar("T")
Work = Callable[[Client], T]
_CONNECT = 15.0  # seconds
_CLOSING = 5.0
_SILENCE = 30.0  # seconds without a byte, after which a server hangs
_CHECK = "Check the address in deputy.toml, and the network."
_SCHEME = "Write the address with the scheme and port that the server has: imaps:// for TLS, imap:// for STARTTLS."
_LATER = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "TRY AGAIN", "TEMPORARY")  # in a refusal to sign in


def authorities_in(file: Path) -> Authorities:
    """Who is believed to say who a server is: the certificates in a file alone. Raises OSError."""
    return ssl.create_default_context(cafile=str(file))


class ImapServer(NamedTuple):
    """Where the mailbox is. `tls`: from the first byte, by STARTTLS, or (on this machine alone) not at all."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    user: str
    authorities: ssl.SSLContext | None = None  #: instead of the system's
    silence: float = _SILENCE


class Imap:
    """A connection that is made when it is needed; `password` is lent for each."""

    def __init__(self, server: ImapServer, password: Callable[[], str]) -> None:
        self._server, self._password = server, password
        self._client: Client | None = None
        self._signed_in = False
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"imap {server.host}")

    async def do(self, work: Work[T], *, again: bool = True) -> T:
        """Do this on the connection, and once more on a new one if the old was dead (`again`).

        Raises MailboxUnreachable or MailboxRefused; when cancelled, the connection is cut.
        """
        async with self._lock:
            reused = self._client is not None
            try:
                return await self._run(work)
            except MailboxUnreachable:
                if not (again and reused):
                    raise
                return await self._run(work)

    async def close(self) -> None:
        """Cut the connection."""
        self._wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._cut)
        self._thread.shutdown(wait=False, cancel_futures=True)

    # -- inside

    async def _run(self, work: Work[T]) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._on, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            running.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it now
            self._wake()
            raise

    def _on(self, work: Work[T]) -> T:
        """In the thread."""
        from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError, ProtocolError

        host = self._server.host
        try:
            if self._client is None or not self._signed_in:
                self._cut()
                self._client = self._connected()
                self._signed_in = True
            return work(self._client)
        except LoginError as exc:
            self._cut()
            said = _said(exc)
            if any(word in said.upper() for word in _LATER):
                raise MailboxUnreachable(f"The mail server {host} does not let us in now: {said}") from None
            remedy = "Check `user` and `password` in deputy.toml; some services ask for a password of its own for this."
            raise MailboxRefused(f"The mail server {host} refused to sign in: {said}", remedy) from None
        except ssl.SSLCertVerificationError as exc:
            self._cut()
            remedy = "Name the host as its certificate does, or its authority with `ca`."
            raise MailboxRefused(
                f"The mail server {host} cannot prove who it is: {exc.verify_message}", remedy
            ) from None
        except (IMAPClientAbortError, ProtocolError, OSError, EOFError) as exc:
            self._cut()
            if isinstance(exc, ssl.SSLError) and speaks_no_tls(exc):
                said = exc.reason or _said(exc)
                raise MailboxRefused(f"The mail server {host} does not speak TLS there: {said}", _SCHEME) from None
            raise MailboxUnreachable(f"The mail server {host} cannot be reached: {_said(exc)}", _CHECK) from None
        except IMAPClientError as exc:
            said = _said(exc)
            if any(word in said.upper() for word in _LATER):
                self._cut()
                raise MailboxUnreachable(f"The mail server {host} cannot do this now: {said}", _CHECK) from None
            raise MailboxRefused(f"The mail server {host} refused: {said}") from None

    def _connected(self) -> Client:
        from imapclient import IMAPClient, SocketTimeout

        server = self._server
        context = server.authorities or ssl.create_default_context()
        patience: Any = SocketTimeout(min(_CONNECT, server.silence), server.silence)
        made: Any = IMAPClient(server.host, server.port, ssl=server.tls == "tls", ssl_context=context, timeout=patience)
        client = cast("Client", made)
        self._client = client  # so that it can be cut
        if server.tls == "starttls":
            client.starttls(context)
        client.login(server.user, self._password())
        return client

    def _wake(self) -> None:
        """Let the thread find its connection broken, whatever it waits for."""
        client = self._client
        if client is not None:
            with contextlib.suppress(OSError, AttributeError):
                client.socket().shutdown(2)

    def _cut(self) -> None:
        """In the thread."""
        client, self._client, self._signed_in = self._client, None, False
        if client is not None:
            with contextlib.suppress(Exception):  # it is thrown away, whatever state it is in
                client.shutdown()


def _said(exc: BaseException) -> str:
    text = str(exc) or type(exc).__name__
    return "".join(c if c.isprintable() else " " for c in text).strip("b'\" ")[:300]
