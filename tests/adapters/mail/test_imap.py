"""Mailboxes on a real IMAP server: read, sorted, written from once, listened to through cuts and silence."""

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from tests.adapters.mail.accounts import account, invoke, premises, tools_of
from tests.adapters.mail.desk import values
from tests.adapters.mail.far_imap import PASSWORD, Dovecot, cut_line
from tests.adapters.mail.far_smtp import FarSmtp, far_smtp
from tests.adapters.mail.letters import AUTHSERV, written
from tests.adapters.mail.sender import LETTER

from deputy.adapters.wire.mail.box import MailboxRefused
from deputy.adapters.wire.mail.imap import Imap, ImapServer
from deputy.adapters.wire.mail.imap_box import ImapBox
from deputy.adapters.wire.mail.imap_client import Client
from deputy.adapters.wire.mail.reading import Reader
from deputy.app.mailboxes import mailbox_of
from deputy.base.clock import SystemClock
from deputy.domain.effect import Done, Failed, Result, Unknown
from deputy.ports.mailbox import Arrival

ROOT = Path(__file__).resolve().parents[3]
ID = "<r1.5@acme.example>"


def test_letters_are_found_read_marked_and_moved(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        tools = tools_of(account(user, dovecot.port), tmp_path)
        attached = (("a.txt", "text/plain", b"words"),)
        dovecot.deliver(user, written(subject="Größe", vouched="supplier.example", attachments=attached), "1.a.mx")
        dovecot.deliver(user, written(sender="ada@a.example", text="about pears"), "2.b.mx")
        both = values(await invoke(tools, "search"))["letters"]
        assert {one["subject"] for one in both} == {"Größe", "Invoice 7"}
        (first,) = values(await invoke(tools, "search", subject="größe"))["letters"]
        wanted: dict[str, Any] = {"from": "ada@", "text": "pears", "unread": True}
        (second,) = values(await invoke(tools, "search", **wanted))["letters"]
        assert values(await invoke(tools, "search", before="2020-01-01"))["letters"] == []
        letter = values(await invoke(tools, "read", letter=first["id"]))
        assert (letter["sender"]["authenticated"], letter["unread"]) == (True, True)
        assert values(await invoke(tools, "attachment", letter=first["id"], attachment="2"))["content"] == "words"
        assert isinstance(await invoke(tools, "mark", letter=second["id"], read=True, flagged=True), Done)
        assert len(values(await invoke(tools, "search", unread=True))["letters"]) == 1
        refused = await invoke(tools, "move", letter=first["id"], folder="Nowhere")
        assert isinstance(refused, Failed) and refused.code == "mailbox_refused"
        assert isinstance(await invoke(tools, "read", letter="INBOX/1.1"), Failed)
        assert isinstance(await invoke(tools, "search", folder='x" y'), Failed)
        found = await invoke(tools, "search", text="a\r\nx LOGOUT")
        assert isinstance(found, Failed)
        await tools.close()

    asyncio.run(story())


def test_a_thread_is_found_by_the_server(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        tools = tools_of(account(user, dovecot.port), tmp_path)
        dovecot.deliver(user, written(subject="Order", message_id="<1@a.example>"), "1.a.mx")
        dovecot.deliver(user, written(subject="Re: Order", headers={"References": "<1@a.example>"}), "2.b.mx")
        dovecot.deliver(user, written(subject="Other"), "3.c.mx")
        (order,) = values(await invoke(tools, "search", subject="Re: Order"))["letters"]
        tied = values(await invoke(tools, "search", thread=order["id"]))["letters"]
        assert {one["subject"] for one in tied} == {"Order", "Re: Order"}
        await tools.close()

    asyncio.run(story())


def test_a_wrong_password_is_for_a_person_to_mend(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        tools = tools_of(account(user, dovecot.port), tmp_path, password="hunter2")
        result = await invoke(tools, "search")
        assert isinstance(result, Failed) and result.code == "mailbox_refused"
        assert "hunter2" not in result.message
        await tools.close()

    asyncio.run(story())


def test_a_letter_without_a_message_id_is_moved_and_known_again_among_others_that_came(
    dovecot: Dovecot, user: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with cut_line(dovecot.port) as line:
            tools = tools_of(account(user, line.port), tmp_path)
            hand = Imap(ImapServer("127.0.0.1", dovecot.port, "none", user), lambda: PASSWORD)
            await hand.do(lambda client: client.create_folder("Paid"))
            for name in ("1", "2"):
                dovecot.deliver(user, f"Subject: scan {name}\r\n\r\nPage {name}.\r\n".encode(), f"{name}.a.mx")
            listed = values(await invoke(tools, "search"))["letters"]
            first, second = (one["id"] for one in sorted(listed, key=lambda one: one["subject"]))
            moved = values(await invoke(tools, "move", letter=first, folder="Paid"))
            assert values(await invoke(tools, "read", letter=moved["id"]))["subject"] == "scan 1"
            line.lost = b"COPYUID"
            assert isinstance(await invoke(tools, "move", letter=second, folder="Paid"), Unknown)
            line.lost = b""
            again = values(await invoke(tools, "move", letter=second, folder="Paid"))
            assert values(await invoke(tools, "read", letter=again["id"]))["subject"] == "scan 2"
            elsewhere = await invoke(tools, "move", letter=second, folder="INBOX")
            assert isinstance(elsewhere, Failed) and elsewhere.code == "not_found"
            await tools.close()
            await hand.close()

    asyncio.run(story())


@pytest.mark.parametrize("anew", [False, True])
def test_a_move_whose_answer_was_lost_is_done_when_it_is_asked_for_again(
    dovecot: Dovecot, user: str, tmp_path: Path, anew: bool
) -> None:
    async def story() -> None:
        async with cut_line(dovecot.port) as line:
            tools = tools_of(account(user, line.port), tmp_path)
            hand = Imap(ImapServer("127.0.0.1", dovecot.port, "none", user), lambda: PASSWORD)
            await hand.do(lambda client: client.create_folder("Paid"))
            for name in ("1", "2"):
                dovecot.deliver(user, written(subject=name), f"{name}.a.mx")
            (letter,) = values(await invoke(tools, "search", subject="1"))["letters"]
            line.lost = b"COPYUID"
            assert isinstance(await invoke(tools, "move", letter=letter["id"], folder="Paid"), Unknown)
            line.lost = b""
            if anew:  # the process died, too
                await tools.close()
                tools = tools_of(account(user, line.port), tmp_path)
            again = values(await invoke(tools, "move", letter=letter["id"], folder="Paid"))
            assert values(await invoke(tools, "read", letter=again["id"]))["subject"] == "1"
            elsewhere = await invoke(tools, "move", letter=letter["id"], folder="INBOX")
            assert isinstance(elsewhere, Failed) and elsewhere.code == "not_found"
            back = values(await invoke(tools, "move", letter=again["id"], folder="INBOX"))
            assert values(await invoke(tools, "read", letter=back["id"]))["subject"] == "1"
            assert len(values(await invoke(tools, "search"))["letters"]) == 2
            await tools.close()
            await hand.close()

    asyncio.run(story())


# -- sending, with the record on the server


def sending(dovecot: Dovecot, user: str, folder: Path, story: Any, **options: Any) -> None:
    async def run() -> None:
        async with far_smtp() as far:
            tools = tools_of(account(user, dovecot.port, far.port, **options), folder)
            await story(tools, far)
            await tools.close()

    asyncio.run(run())


def test_a_letter_is_sent_once_and_its_copy_stops_being_a_draft(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story(tools: Any, far: FarSmtp) -> None:
        assert values(await invoke(tools, "sent", effect_id="r1.5")) == {"found": False}
        for _ in range(2):
            assert isinstance(await invoke(tools, "send", **LETTER), Done)
        assert far.taken == {ID: 1}
        assert values(await invoke(tools, "sent", effect_id="r1.5")) == {"found": True, "message_id": ID}
        (copy,) = values(await invoke(tools, "search", folder="Sent"))["letters"]
        assert copy["unread"] is False
        names = [path.name for path in (dovecot.maildir(user) / ".Sent" / "cur").iterdir()]
        assert len(names) == 1 and "D" not in names[0].partition(":2,")[2]

    sending(dovecot, user, tmp_path, story)


def test_a_refused_letter_leaves_no_copy(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story(tools: Any, far: FarSmtp) -> None:
        far.answer = "554 no"
        assert isinstance(await invoke(tools, "send", **LETTER), Failed)
        assert values(await invoke(tools, "search", folder="Sent"))["letters"] == []
        assert values(await invoke(tools, "sent", effect_id="r1.5")) == {"found": False}

    sending(dovecot, user, tmp_path, story)


def test_without_a_record_nothing_is_sent(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with far_smtp() as far, cut_line(dovecot.port) as line:
            line.refuse = True
            tools = tools_of(account(user, line.port, far.port), tmp_path)
            result = await invoke(tools, "send", **LETTER)
            assert isinstance(result, Failed) and result.code == "mailbox_unreachable"
            assert not far.letters
            await tools.close()

    asyncio.run(story())


def test_the_copy_of_a_server_that_keeps_its_own_settles_a_doubt(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story(tools: Any, far: FarSmtp) -> None:
        far.cut = "end"
        assert isinstance(await invoke(tools, "send", **LETTER), Unknown)
        content = far.letters[0].content
        assert isinstance(content, bytes)
        sent = dovecot.maildir(user) / ".Sent" / "cur"
        outbox = dovecot.maildir(user) / ".Outbox" / "cur"
        assert len(list(outbox.iterdir())) == 1
        other = tools_of(account(user, dovecot.port), tmp_path)  # as the server would: a copy in Sent
        record = Imap(ImapServer("127.0.0.1", dovecot.port, "none", user), lambda: PASSWORD)
        await record.do(lambda client: client.create_folder("Sent"))
        await record.do(lambda client: client.append("Sent", content, flags=[b"\\Seen"]))
        await record.close()
        await other.close()
        assert values(await invoke(tools, "sent", effect_id="r1.5"))["found"] is True
        assert len(list(sent.iterdir())) == 1

    sending(dovecot, user, tmp_path, story, saves_sent=True)


@pytest.mark.parametrize(
    ("moment", "standing"),
    [
        ("MAIL", {"absent"}), ("RCPT", {"absent"}), ("APPEND", {"absent", "begun"}), ("DATA", {"begun"}),
        ("STORE", {"begun"}), ("after", {"sent"}),
    ],
)  # fmt: skip
def test_a_process_that_is_killed_never_makes_two_letters_of_one(
    dovecot: Dovecot, user: str, tmp_path: Path, moment: str, standing: set[str]
) -> None:
    async def story() -> None:
        async with far_smtp() as far, cut_line(dovecot.port) as line:
            line.hold_word = moment.encode() if moment in ("APPEND", "STORE") else b""
            if moment == "DATA":
                far.hold = asyncio.Event()
            far.stop_at = moment
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.adapters.mail.sender", str(tmp_path), str(line.port), str(far.port), user,
                cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            reached = {"APPEND": line.said, "STORE": line.said, "DATA": far.arrived}.get(moment, far.stopped)
            if moment != "after":
                async with asyncio.timeout(30):
                    await reached.wait()
                child.kill()
            await child.communicate()
            line.hold_word, far.stop_at = b"", ""
            if far.hold is not None:
                far.hold.set()
            tools = tools_of(account(user, dovecot.port, far.port), tmp_path)
            before = len(far.letters)
            found = await invoke(tools, "sent", effect_id="r1.5")
            was = "begun" if isinstance(found, Failed) else "sent" if values(found)["found"] else "absent"
            assert was in standing
            again: Result = await invoke(tools, "send", **LETTER)
            assert isinstance(again, {"absent": Done, "sent": Done, "begun": Unknown}[was])
            assert far.taken[ID] == (1 if was == "absent" else before) <= 1
            await tools.close()

    asyncio.run(story())


# -- listening


async def take(arrivals: AsyncIterator[Arrival], most: int) -> list[Arrival]:
    found: list[Arrival] = []
    async with asyncio.timeout(30):
        async for arrival in arrivals:
            found.append(arrival)
            if len(found) == most:
                return found
    raise AssertionError("it ended")


class Hurried(SystemClock):
    """The machine's clock, with short sleeps."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


def box(port: int, user: str, silence: float = 30.0) -> ImapBox:
    def line() -> Imap:
        return Imap(ImapServer("127.0.0.1", port, "none", user, silence=silence), lambda: PASSWORD)

    return ImapBox(line(), line(), Hurried(), Reader(AUTHSERV, "acme.example"))


def test_what_arrives_is_told_at_once_and_once(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        dovecot.deliver(user, written(subject="old"), "0.o.mx")
        mailbox = mailbox_of(account(user, dovecot.port), premises(tmp_path))
        listening = mailbox.arrivals(await mailbox.position())
        waiting = asyncio.create_task(take(listening, 1))
        await asyncio.sleep(0.3)
        dovecot.deliver(user, written(subject="1"), "1.a.mx")
        first = await waiting
        dovecot.deliver(user, written(subject="2"), "2.b.mx")
        second = await take(listening, 1)
        assert [a.letter.subject for a in first + second] == ["1", "2"]
        await mailbox.close()
        again = mailbox_of(account(user, dovecot.port), premises(tmp_path))
        (told,) = await take(again.arrivals(first[0].cursor), 1)
        assert (told.id, told.cursor) == (second[0].id, second[0].cursor)
        assert [a.letter.subject for a in await take(again.arrivals(""), 3)] == ["old", "1", "2"]
        await again.close()

    asyncio.run(story())


def test_a_mailbox_that_is_listened_to_says_at_once_that_it_is_there(dovecot: Dovecot, user: str) -> None:
    async def story() -> None:
        async with cut_line(dovecot.port) as line:
            line.watched = b"IDLE\r\n"
            mailbox = box(line.port, user)
            listening = asyncio.create_task(take(mailbox.arrivals(""), 1))
            async with asyncio.timeout(20):  # a server may be quiet for longer than that
                await line.said.wait()
                assert await mailbox.position()
            dovecot.deliver(user, written(subject="1"), "1.x.mx")
            assert (await listening)[0].letter.subject == "1"
            await mailbox.close()

    asyncio.run(story())


def test_a_line_that_breaks_or_falls_silent_is_made_anew(dovecot: Dovecot, user: str) -> None:
    async def story() -> None:
        async with cut_line(dovecot.port) as line:
            mailbox = box(line.port, user, silence=0.5)
            listening = mailbox.arrivals("")
            for number, trouble in enumerate(("none", "cut", "silent", "refuse")):
                waiting = asyncio.create_task(take(listening, 1))
                await asyncio.sleep(0.2)
                line.silent = trouble == "silent"
                line.refuse = trouble == "refuse"
                if trouble in ("cut", "refuse"):
                    line.cut()
                dovecot.deliver(user, written(subject=trouble), f"{number}.x.mx")
                if trouble == "refuse":
                    await asyncio.sleep(0.2)
                    line.refuse = False
                if trouble == "silent":
                    await asyncio.sleep(0.2)
                    line.cut()
                    line.silent = False
                assert [a.letter.subject for a in await waiting] == [trouble]
            await mailbox.close()

    asyncio.run(story())


def test_a_server_that_hangs_is_left_after_a_while(dovecot: Dovecot, user: str) -> None:
    async def story() -> None:
        async with cut_line(dovecot.port) as line:
            mailbox = box(line.port, user, silence=0.3)
            await mailbox.position()
            line.silent = True
            result = asyncio.create_task(take(mailbox.arrivals(""), 1))
            await asyncio.sleep(0.5)
            dovecot.deliver(user, written(subject="1"), "1.x.mx")
            opened = line.opened
            line.silent = False
            assert (await result)[0].letter.subject == "1"
            assert line.opened > 1 or opened > 1
            await mailbox.close()

    asyncio.run(story())


def appended(client: Client, *, raw: bytes) -> None:
    client.append("Arrivals", raw)


def test_after_the_server_gave_new_numbers_nothing_is_missed(dovecot: Dovecot, user: str) -> None:
    async def story() -> None:
        letters = {name: written(subject=name) for name in ("1", "2")}
        server = ImapServer("127.0.0.1", dovecot.port, "none", user)
        hand = Imap(server, lambda: PASSWORD)

        async def made_anew(*names: str) -> None:
            if await hand.do(lambda client: client.folder_exists("Arrivals")):
                await hand.do(lambda client: cast("Any", client).delete_folder("Arrivals"))
            await hand.do(lambda client: client.create_folder("Arrivals"))
            for name in names:
                await hand.do(partial(appended, raw=letters[name]))

        def listener() -> ImapBox:
            lines = [Imap(server, lambda: PASSWORD) for _ in range(2)]
            return ImapBox(lines[0], lines[1], Hurried(), Reader(AUTHSERV, "acme.example"), "Arrivals")

        await made_anew("1")
        before = listener()
        (first,) = await take(before.arrivals(""), 1)
        await before.close()
        await made_anew("1", "2")
        after = listener()
        told = await take(after.arrivals(first.cursor), 2)
        assert {a.letter.subject for a in told} == {"1", "2"}
        assert first.id in {a.id for a in told}
        assert all(a.cursor.partition(".")[0] != first.cursor.partition(".")[0] for a in told)
        await after.close()
        await hand.close()

    asyncio.run(story())


def test_listening_with_a_wrong_password_ends_with_an_error(dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    async def story() -> None:
        mailbox = mailbox_of(account(user, dovecot.port), premises(tmp_path, "hunter2"))
        with pytest.raises(MailboxRefused) as refused:
            await take(mailbox.arrivals(""), 1)
        assert "hunter2" not in refused.value.message
        await mailbox.close()

    asyncio.run(story())
