"""Listening to a Maildir: each letter once, whatever becomes of its file, and from where one left off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from tests.adapters.mail.letters import AUTHSERV, put, written

from deputy.adapters.wire.mail.maildir import Maildir
from deputy.adapters.wire.mail.maildir_box import MaildirBox
from deputy.adapters.wire.mail.reading import Reader
from deputy.base.clock import SystemClock
from deputy.ports.mailbox import Arrival


class Hurried(SystemClock):
    """The machine's clock, with short sleeps."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.005))


def box(root: Path) -> MaildirBox:
    Maildir(root / "mail").make("INBOX")
    return MaildirBox(root / "mail", Hurried(), Reader(AUTHSERV, "acme.example"), root / ".deputy" / "default.index")


async def take(arrivals: AsyncIterator[Arrival], most: int, within: float = 10.0) -> list[Arrival]:
    found: list[Arrival] = []
    async with asyncio.timeout(within):
        async for arrival in arrivals:
            found.append(arrival)
            if len(found) == most:
                break
    return found


def subjects(arrivals: list[Arrival]) -> list[str]:
    return [arrival.letter.subject for arrival in arrivals]


def test_letters_that_come_are_told_once_in_order_and_after_the_cursor(tmp_path: Path) -> None:
    async def story() -> None:
        mailbox = box(tmp_path)
        put(tmp_path / "mail", written(subject="old"))
        since = await mailbox.position()
        listening = mailbox.arrivals(since)
        put(tmp_path / "mail", written(subject="1"))
        first = await take(listening, 1)
        put(tmp_path / "mail", written(subject="2"))
        put(tmp_path / "mail", written(subject="3"), info="S")
        rest = await take(listening, 2)
        assert subjects(first + rest) == ["1", "2", "3"]
        again = await take(box(tmp_path).arrivals(first[0].cursor), 2)
        assert [(a.id, a.cursor) for a in again] == [(a.id, a.cursor) for a in rest]
        everything = await take(box(tmp_path).arrivals(""), 4)
        assert subjects(everything) == ["old", "1", "2", "3"]

    asyncio.run(story())


def test_a_letter_that_is_marked_or_renamed_is_not_told_again(tmp_path: Path) -> None:
    async def story() -> None:
        mailbox = box(tmp_path)
        name = put(tmp_path / "mail", written(subject="1"))
        listening = mailbox.arrivals("")
        first = await take(listening, 1)
        await mailbox.mark(f"INBOX/{name}", seen=True, flagged=True)
        put(tmp_path / "mail", written(subject="2"), name="0.first-by-name.mx")  # an older name, and it comes later
        assert subjects(first + await take(listening, 1)) == ["1", "2"]
        assert subjects(await take(box(tmp_path).arrivals(first[0].cursor), 1)) == ["2"]

    asyncio.run(story())


def test_after_the_numbers_were_lost_nothing_is_missed_and_ids_tell_what_is_old(tmp_path: Path) -> None:
    async def story() -> None:
        mailbox = box(tmp_path)
        put(tmp_path / "mail", written(subject="1"))
        first = await take(mailbox.arrivals(""), 1)
        (tmp_path / ".deputy" / "default.index").unlink()
        put(tmp_path / "mail", written(subject="2"))
        again = await take(box(tmp_path).arrivals(first[0].cursor), 2)
        assert {a.letter.subject for a in again} == {"1", "2"}
        assert first[0].id in {a.id for a in again}
        assert len({a.id for a in again}) == 2

    asyncio.run(story())


def test_a_line_that_was_cut_short_in_the_index_was_never_told(tmp_path: Path) -> None:
    async def story() -> None:
        put(tmp_path / "mail", written(subject="1"))
        first = await take(box(tmp_path).arrivals(""), 1)
        with open(tmp_path / ".deputy" / "default.index", "ab") as file:
            file.write(b"2 17000")
        put(tmp_path / "mail", written(subject="2"))
        assert subjects(await take(box(tmp_path).arrivals(first[0].cursor), 1)) == ["2"]

    asyncio.run(story())


def test_two_listeners_number_letters_alike(tmp_path: Path) -> None:
    async def story() -> None:
        one, two = box(tmp_path), box(tmp_path)
        for number in range(20):
            put(tmp_path / "mail", written(subject=str(number)))
        async with asyncio.TaskGroup() as tasks:
            a, b = tasks.create_task(take(one.arrivals(""), 20)), tasks.create_task(take(two.arrivals(""), 20))
        assert [(x.id, x.cursor) for x in a.result()] == [(x.id, x.cursor) for x in b.result()]

    asyncio.run(story())
