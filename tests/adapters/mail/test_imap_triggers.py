"""Letters in an account on an IMAP server start runs: each once, whoever is killed, however the server counts."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.mail.far_imap import PASSWORD, Dovecot
from tests.adapters.mail.letters import written
from tests.cli.offices import DEPUTY, make
from tests.web.served import clerk, said

from deputy.adapters.wire.mail.imap import Imap, ImapServer
from deputy.adapters.wire.mail.imap_client import Client
from deputy.app.bootstrap import office

ROOT = Path(__file__).resolve().parents[3]
FILES = clerk("  - mail: {match: {subject: invoice}}\n    name: bills\n    task: Book it.\n    overlap: allow\n")


class Desk:
    """A workspace whose agent waits for letters in an account."""

    def __init__(self, folder: Path, dovecot: Dovecot, user: str) -> None:
        self.folder, self._dovecot, self._user = folder, dovecot, user
        toml = (
            f'[mail.default]\naddress = "{user}@us.example"\nimap = "imap://127.0.0.1:{dovecot.port}"\n'
            f'user = "{user}"\npassword = "env:MAIL"\n'
        )
        make(folder, FILES, DEPUTY + toml)

    def arrives(self, *subjects: str) -> None:
        """Letters come into the inbox."""

        def put(client: Client, *, raw: bytes) -> None:
            client.append("INBOX", raw)

        async def story() -> None:
            line = Imap(ImapServer("127.0.0.1", self._dovecot.port, "none", self._user), lambda: PASSWORD)
            for subject in subjects:
                await line.do(partial(put, raw=written(subject=subject, message_id=f"<{subject[-1]}@acme.example>")))
            await line.close()

        asyncio.run(story())

    def renumbered(self) -> None:
        """The server loses its numbers, and gives new ones (UIDVALIDITY)."""
        mail = self._dovecot.maildir(self._user)
        for file in mail.glob("dovecot*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    def __call__(self, *words: str) -> Any:
        return said(self.folder, *words)

    def runs(self) -> list[str]:
        """What the runs there are were told of, as far as they are over."""
        rows: list[Any] = self("ps", "--all") or []
        return sorted(str(self("show", row["id"])["answer"]) for row in rows if row["state"] == "done")

    def until(self, met: Callable[[], Any]) -> None:
        end = time.monotonic() + 60
        while not met():
            assert time.monotonic() < end, f"{self('triggers')}"
            time.sleep(0.05)

    def listens(self) -> bool:
        """Whether the mailbox was looked at, so that what comes now counts."""

        async def looked() -> bool:
            async with office(str(self.folder)) as opened:
                return any(row.cursor for row in await opened.store.arrivals.triggers())

        return asyncio.run(looked())


@contextlib.contextmanager
def worker(desk: Desk, moment: str = "never") -> Generator["subprocess.Popen[str]"]:
    """A worker in a process of its own, until it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.tending", str(desk.folder), moment], cwd=ROOT, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "MAIL": PASSWORD},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("moment", ["keeping", "beginning", "begun"])
def test_a_letter_starts_one_run_though_its_worker_is_killed(
    dovecot: Dovecot, user: str, tmp_path: Path, moment: str
) -> None:
    desk = Desk(tmp_path, dovecot, user)
    desk.arrives("Old invoice 0")
    with worker(desk, moment) as killed:
        desk.until(desk.listens)
        desk.arrives("Invoice 1", "Lunch 2")
        assert killed.stdout is not None
        assert killed.stdout.readline() == "still\n"
    assert desk.runs() == []
    with worker(desk):
        desk.until(desk.runs)
        desk.arrives("Invoice 3")
        desk.until(lambda: len(desk.runs()) == 2)
    assert len(desk("ps", "--all")) == 2
    first, third = desk.runs()
    assert "Invoice 1" in first and "Invoice 3" in third
    assert desk("audit", "verify")["ok"]


def test_new_numbers_of_the_server_start_nothing_twice(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, dovecot, user)
    with worker(desk):
        desk.until(desk.listens)
        desk.arrives("Invoice 1", "Invoice 2")
        desk.until(lambda: len(desk.runs()) == 2)
    desk.renumbered()
    desk.arrives("Invoice 3")
    with worker(desk):
        desk.until(lambda: len(desk.runs()) == 3)
        desk.arrives("Invoice 4")
        desk.until(lambda: len(desk.runs()) == 4)
    assert len(desk("ps", "--all")) == 4
    assert [str(n) in answer for n, answer in enumerate(desk.runs(), start=1)] == [True] * 4
