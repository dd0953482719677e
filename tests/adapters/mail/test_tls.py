"""Mail servers are spoken to only where they prove who they are; nobody else gets the password, or a letter."""

import asyncio
import ssl
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.adapters.mail.accounts import account, invoke, premises, tools_of
from tests.adapters.mail.certificates import Authority
from tests.adapters.mail.desk import values
from tests.adapters.mail.far_imap import ANOTHER, EXPIRED, GOOD, PASSWORD, UNKNOWN, Dovecot, cut_line
from tests.adapters.mail.far_smtp import far_smtp
from tests.adapters.mail.letters import written
from tests.adapters.mail.sender import LETTER

from deputy.app.config.connections.mail import MailConnection, MailServer
from deputy.app.mailboxes import mailbox_of
from deputy.base.errors import DeputyError
from deputy.domain.effect import Done, Failed, Result

Tls = Literal["tls", "starttls"]
BOTH = pytest.mark.parametrize("tls", ["tls", "starttls"])
IMPOSTORS = pytest.mark.parametrize(
    ("host", "why"),
    [(EXPIRED, "expired"), (ANOTHER, "IP address mismatch"), (UNKNOWN, "unable to get local issuer")],
    ids=["expired", "of another host", "of an unknown issuer"],
)


def reading(user: str, server: MailServer, ca: Path) -> MailConnection:
    """The settings of a mailbox on a server of which one authority alone can say who it is."""
    plain = account(user, 1)
    return MailConnection(
        name="mail", address=plain.address, imap=server, user=user, password=plain.password, ca=str(ca)
    )


def sending(folder: Path, server: MailServer, ca: Path) -> MailConnection:
    """The settings of a Maildir that sends through a server."""
    for part in ("tmp", "new", "cur"):
        (folder / "mail" / part).mkdir(parents=True, exist_ok=True)
    return MailConnection(
        name="mail", address="agents@acme.example", maildir="mail", smtp=server, user="agents", password="env:MAIL",
        ca=str(ca),
    )  # fmt: skip


async def tried(connection: MailConnection, folder: Path, tool: str, **args: Any) -> list[Result]:
    """What comes of trying twice: a second try must not rest on what the first left behind."""
    tools = tools_of(connection, folder)
    try:
        return [await invoke(tools, tool, deadline=10.0, **args) for _ in range(2)]
    finally:
        await tools.close()


async def noted(dovecot: Dovecot, host: str, since: int) -> str:
    """What the server notes of lines to this address, once it has noted that two of them ended."""
    async with asyncio.timeout(20):
        while True:
            lines = [line for line in dovecot.log()[since:].splitlines() if f"lip={host}," in line]
            if sum("imap-login: " in line and "Debug" not in line for line in lines) >= 2:
                return dovecot.log()[since:]
            await asyncio.sleep(0.02)


# -- IMAP


@BOTH
def test_a_server_that_proves_who_it_is_is_read(dovecot: Dovecot, user: str, tmp_path: Path, tls: Tls) -> None:
    async def story() -> None:
        dovecot.deliver(user, written(subject="Hello"), "1.a.mx")
        port = dovecot.tls_port if tls == "tls" else dovecot.port
        async with cut_line(port) as line:
            server = MailServer(GOOD, line.port, tls)
            first, _ = await tried(reading(user, server, dovecot.ca), tmp_path, "search")
            assert [one["subject"] for one in values(first)["letters"]] == ["Hello"]
            assert PASSWORD.encode() not in line.heard and b"LOGIN" not in line.heard
            assert (b"STARTTLS" in line.heard) is (tls == "starttls")

    asyncio.run(story())


@BOTH
@IMPOSTORS
def test_a_server_that_cannot_prove_who_it_is_gets_no_password(
    dovecot: Dovecot, user: str, tmp_path: Path, tls: Tls, host: str, why: str
) -> None:
    async def story() -> None:
        since = len(dovecot.log())
        server = MailServer(host, dovecot.tls_port if tls == "tls" else dovecot.port, tls)
        for result in await tried(reading(user, server, dovecot.ca), tmp_path, "search"):
            assert isinstance(result, Failed) and result.code == "mailbox_refused", result
            assert why in result.message and "prove who it is" in result.message
        log = await noted(dovecot, host, since)
        assert "no auth attempts" in log
        assert user not in log and "client in: AUTH" not in log

    asyncio.run(story())


