"""A mailbox on an IMAP server: searched by the server, listened to by IDLE, with patience when the line breaks."""

import hashlib
import re
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, cast

from deputy.adapters.wire.mail.addresses import without_hidden
from deputy.adapters.wire.mail.box import (
    Listing,
    MailboxRefused,
    MailboxUnreachable,
    Page,
    Query,
    Whole,
    split_place,
)
from deputy.adapters.wire.mail.imap import Imap
from deputy.adapters.wire.mail.imap_client import Client
from deputy.adapters.wire.mail.reading import BEGINNING, HEAD, LARGEST, Reader, head_of
from deputy.base.clock import Clock
from deputy.ports.mailbox import Arrival

__all__ = ["ImapBox"]

_WINDOW = 5_000  # numbers that are searched at a time
_WINDOWS = 40
_BATCH = 20  # letters that are fetched at a time
_IDLE = 45.0  # seconds after which a server has to show that it lives
_POLL = 20.0  # seconds between looks at a server that cannot tell
_LONGEST_PAUSE = 60.0
_NAME = re.compile(r"(\d{1,20})\.(\d{1,20})(?:\.([0-9a-f]{16}))?")
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_MOVED = 50  # letters of a folder among which one is looked for that may have been moved there
_CURSOR = re.compile(r"(\d{1,20})\.(\d{1,20})\.(\d{1,15})")
_LISTED = ("INTERNALDATE", "FLAGS", "RFC822.SIZE", f"BODY.PEEK[HEADER]<0.{HEAD}>")


class Selected(NamedTuple):
    """A folder as it was opened."""

    validity: int
    following: int  #: the number of the next letter to come


class ImapBox:
    """The mailbox behind `line`; whoever listens gets a line of their own from `another`."""

    def __init__(self, line: Imap, listening: Imap, clock: Clock, reader: Reader, inbox: str = "INBOX") -> None:
        self._line, self._listening, self._clock, self._reader, self._inbox = line, listening, clock, reader, inbox

    async def folders(self) -> Sequence[str]:
        """The names of all folders."""
        return await self._line.do(_folders)

    async def search(self, folder: str, query: Query, most: int) -> Page:
        """The newest letters of a folder that match."""
        return await self._line.do(partial(_search, folder=self._named(folder), query=query, most=most))

    async def fetch(self, place: str) -> Whole | None:
        """A letter, without marking it as read."""
        return await self._line.do(partial(_fetch, place=place))

    async def mark(self, place: str, *, seen: bool | None, flagged: bool | None) -> bool:
        """Change a letter's flags."""
        return await self._line.do(partial(_mark, place=place, seen=seen, flagged=flagged))

    async def move(self, place: str, folder: str) -> str:
        """Move a letter to a folder that is there, where it gets a new number."""
        return await self._line.do(partial(_move, place=place, folder=folder), again=False)

    async def close(self) -> None:
        """Cut the lines."""
        await self._line.close()
        await self._listening.close()

    # -- listening

    async def position(self) -> str:
        """The cursor after everything that is there now."""
        selected = await self._line.do(partial(_select, folder=self._inbox))  # the other may be idling
        return f"{selected.validity}.{selected.following - 1}.{int(self._clock.now().timestamp())}"

    async def arrivals(self, since: str) -> AsyncGenerator[Arrival]:
        """Every letter after a cursor, then every one that comes."""
        cursor, failures = since, 0
        while True:
            try:
                found = await self._listening.do(partial(self._new, cursor=cursor))
                failures = 0
                for arrival in found:
                    yield arrival
                    cursor = arrival.cursor
                if not found and not await self._listening.do(_idle, again=False):
                    await self._clock.sleep(_POLL)
            except MailboxUnreachable:
                pause = min(2.0**failures, _LONGEST_PAUSE) * (0.5 + self._clock.random() / 2)
                failures = min(failures + 1, 10)
                await self._clock.sleep(pause)

    def _new(self, client: Client, *, cursor: str) -> list[Arrival]:
        """In the thread: the next letters after a cursor."""
        selected = _select(client, folder=self._inbox)
        found = _CURSOR.fullmatch(cursor)
        if found is None or int(found[1]) == selected.validity:
            numbers = _following(client, int(found[2]) + 1 if found else 1, selected)
        else:  # all numbers are new: what came since about the last one is told again, under the same ids
            since = datetime.fromtimestamp(int(found[3]), UTC) - timedelta(days=2)
            numbers = sorted(client.search(["SINCE", since.date()]))
        return [
            arrival for number in numbers[:_BATCH] if (arrival := self._arrival(client, selected, number)) is not None
        ]

    def _arrival(self, client: Client, selected: Selected, number: int) -> Arrival | None:
        whole = _whole(client, self._inbox, selected, number)
        if whole is None:
            return None
        at = whole.listing.at
        return Arrival(
            id=hashlib.sha256(whole.listing.head).hexdigest()[:32],
            cursor=f"{selected.validity}.{number}.{int(at.timestamp())}", place=whole.listing.place, at=at,
            letter=self._reader.letter(whole.raw, whole.listing.size),
        )  # fmt: skip

    def _named(self, folder: str) -> str:
        return self._inbox if folder == "INBOX" else folder


