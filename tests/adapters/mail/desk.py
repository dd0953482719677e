"""A desk for tests of the mail tools: a Maildir, a way out, and calls as the gate would make them."""

from pathlib import Path
from typing import Any

from tests.adapters.mail.far_smtp import FarSmtp
from tests.adapters.mail.letters import AUTHSERV
from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.files import FilesTools
from deputy.adapters.tool.mail import MailTools, Writer, specs_of
from deputy.adapters.wire.mail.maildir import Maildir
from deputy.adapters.wire.mail.maildir_box import MaildirBox
from deputy.adapters.wire.mail.maildir_post import MaildirRecord, Outbox
from deputy.adapters.wire.mail.reading import Reader
from deputy.adapters.wire.mail.sending import Post
from deputy.adapters.wire.mail.smtp import Smtp, SmtpServer
from deputy.base.clock import SystemClock
from deputy.domain.effect import Done, Result

__all__ = ["ADDRESS", "Desk", "values"]

ADDRESS = "agents@acme.example"


class Desk:
    """The mail tools over a Maildir, sending through a server if one is given, else into the outbox."""

    def __init__(self, root: Path, far: FarSmtp | None = None, *, user: str = "", password: str = "") -> None:
        self.mail, self.clock = root / "mail", SystemClock()
        Maildir(self.mail).make("INBOX")
        reader = Reader(authserv_id=AUTHSERV, domain="acme.example")
        box = MaildirBox(self.mail, self.clock, reader, root / ".deputy" / "mail.index")
        self.files = FilesTools(root / "runs", self.clock)
        record = MaildirRecord(self.mail, "Sent")
        carrier = Outbox(self.mail, "Outbox")
        if far is not None:
            carrier = Smtp(SmtpServer("127.0.0.1", far.port, "none", user), (lambda: password) if user else None)
        self.post = Post(record, carrier)
        writer = Writer(ADDRESS, "Acme agents", self.post)
        self.box = box
        self.tools = MailTools("mail", box, reader, clock=self.clock, shelf=self.files, writer=writer)
        self._specs = {spec.name: spec for spec in specs_of("mail", sends=True)}
        self._effects = 100

    async def __call__(
        self, tool: str, *, key: str = "", deadline: float = 20.0, dispatch_by: float = float("inf"), **args: Any
    ) -> Result:
        self._effects += 1
        intent = intent_of(
            self._specs[f"mail.{tool}"], args, key=key or f"r1.{self._effects}", deadline=deadline,
            dispatch_by=dispatch_by,
        )  # fmt: skip
        return await self.tools.invoke(intent)

    def folder(self, name: str) -> list[str]:
        """The files of a folder."""
        return sorted(one.path.name for one in Maildir(self.mail).letters(name))


def values(result: Result) -> dict[str, Any]:
    """What a call returned, which must have worked."""
    assert isinstance(result, Done), result
    assert isinstance(result.value, dict)
    return result.value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
