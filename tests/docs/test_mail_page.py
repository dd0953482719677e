"""What the page about mailboxes shows of servers works with servers: Dovecot, and an SMTP server, both with TLS."""

import asyncio
import os
import ssl
import sys
import tempfile
from collections.abc import Generator
from email import message_from_bytes
from pathlib import Path

import pytest
from tests.adapters.mail.far_imap import GOOD, PASSWORD, Dovecot, dovecot_in
from tests.adapters.mail.far_smtp import FarSmtp, far_smtp
from tests.docs.snippets import DOCS, blocks

pytestmark = pytest.mark.timeout(300)
PAGE = DOCS / "how-to" / "connect-your-mailbox.md"
ACCOUNT, THROUGH, CHANNEL = (block.text for block in blocks(PAGE) if block.language == "toml" and not block.title)
FILES = {block.title: block.text for block in blocks(PAGE) if block.title}
LETTER = FILES.pop("mail/new/1700000001.M1.mx").encode()


@pytest.fixture(scope="module")
def dovecot() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory(prefix="deputy-dovecot-", ignore_cleanup_errors=True) as root:
        Path(root).chmod(0o711)
        with dovecot_in(Path(root)) as far:
            yield far


class Shop:
    """The workspace of the page, with one of its tables; the servers that it names are ours."""

    def __init__(self, folder: Path, table: str, dovecot: Dovecot, smtp: FarSmtp) -> None:
        self.folder = folder
        for part in ("tmp", "new", "cur"):
            (folder / "mail" / part).mkdir(parents=True)
        for path, text in FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        table = table.replace("imaps://mail.shop.example", f"imaps://{GOOD}:{dovecot.tls_port}")
        table = table.replace("smtps://mail.shop.example", f"smtps://{GOOD}:{smtp.port}")
        assert "://mail.shop.example" not in "".join(line.partition("#")[0] for line in table.splitlines())
        workspace = FILES["deputy.toml"].partition("[mail.default]")[0]
        (folder / "deputy.toml").write_text(workspace + table, "utf-8")
        owner = '[people.wei]\nname = "Wei"\nemail = "wei@shop.example"\nroles = ["owner", "approver"]\n'
        (folder / "people.toml").write_text(owner)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "SSL_CERT_FILE": str(dovecot.ca), "MAIL_PASSWORD": PASSWORD
        }  # fmt: skip

    async def __call__(self, *words: str, put: str = "") -> str:
        """What a command prints, which must succeed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deputy", *words, cwd=self.folder, env=self.environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate(put.encode())
        self.code = process.returncode
        return printed.decode()


def served(dovecot: Dovecot) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(dovecot.root / f"{GOOD}.pem")
    return context


def test_an_account_on_a_server_is_read_and_answered_from(dovecot: Dovecot, tmp_path: Path) -> None:
    async def story() -> None:
        async with far_smtp(GOOD, served(dovecot)) as far:
            shop = Shop(tmp_path, ACCOUNT, dovecot, far)
            await shop("secret", "set", "mail", put=PASSWORD)
            assert shop.code == 0
            said = await shop("doctor")
            assert shop.code == 0, said
            assert far.signed_in == [PASSWORD.encode()]
            dovecot.deliver("agents", LETTER, "1700000001.M1.mx")
            said = await shop("run", "desk", "Answer the mail.")
            asked = next(line for line in said.splitlines() if "deputy approve" in line)
            await shop("approve", asked.partition("deputy approve ")[2].split()[0].strip("`.,"))
            said = await shop("worker", "--until-idle")
            assert [letter.rcpt_tos for letter in far.letters] == [["lin@partner.example"]], said
            assert len(list((dovecot.maildir("agents") / ".Sent" / "cur").iterdir())) == 1

    asyncio.run(story())


def test_a_folder_sends_through_a_server(dovecot: Dovecot, tmp_path: Path) -> None:
    async def story() -> None:
        async with far_smtp(GOOD, served(dovecot)) as far:
            shop = Shop(tmp_path, THROUGH, dovecot, far)
            await shop("doctor")
            assert far.signed_in == [PASSWORD.encode()]

    asyncio.run(story())


def test_people_are_asked_through_the_account(dovecot: Dovecot, tmp_path: Path) -> None:
    async def story() -> None:
        async with far_smtp(GOOD, served(dovecot)) as far:
            shop = Shop(tmp_path, CHANNEL, dovecot, far)
            await shop("secret", "set", "mail", put=PASSWORD)
            said = await shop("doctor", "channel", "mail")
            assert shop.code == 0, said
            dovecot.deliver("agents", LETTER, "1700000002.M2.mx")
            await shop("run", "desk", "Answer the mail.")
            serving = asyncio.create_task(_worked(shop))
            async with asyncio.timeout(60):
                await far.arrived.wait()
            serving.cancel()
            await asyncio.wait([serving])
            letter = message_from_bytes(far.letters[0].content or b"")  # type: ignore[arg-type]
            assert (letter["to"], far.letters[0].rcpt_tos) == ("wei@shop.example", ["wei@shop.example"])
            assert "Reply `approve`" in str(letter.get_payload(decode=True))

    asyncio.run(story())


async def _worked(shop: Shop) -> None:
    """A worker, until it is cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deputy", "worker", cwd=shop.folder, env=shop.environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await process.wait()
    finally:
        process.kill()
        await process.wait()