# -- in the thread


def _folders(client: Client) -> list[str]:
    listed = client.list_folders()
    return [str(name) for flags, _, name in listed if b"\\noselect" not in {f.lower() for f in flags}][:1_000]


def _select(client: Client, *, folder: str, readonly: bool = True) -> Selected:
    told = client.select_folder(folder, readonly=readonly)
    validity, following = told.get(b"UIDVALIDITY"), told.get(b"UIDNEXT")
    if following is None:
        following = client.folder_status(folder, ["UIDNEXT"])[b"UIDNEXT"]
    if not isinstance(validity, int):
        raise MailboxRefused("The mail server gives letters no lasting numbers (UIDVALIDITY), which are needed")
    return Selected(validity, int(following))


def _following(client: Client, first: int, selected: Selected) -> list[int]:
    """The next numbers from `first` on, if there are any."""
    while first < selected.following:
        last = min(first + _WINDOW, selected.following) - 1
        if found := sorted(n for n in client.search(["UID", f"{first}:{last}"]) if first <= n <= last):
            return found
        first = last + 1
    return []


def _search(client: Client, *, folder: str, query: Query, most: int) -> Page:
    selected = _select(client, folder=folder)
    criteria = _criteria(query)
    charset = None if all(str(c).isascii() for c in criteria) else "UTF-8"
    found: list[Listing] = []
    last = selected.following - 1
    for _ in range(_WINDOWS):
        if last < 1:
            return Page(found, more=False)
        first = max(last - _WINDOW + 1, 1)
        numbers = sorted(client.search(["UID", f"{first}:{last}", *criteria], charset), reverse=True)
        while numbers:
            batch, numbers = numbers[:_BATCH], numbers[_BATCH:]
            for listing in _listings(client, folder, selected, batch):
                if (query.since and listing.at < query.since) or (query.before and listing.at >= query.before):
                    continue
                if len(found) == most:
                    return Page(found, more=True)
                found.append(listing)
        last = first - 1
    return Page(found, more=last >= 1)


def _criteria(query: Query) -> list[object]:
    criteria: list[object] = []
    for word, text in (("FROM", query.sender), ("SUBJECT", query.subject), ("TEXT", query.text)):
        if text:
            if without_hidden(text) != text or "\n" in text:
                raise MailboxRefused("What is searched for has characters that cannot be seen")
            criteria += [word, text]
    if query.unread is not None:
        criteria.append("UNSEEN" if query.unread else "SEEN")
    if query.since is not None:
        criteria += ["SINCE", (query.since - timedelta(days=1)).date()]
    if query.before is not None:
        criteria += ["BEFORE", (query.before + timedelta(days=2)).date()]
    names = ("Message-ID", "References", "In-Reply-To")
    return criteria + _either([["HEADER", name, one] for one in query.thread[:8] for name in names])


def _either(terms: list[list[str]]) -> list[object]:
    """Criteria of which one is enough, as IMAP writes it: OR takes two."""
    if not terms:
        return []
    joined: list[object] = list(terms[-1])
    for term in reversed(terms[:-1]):
        joined = ["OR", *term, *joined]
    return joined


def _listings(client: Client, folder: str, selected: Selected, numbers: Sequence[int]) -> list[Listing]:
    told = client.fetch(list(numbers), list(_LISTED))
    return [_listing(folder, selected, number, told[number]) for number in numbers if _is_told(told.get(number))]


def _is_told(told: dict[bytes, Any] | None) -> bool:
    return told is not None and b"INTERNALDATE" in told and b"BODY[HEADER]<0>" in told


def _listing(folder: str, selected: Selected, number: int, told: dict[bytes, Any]) -> Listing:
    at = cast("datetime", told[b"INTERNALDATE"])
    at = (at if at.tzinfo is not None else at.astimezone()).astimezone(UTC)
    flags = {cast("bytes", flag).lower() for flag in told.get(b"FLAGS", ())}
    head = head_of(told[b"BODY[HEADER]<0>"])
    return Listing(
        _place(folder, selected, number, head), at, b"\\seen" in flags, b"\\flagged" in flags,
        int(told.get(b"RFC822.SIZE", len(head))), head,
    )  # fmt: skip


