"""A mailbox that is a Maildir: searched by reading its files, listened to by looking at its folders."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from deputy.adapters.wire.mail.box import Listing, MailboxRefused, Page, Query, Whole, split_place
from deputy.adapters.wire.mail.maildir import INBOX, Maildir, Stored, looked_at
from deputy.adapters.wire.mail.maildir_index import Index
from deputy.adapters.wire.mail.reading import BEGINNING, HEAD, LARGEST, Reader, head_of
from deputy.base.clock import Clock
from deputy.ports.mailbox import Arrival, Letter

__all__ = ["MaildirBox"]

T = TypeVar("T")
_RACY = 2.0  # seconds within which a folder's time does not tell two changes apart
_LOOK = 0.5  # seconds between looks at the folder
_PATIENCE = 15.0  # seconds that a search may take
_MOST_READ = 20_000  # letters that a search looks into
_TEXT = 1024 * 1024  # bytes of a letter that are searched for a text
_CURSOR = re.compile(r"([0-9a-z]{1,40})\.(\d{1,18})\.(\d{1,15})")
_OVERLAP = 86_400  # seconds before the last letter from which all are told again once the numbers are lost


class MaildirBox:
    """The Maildir at `root`; `index` is a file of ours that remembers which letters were seen."""

    def __init__(self, root: Path, clock: Clock, reader: Reader, index: Path) -> None:
        self._maildir, self._clock, self._reader = Maildir(root), clock, reader
        self._index = Index(index)
        self._lock = asyncio.Lock()

    async def folders(self) -> Sequence[str]:
        """The names of all folders."""
        return await self._away(self._maildir.folders)

    async def search(self, folder: str, query: Query, most: int) -> Page:
        """The newest letters of a folder that match."""
        return await self._away(lambda: self._search(folder, query, most))

    async def fetch(self, place: str) -> Whole | None:
        """A letter, without marking it as read."""
        folder, name = split_place(place)
        return await self._away(lambda: self._fetch(folder, name))

    async def mark(self, place: str, *, seen: bool | None, flagged: bool | None) -> bool:
        """Change a letter's flags."""
        folder, name = split_place(place)
        add = ("S" if seen else "") + ("F" if flagged else "")
        remove = ("S" if seen is False else "") + ("F" if flagged is False else "")
        return await self._away(lambda: self._maildir.mark(folder, name, add=add, remove=remove))

    async def move(self, place: str, folder: str) -> str:
        """Move a letter to a folder that is there."""
        origin, name = split_place(place)

        def move() -> str:
            if not (self._maildir.where(folder) / "cur").is_dir():
                raise FileNotFoundError(folder)
            try:
                return f"{folder}/{name}" if self._maildir.move(origin, name, folder) else ""
            except FileExistsError:
                raise MailboxRefused(
                    f"Another letter lies in {folder!r} in a file of the same name; nothing was moved",
                    "Move one of them by hand.",
                ) from None

        return await self._away(move)

    # -- listening

    async def position(self) -> str:
        """The cursor after everything that is there now."""
        numbered = await self._away(self._numbered)
        last = max((number for number, _ in numbered), default=0)
        return self._cursor(last, int(self._clock.now().timestamp()))

    async def arrivals(self, since: str) -> AsyncGenerator[Arrival]:
        """Every letter after a cursor, then every one that comes."""
        cursor, seen = since, None
        while True:
            now = await self._away(self._changed)
            if now != seen:
                fresh = self._clock.now().timestamp() - now < _RACY  # more may come under the same time
                seen = None if fresh else now
                for number, stored in await self._away(partial(self._after, cursor)):
                    arrival = await self._away(partial(self._arrival, number, stored))
                    if arrival is not None:
                        yield arrival
                        cursor = arrival.cursor
            await self._clock.sleep(_LOOK)

    async def close(self) -> None:
        """There is nothing to let go of."""

    # -- in a thread

    async def _away(self, work: Callable[[], T]) -> T:
        """Do this in a thread, one at a time."""
        async with self._lock:
            try:
                return await asyncio.to_thread(work)
            except FileNotFoundError as exc:
                named = str(exc.args[0] if len(exc.args) == 1 else exc.filename or self._maildir.root)
                raise MailboxRefused(
                    f"There is no Maildir or folder {Path(named).name!r} in {self._maildir.root.name!r}",
                    "See which there are with the tool that lists folders, or correct `maildir` in deputy.toml.",
                ) from None
            except OSError as exc:
                said = exc.strerror or type(exc).__name__
                raise MailboxRefused(f"The Maildir {self._maildir.root.name!r} cannot be used: {said}") from None

    def _search(self, folder: str, query: Query, most: int) -> Page:
        end, found = self._clock.boot() + _PATIENCE, list[Listing]()
        for looked, stored in enumerate(self._newest(folder)):
            if looked >= _MOST_READ or self._clock.boot() > end:
                return Page(found, more=True)
            at = datetime.fromtimestamp(stored.came, UTC)
            if not _fits(stored, at, query):
                continue
            listing = self._listing(folder, stored)
            if listing is None or not self._matches(listing, stored, query):
                continue
            if len(found) >= most:
                return Page(found, more=True)
            found.append(listing)
        return Page(found, more=False)

    def _newest(self, folder: str) -> Iterator[Stored]:
        stored = [found for one in self._maildir.letters(folder) if (found := looked_at(one)) is not None]
        yield from sorted(stored, key=lambda one: (one.came, one.name), reverse=True)

    def _listing(self, folder: str, stored: Stored) -> Listing | None:
        try:
            head = head_of(self._maildir.read(stored, HEAD))
        except OSError:
            return None  # moved or removed while we looked
        at = datetime.fromtimestamp(stored.came, UTC)
        return Listing(f"{folder}/{stored.name}", at, stored.seen, "F" in stored.flags, stored.size, head)

    def _matches(self, listing: Listing, stored: Stored, query: Query) -> bool:
        if not (query.sender or query.subject or query.text or query.thread):
            return True
        letter = self._reader.summary(listing.head, listing.size)
        if query.sender and not _within(query.sender, f"{letter.sender.name} {letter.sender.address}"):
            return False
        if query.subject and not _within(query.subject, letter.subject):
            return False
        if query.thread and not in_thread(letter, query.thread):
            return False
        return not query.text or self._says(letter, stored, query.text)

    def _says(self, letter: Letter, stored: Stored, text: str) -> bool:
        if _within(text, letter.subject):
            return True
        try:
            raw = self._maildir.read(stored, _TEXT)
        except OSError:
            return False
        return _within(text, self._reader.letter(raw).text)

    def _fetch(self, folder: str, name: str) -> Whole | None:
        stored = self._maildir.find(folder, name)
        listing = self._listing(folder, stored) if stored is not None else None
        if stored is None or listing is None:
            return None
        return Whole(listing, self._maildir.read(stored, LARGEST if stored.size <= LARGEST else BEGINNING))

    def _changed(self) -> float:
        inbox = self._maildir.where(INBOX)
        return max((inbox / "new").stat().st_mtime, (inbox / "cur").stat().st_mtime)

    def _numbered(self) -> list[tuple[int, Stored]]:
        stored = {one.name: one for one in self._maildir.letters(INBOX)}
        fresh = f"{int(self._clock.now().timestamp() * 1000):x}"
        self._index.take_in(sorted(stored), fresh)
        return sorted((self._index.numbers[name], one) for name, one in stored.items())

    def _after(self, cursor: str) -> list[tuple[int, Stored]]:
        numbered = self._numbered()
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            return numbered
        if found[1] == self._index.validity:
            return [(number, stored) for number, stored in numbered if number > int(found[2])]
        since = int(found[3]) - _OVERLAP
        return [(n, s) for n, s in numbered if (now := looked_at(s)) is not None and now.came >= since]

    def _arrival(self, number: int, stored: Stored) -> Arrival | None:
        found = looked_at(stored) or self._maildir.find(INBOX, stored.name)
        whole = self._fetch(INBOX, stored.name) if found is not None else None
        if whole is None:
            return None
        letter = self._reader.letter(whole.raw, whole.listing.size)
        cursor = self._cursor(number, int(whole.listing.at.timestamp()))
        named = hashlib.sha256(stored.name.encode("utf-8", "surrogateescape") + b"\n" + whole.listing.head).hexdigest()
        return Arrival(id=named[:32], cursor=cursor, place=whole.listing.place, at=whole.listing.at, letter=letter)

    def _cursor(self, number: int, at: int) -> str:
        return f"{self._index.validity}.{number}.{at}"


def in_thread(letter: Letter, identifiers: Sequence[str]) -> bool:
    """Whether a letter belongs to the thread of these Message-IDs."""
    return not {letter.message_id, letter.in_reply_to, *letter.references}.isdisjoint(identifiers)


def _fits(stored: Stored, at: datetime, query: Query) -> bool:
    if query.unread is not None and stored.seen is query.unread:
        return False
    return not ((query.since and at < query.since) or (query.before and at >= query.before))


def _within(part: str, whole: str) -> bool:
    return part.casefold() in whole.casefold()
