"""Letters sent from a Maildir: the record in its folder `Sent`, and an outbox from which somebody else takes them.

A letter enters the outbox by one rename, from a folder that nobody else touches: whether it still lies there tells
whether it went out. Nothing is ever in doubt here.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from deputy.adapters.wire.mail.box import MailboxRefused
from deputy.adapters.wire.mail.maildir import Maildir, sync_folder, write_durably
from deputy.adapters.wire.mail.sending import Accepted, Carried, Cut, Standing
from deputy.adapters.wire.mail.writing import Envelope

__all__ = ["MaildirRecord", "Outbox", "file_name"]

T = TypeVar("T")
_STAGED = "staged"


def file_name(message_id: str) -> str:
    """The name of a letter's file, wherever it lies: made of its Message-ID, so that there is one."""
    safe = message_id.strip("<>").replace("@", ".at.")
    return "".join(c if c.isalnum() or c in ".-_" else "_" for c in safe)[:180]


class MaildirRecord:
    """The record in a Maildir: a copy of the letter, a draft until it is sent."""

    def __init__(self, root: Path, sent: str) -> None:
        self._maildir, self._sent = Maildir(root), sent

    async def standing(self, message_id: str) -> Standing:
        """What is known of a letter: its copy may have been moved to any folder."""
        return await asyncio.to_thread(partial(_guarded, partial(self._standing, file_name(message_id))))

    async def begin(self, letter: Envelope) -> None:
        """Keep a copy, as a draft."""
        name = file_name(letter.message_id)
        await asyncio.to_thread(partial(_guarded, lambda: self._maildir.put(self._sent, name, letter.raw, "DS")))

    async def finish(self, message_id: str) -> None:
        """Let the copy be a draft no more."""
        name = file_name(message_id)
        await asyncio.to_thread(partial(_guarded, lambda: self._maildir.mark(self._sent, name, remove="D")))

    async def drop(self, message_id: str) -> None:
        """Remove the copy."""
        name = file_name(message_id)
        await asyncio.to_thread(partial(_guarded, lambda: self._maildir.drop(self._sent, name)))

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _standing(self, name: str) -> Standing:
        folders = [self._sent, *(f for f in self._maildir.folders() if f != self._sent)]
        for folder in folders:
            if not (self._maildir.where(folder) / "cur").is_dir():
                continue
            if (found := self._maildir.find(folder, name)) is not None:
                return "begun" if "D" in found.flags else "sent"
        return "absent"


class Outbox:
    """The folder from whose `new` a mail server or a person's script takes letters and delivers them."""

    def __init__(self, root: Path, folder: str) -> None:
        self._maildir, self._folder = Maildir(root), folder

    async def carry(self, letter: Envelope, last: Callable[[], Awaitable[None]]) -> Carried:
        """Stage a letter, then let it be there."""
        staged, there = self._places(letter.message_id)

        def stage() -> None:
            self._maildir.make(self._folder)
            staged.parent.mkdir(mode=0o700, exist_ok=True)
            write_durably(staged, _with_envelope(letter))
            sync_folder(staged.parent)

        def hand_over() -> None:
            os.rename(staged, there)
            sync_folder(there.parent)
            sync_folder(staged.parent)

        await asyncio.to_thread(partial(_guarded, stage))
        await last()
        try:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, partial(_guarded, hand_over)))
        except MailboxRefused as exc:
            if staged.exists():
                raise
            return Cut(f"{exc.message}.")
        return Accepted(f"It lies in the folder {self._folder}.")

    async def went(self, message_id: str) -> bool | None:
        """Whether it has left the place where it was staged."""
        staged, _ = self._places(message_id)
        return not await asyncio.to_thread(staged.exists)

    def _places(self, message_id: str) -> tuple[Path, Path]:
        where, name = self._maildir.where(self._folder), file_name(message_id)
        return where / _STAGED / name, where / "new" / name


def _with_envelope(letter: Envelope) -> bytes:
    """The letter with the envelope as headers on top, which whoever delivers it removes: Bcc stands nowhere else."""
    recipients = ",\r\n ".join(letter.recipients)
    return f"Return-Path: <{letter.sender}>\r\nX-Envelope-To: {recipients}\r\n".encode() + letter.raw


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as exc:
        raise MailboxRefused(f"The Maildir cannot be written: {exc.strerror or type(exc).__name__}") from None
