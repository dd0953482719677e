"""The record of sent letters on an IMAP server: a copy in a folder, a draft until the letter has gone out.

Where the server itself keeps a copy of what goes out, ours lies in a folder of its own until the server's is seen, and
the server's is the better witness.
"""

import asyncio
from functools import partial

from deputy.adapters.wire.mail.imap import Imap
from deputy.adapters.wire.mail.imap_client import Client
from deputy.adapters.wire.mail.sending import Standing
from deputy.adapters.wire.mail.writing import Envelope

__all__ = ["ImapRecord"]

_DRAFT, _SEEN = b"\\Draft", b"\\Seen"
_PENDING, _SUBMITTED = b"$SubmitPending", b"$Submitted"  # RFC 5550
_RECENT = 50  # letters of a folder that are looked through, in case the server's search is behind
_PATIENCE = 16.0  # seconds in which a server shows the copy that it keeps itself
_SOON = 2.5  # the same, while somebody waits


class ImapRecord:
    """The record behind `line`; `saves_sent` is whether the server keeps copies itself (None: ask it)."""

    def __init__(self, line: Imap, sent: str, outbox: str, *, saves_sent: bool | None = None) -> None:
        self._line, self._wanted, self._outbox, self._saves_sent = line, sent, outbox, saves_sent
        self._sent = ""  # as the server names it

    async def standing(self, message_id: str) -> Standing:
        """What is known of a letter: its copy may have been moved to any folder."""
        found = await self._line.do(partial(self._look, message_id=message_id))
        if found == "begun" and self._saves_sent and await self._shown(message_id, _PATIENCE):
            return "sent"
        return found

    async def begin(self, letter: Envelope) -> None:
        """Keep a copy, as a draft."""
        await self._line.do(self._prepare)
        await self._line.do(partial(self._append, raw=letter.raw), again=False)

    async def finish(self, message_id: str) -> None:
        """Let the copy be a draft no more."""
        await self._line.do(partial(self._flag, message_id=message_id))
        if self._saves_sent and await self._shown(message_id, _SOON):
            await self.drop(message_id)

    async def drop(self, message_id: str) -> None:
        """Remove the copy."""
        await self._line.do(partial(self._delete, message_id=message_id))

    async def close(self) -> None:
        """Cut the line."""
        await self._line.close()

    # -- inside

    @property
    def _folder(self) -> str:
        return self._outbox if self._saves_sent else self._sent

    async def _shown(self, message_id: str, patience: float) -> bool:
        """Whether the server's own copy is there, or comes soon."""
        while True:
            if await self._line.do(lambda client: bool(_numbers(client, self._sent, message_id))):
                return True
            if patience <= 0:
                return False
            await asyncio.sleep(min(patience, 1.0))
            patience -= 1.0

    def _prepare(self, client: Client) -> None:
        """Learn what the server calls the folder of sent letters, and let the record's folder be there."""
        if self._saves_sent is None:
            self._saves_sent = client.has_capability("X-GM-EXT-1")
        if not self._sent:
            special = None if client.folder_exists(self._wanted) else client.find_special_folder(b"\\Sent")
            self._sent = special or self._wanted
        if not client.folder_exists(self._folder):
            client.create_folder(self._folder)

    def _look(self, client: Client, *, message_id: str) -> Standing:
        self._prepare(client)
        begun = False
        listed = client.list_folders()
        others = [str(name) for flags, _, name in listed if b"\\noselect" not in {f.lower() for f in flags}]
        for folder in dict.fromkeys((self._folder, self._sent, *others)):
            if folder not in others:
                continue
            for number in _numbers(client, folder, message_id):
                told = client.fetch([number], ["FLAGS"])
                if b"\\draft" not in {flag.lower() for flag in told.get(number, {}).get(b"FLAGS", ())}:
                    return "sent"
                begun = True
        return "begun" if begun else "absent"

    def _append(self, client: Client, *, raw: bytes) -> None:
        flags = [_SEEN, _DRAFT, *([_PENDING] if _keeps_words(client, self._folder) else [])]
        client.append(self._folder, raw, flags=flags)

    def _flag(self, client: Client, *, message_id: str) -> None:
        words = _keeps_words(client, self._folder)
        if numbers := _numbers(client, self._folder, message_id, readonly=False):
            client.remove_flags(numbers, [_DRAFT, *([_PENDING] if words else [])])
            client.add_flags(numbers, [_SEEN, *([_SUBMITTED] if words else [])])

    def _delete(self, client: Client, *, message_id: str) -> None:
        if numbers := _numbers(client, self._folder, message_id, readonly=False):
            client.delete_messages(numbers)
            if client.has_capability("UIDPLUS"):
                client.uid_expunge(numbers)
            else:
                client.expunge()


def _keeps_words(client: Client, folder: str) -> bool:
    """Whether a folder takes flags of our own naming."""
    told = client.select_folder(folder)
    return b"\\*" in tuple(told.get(b"PERMANENTFLAGS", ()))


def _numbers(client: Client, folder: str, message_id: str, *, readonly: bool = True) -> list[int]:
    """The letters of a folder that have this Message-ID: as the server finds them, and among the latest as they are."""
    told = client.select_folder(folder, readonly=readonly)
    found = set(client.search(["HEADER", "Message-ID", message_id]))
    if (count := int(told.get(b"EXISTS", 0))) and not found:
        key = b"BODY[HEADER.FIELDS (MESSAGE-ID)]"
        following = int(told.get(b"UIDNEXT", 0)) or count + 1
        recent = client.search(["UID", f"{max(following - _RECENT, 1)}:*"])
        latest = recent[-_RECENT:]
        fields = client.fetch(latest, ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"]) if latest else {}
        found = {number for number, told in fields.items() if message_id.encode() in (told.get(key) or b"")}
    return sorted(found)
