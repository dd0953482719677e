"""Mail tools over real servers, as a workspace's settings make them."""

from pathlib import Path

from tests.adapters.mail.far_imap import PASSWORD
from tests.adapters.mail.letters import AUTHSERV
from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.files import FilesTools
from deputy.adapters.tool.mail import MailTools, specs_of
from deputy.app.config.connections.mail import MailConnection, MailServer
from deputy.app.mailboxes import Premises, mail_tools
from deputy.base.clock import SystemClock
from deputy.domain.effect import Result

__all__ = ["SPECS", "account", "invoke", "premises", "tools_of"]

SPECS = {spec.name: spec for spec in specs_of("mail", sends=True)}


def account(user: str, imap: int, smtp: int = 0, *, saves_sent: bool | None = None) -> MailConnection:
    """The settings of an account on loopback."""
    return MailConnection(
        name="mail", address=f"{user}@acme.example", imap=MailServer("127.0.0.1", imap, "none"), user=user,
        smtp=MailServer("127.0.0.1", smtp, "none") if smtp else None, password="env:MAIL", authserv_id=AUTHSERV,
        saves_sent=saves_sent,
    )  # fmt: skip


def premises(folder: Path, password: str = PASSWORD) -> Premises:
    def lend(_: str) -> str:
        return password

    return Premises(folder, SystemClock(), lend)


def tools_of(connection: MailConnection, folder: Path, password: str = PASSWORD) -> MailTools:
    return mail_tools(connection, premises(folder, password), FilesTools(folder / "runs", SystemClock()))


async def invoke(tools: MailTools, tool: str, *, key: str = "r1.5", deadline: float = 30.0, **args: object) -> Result:
    return await tools.invoke(intent_of(SPECS[f"mail.{tool}"], args, key=key, deadline=deadline))
