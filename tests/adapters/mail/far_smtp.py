"""A real SMTP server on loopback (aiosmtpd) that counts letters, and dies or hesitates where it is told to."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

__all__ = ["FarSmtp", "far_smtp"]


class FarSmtp:
    """What the server has taken, and how it behaves."""

    def __init__(self) -> None:
        self.port = 0
        self.letters: list[Envelope] = []
        self.signed_in: list[bytes] = []  #: passwords that came
        self.refused: set[str] = set()  #: recipients
        self.answer = "250 taken"
        self.cut = ""  #: where the line is cut: "mail", "rcpt", "data", "end" (taken, no answer)
        self.hold: asyncio.Event | None = None  #: what the answer to a letter waits for
        self.stop_at = ""  #: where everything stands still: "MAIL", "RCPT"
        self.stopped = asyncio.Event()
        self.arrived = asyncio.Event()  #: a letter is here, whole
        self.sessions: list[Any] = []

    @property
    def taken(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(str(message_from_bytes(e.content or b"")["message-id"]) for e in self.letters)  # type: ignore[arg-type]

    async def handle_MAIL(self, server: Any, _s: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.cut == "mail":
            server.transport.abort()
        await self._stop("MAIL")
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, server: Any, _s: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        if self.cut == "rcpt":
            server.transport.abort()
        await self._stop("RCPT")
        if address in self.refused:
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def _stop(self, moment: str) -> None:
        if self.stop_at == moment:
            self.stopped.set()
            await asyncio.sleep(60)

    async def handle_DATA(self, server: Any, _s: Session, envelope: Envelope) -> str:
        if self.answer.startswith("2"):
            self.letters.append(envelope)
        self.arrived.set()
        if self.cut == "end":
            server.transport.abort()
        if self.hold is not None:
            await self.hold.wait()
        return self.answer


@asynccontextmanager
async def far_smtp(
    host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncGenerator[FarSmtp]:
    """A server that runs until the end; `tls` from the first byte."""
    far = FarSmtp()
    loop = asyncio.get_running_loop()

    def sign_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        far.signed_in.append(data.password if isinstance(data, LoginPassword) else b"?")
        return AuthResult(success=far.signed_in[-1] in (b"open sesame", b"sesame"), handled=False)

    def session() -> SMTP:
        made = SMTP(far, loop=loop, authenticator=sign_in, auth_require_tls=False, **options)
        far.sessions.append(made)
        return made

    server = await loop.create_server(session, host, 0, ssl=tls)
    far.port = server.sockets[0].getsockname()[1]
    try:
        yield far
    finally:
        server.close()
        for one in far.sessions:
            with contextlib.suppress(AttributeError):
                one.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)