def test_who_listens_to_an_impostor_hears_that_a_person_must_mend_it(
    dovecot: Dovecot, user: str, tmp_path: Path
) -> None:
    async def story() -> None:
        connection = reading(user, MailServer(ANOTHER, dovecot.tls_port, "tls"), dovecot.ca)
        mailbox = mailbox_of(connection, premises(tmp_path))
        with pytest.raises(DeputyError, match="prove who it is"):
            async with asyncio.timeout(10):
                await anext(aiter(mailbox.arrivals("")))
        await mailbox.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "instead",
    [{b"STARTTLS": b"XTARTTLS"}, {b"* OK": b"* PREAUTH"}, {b"OK Begin TLS": b"NO not today"}],
    ids=["not offered", "signed in already", "refused"],
)
def test_a_line_from_which_starttls_is_taken_carries_no_password(
    dovecot: Dovecot, user: str, tmp_path: Path, instead: dict[bytes, bytes]
) -> None:
    async def story() -> None:
        since = len(dovecot.log())
        async with cut_line(dovecot.port) as line:
            line.instead = instead
            server = MailServer(GOOD, line.port, "starttls")
            results = await tried(reading(user, server, dovecot.ca), tmp_path, "search")
            for result in results:
                assert isinstance(result, Failed), result
                assert "TLS" in result.message, result
            assert line.opened == 2, "what was not encrypted was used again"
            assert PASSWORD.encode() not in line.heard and b"LOGIN" not in line.heard and b"SELECT" not in line.heard
        assert user not in await noted(dovecot, GOOD, since)

    asyncio.run(story())


def test_a_plain_server_where_tls_is_demanded_gets_no_password(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        since = len(dovecot.log())
        async with cut_line(dovecot.port) as line:
            server = MailServer(GOOD, line.port, "tls")
            for result in await tried(reading(user, server, dovecot.ca), tmp_path, "search"):
                assert isinstance(result, Failed) and result.code == "mailbox_refused", result
                assert "does not speak TLS" in result.message
            assert PASSWORD.encode() not in line.heard and b"LOGIN" not in line.heard
        assert user not in await noted(dovecot, GOOD, since)

    asyncio.run(story())


# -- SMTP


def shown_by(file: Path) -> ssl.SSLContext:
    """How a server shows a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


@BOTH
def test_a_letter_goes_out_through_a_server_that_proves_who_it_is(tmp_path: Path, tls: Tls) -> None:
    async def story() -> None:
        believed = Authority(tmp_path, "believed")
        context = shown_by(believed.signs(GOOD))
        options: dict[str, Any] = (
            {"tls": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
        )
        async with far_smtp(**options) as far, cut_line(far.port) as line:
            connection = sending(tmp_path, MailServer(GOOD, line.port, tls), believed.file)
            assert all(isinstance(one, Done) for one in await tried(connection, tmp_path, "send", **LETTER))
            assert (len(far.letters), far.signed_in) == (1, [PASSWORD.encode()])
            assert b"AUTH" not in line.heard and b"Order 7" not in line.heard

    asyncio.run(story())


@BOTH
@IMPOSTORS
def test_a_server_that_cannot_prove_who_it_is_gets_no_letter(tmp_path: Path, tls: Tls, host: str, why: str) -> None:
    async def story() -> None:
        believed, unknown = Authority(tmp_path, "believed"), Authority(tmp_path, "unknown")
        file = {
            EXPIRED: lambda: believed.signs(EXPIRED, expired=True),
            ANOTHER: lambda: believed.signs("mail.other.example"),
            UNKNOWN: lambda: unknown.signs(UNKNOWN),
        }[host]()
        context = shown_by(file)
        options: dict[str, Any] = {"tls": context} if tls == "tls" else {"tls_context": context}
        async with far_smtp(host, **options) as far:
            connection = sending(tmp_path, MailServer(host, far.port, tls), believed.file)
            for result in await tried(connection, tmp_path, "send", **LETTER):
                assert isinstance(result, Failed) and result.code == "mailbox_refused", result
                assert why in result.message and "prove who it is" in result.message
            assert (far.letters, far.signed_in) == ([], [])

    asyncio.run(story())


@pytest.mark.parametrize("tls", ["tls", "starttls", "refused"])
def test_a_server_without_encryption_where_it_is_demanded_gets_nothing(tmp_path: Path, tls: str) -> None:
    async def story() -> None:
        believed = Authority(tmp_path, "believed")
        context = shown_by(believed.signs(GOOD)) if tls == "refused" else None
        async with far_smtp(tls_context=context) as far, cut_line(far.port) as line:
            line.instead = {b"220 Ready to start TLS": b"454 not today"}
            wanted: Tls = "tls" if tls == "tls" else "starttls"
            connection = sending(tmp_path, MailServer(GOOD, line.port, wanted), believed.file)
            for result in await tried(connection, tmp_path, "send", **LETTER):
                assert isinstance(result, Failed) and "TLS" in result.message, result
            assert (far.letters, far.signed_in) == ([], [])
            assert b"AUTH" not in line.heard and b"MAIL" not in line.heard

    asyncio.run(story())