def _place(folder: str, selected: Selected, number: int, head: bytes) -> str:
    """A letter's place: its number, and something by which it is known when it has another number."""
    return f"{folder}/{selected.validity}.{number}.{_known_by(head)}"


def _known_by(head: bytes) -> str:
    """What stays the same wherever a letter is moved: of its Message-ID, or of its whole header where it has none."""
    found = _MESSAGE_ID.search(head)
    return hashlib.sha256(found[1] if found else head).hexdigest()[:16]


def _whole(client: Client, folder: str, selected: Selected, number: int) -> Whole | None:
    listed = _listings(client, folder, selected, [number])
    if not listed:
        return None
    most = LARGEST if listed[0].size <= LARGEST else BEGINNING
    told = client.fetch([number], [f"BODY.PEEK[]<0.{most}>"])
    raw = told.get(number, {}).get(b"BODY[]<0>")
    return Whole(listed[0], raw) if isinstance(raw, bytes) else None


def _opened(client: Client, place: str, *, readonly: bool) -> tuple[str, Selected, int] | None:
    """The folder and number of a place, if its numbers still hold."""
    folder, name = split_place(place)
    found = _NAME.fullmatch(name)
    if not folder or found is None or without_hidden(folder) != folder or "\n" in folder:
        return None
    selected = _select(client, folder=folder, readonly=readonly)
    return (folder, selected, int(found[2])) if int(found[1]) == selected.validity else None


def _fetch(client: Client, *, place: str) -> Whole | None:
    opened = _opened(client, place, readonly=True)
    return None if opened is None else _whole(client, *opened)


def _mark(client: Client, *, place: str, seen: bool | None, flagged: bool | None) -> bool:
    opened = _opened(client, place, readonly=False)
    if opened is None or not client.fetch([opened[2]], ["FLAGS"]):
        return False
    for flag, wanted in ((b"\\Seen", seen), (b"\\Flagged", flagged)):
        if wanted is not None:
            (client.add_flags if wanted else client.remove_flags)([opened[2]], [flag])
    return True


def _move(client: Client, *, place: str, folder: str) -> str:
    if not client.folder_exists(folder):
        raise MailboxRefused(f"There is no folder `{without_hidden(folder)[:100]}`", "See which there are.")
    before = client.folder_status(folder, ["UIDNEXT"])[b"UIDNEXT"]
    opened = _opened(client, place, readonly=False)
    listed = _listings(client, opened[0], opened[1], [opened[2]]) if opened is not None else []
    if opened is None or not listed:
        return _moved_before(client, place, folder)
    number, known = opened[2], _known_by(listed[0].head)
    if client.has_capability("MOVE"):
        client.move([number], folder)
    else:
        client.copy([number], folder)
        client.delete_messages([number])
        if client.has_capability("UIDPLUS"):
            client.uid_expunge([number])
    target = _select(client, folder=folder)
    fresh = sorted(n for n in client.search(["UID", f"{before}:*"]) if n >= before)[-_MOVED:]
    return _known_there(client, folder, target, fresh, known) or f"{folder}/"


def _moved_before(client: Client, place: str, folder: str) -> str:
    """Where a letter is among the latest of the folder into which it was to be moved; empty if it is not there."""
    known = _NAME.fullmatch(split_place(place)[1])
    if known is None or not known[3]:
        return ""
    target = _select(client, folder=folder)
    latest = sorted(client.search(["UID", f"{max(target.following - _MOVED, 1)}:*"]))[-_MOVED:]
    return _known_there(client, folder, target, latest, known[3])


def _known_there(client: Client, folder: str, target: Selected, numbers: Sequence[int], known: str) -> str:
    """The place of the letter that is known by this, the newest of these numbers; empty if it is none of them."""
    fields = client.fetch(list(numbers), ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"]) if numbers else {}
    heads = {number: told.get(b"BODY[HEADER.FIELDS (MESSAGE-ID)]") or b"" for number, told in fields.items()}
    for number in [number for number, head in heads.items() if not _MESSAGE_ID.search(head)]:
        heads[number] = next((listing.head for listing in _listings(client, folder, target, [number])), b"")
    found = [number for number, head in heads.items() if _known_by(head) == known]
    return f"{folder}/{target.validity}.{max(found)}.{known}" if found else ""


def _idle(client: Client) -> bool:
    """Wait until the server has something to tell, at most a while; False where it cannot tell."""
    if not client.has_capability("IDLE"):
        return False
    client.idle()
    client.idle_check(timeout=_IDLE)
    client.idle_done()
    return True
