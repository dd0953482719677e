"""A letter is sent once, or it is known that nobody knows: counted by a real SMTP server, cut at every boundary."""

import asyncio
from collections.abc import Callable, Coroutine
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.mail.desk import ADDRESS, Desk, values
from tests.adapters.mail.far_smtp import FarSmtp, far_smtp
from tests.adapters.mail.letters import put, written

from deputy.domain.effect import NOT_SENT, Done, Failed, Unknown

LETTER: dict[str, Any] = {"to": ["lin@partner.example"], "subject": "Order 7", "text": "Dear Lin,\n.\nplease send 7.\n"}
ID = "<r1.5@acme.example>"


def told(root: Path, story: Callable[[Desk, FarSmtp], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with far_smtp() as far:
            await story(Desk(root, far, **options), far)

    asyncio.run(run())


def parsed(raw: bytes | str | None) -> EmailMessage:
    assert isinstance(raw, bytes)
    return message_from_bytes(raw, policy=policy.default)


def test_a_letter_arrives_as_it_was_written_and_a_copy_is_kept(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        made = values(await desk("send", key="r1.5", **LETTER, cc=["bo@b.example"], bcc=["boss@acme.example"]))
        assert made["message_id"] == ID
        envelope = far.letters[0]
        assert envelope.mail_from == ADDRESS
        assert envelope.rcpt_tos == ["lin@partner.example", "bo@b.example", "boss@acme.example"]
        letter = parsed(envelope.content)
        assert (letter["from"], letter["to"], letter["cc"]) == (
            'Acme agents <agents@acme.example>', "lin@partner.example", "bo@b.example"
        )  # fmt: skip
        assert "boss" not in str(letter)
        assert letter["auto-submitted"] == "auto-generated"
        assert letter.get_content().replace("\r\n", "\n") == LETTER["text"]
        assert desk.folder("Sent") == ["r1.5.at.acme.example:2,S"]
        assert values(await desk("sent", effect_id="r1.5")) == {"found": True, "message_id": ID}
        assert values(await desk("sent", effect_id="r1.6")) == {"found": False}

    told(tmp_path, story)


def test_the_same_effect_never_sends_twice(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        for _ in range(3):
            assert isinstance(await desk("send", key="r1.5", **LETTER), Done)
        assert far.taken == {ID: 1}

    told(tmp_path, story)


def test_an_attachment_goes_out_in_the_version_that_was_named(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        put(desk.mail, written(attachments=(("a.txt", "text/plain", b"one"), ("b.txt", "text/plain", b"two"))))
        place = values(await desk("search"))["letters"][0]["id"]
        for part in ("2", "3"):
            await desk("save_attachment", letter=place, attachment=part, path="out/a.txt")
        sent = await desk("send", **LETTER, attachments=[{"path": "out/a.txt", "version": 1}])
        assert isinstance(sent, Done)
        attached = next(parsed(far.letters[0].content).iter_attachments())
        assert (attached.get_filename(), attached.get_payload(decode=True)) == ("a.txt", b"one")
        gone = await desk("send", **LETTER, attachments=[{"path": "out/a.txt", "version": 9}])
        assert isinstance(gone, Failed) and gone.code == "not_found"
        assert len(far.letters) == 1

    told(tmp_path, story)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Order\r\nBcc: evil@e.example"}, {"subject": "Order\nX"}, {"to": ["a@b.example\r\nRCPT TO:<x@y>"]},
        {"to": ["Wei <wei@acme.example>"]}, {"cc": ["a@b.example, c@d.example"]}, {"bcc": ["a\u202e@b.example"]},
        {"to": []}, {"to": [f"a{n}@b.example" for n in range(101)]}, {"subject": "x\u200by"},
    ],
)  # fmt: skip
def test_arguments_cannot_add_headers_or_recipients(tmp_path: Path, change: dict[str, Any]) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        result = await desk("send", **LETTER | change)
        assert isinstance(result, Failed) and result.code == "invalid_arguments", result
        assert not far.letters
        assert desk.folder("INBOX") == []

    told(tmp_path, story)


def test_no_text_ends_the_letter_early(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        text = "a\r\n.\r\nMAIL FROM:<evil@e.example>\r\n.\nRSET\r.\r..\n. \n"
        assert isinstance(await desk("send", to=["lin@partner.example"], subject="x", text=text), Done)
        assert len(far.letters) == 1
        body = parsed(far.letters[0].content).get_content().replace("\r\n", "\n")
        assert body == "a\n.\nMAIL FROM:<evil@e.example>\n.\nRSET\n.\n..\n. \n"

    told(tmp_path, story)


def test_if_one_recipient_is_refused_nobody_gets_the_letter(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        far.refused = {"gone@partner.example"}
        result = await desk("send", key="r1.5", **LETTER, cc=["gone@partner.example"])
        assert isinstance(result, Failed) and result.code == "recipient_refused"
        assert "gone@partner.example" in result.message
        assert not far.letters
        assert values(await desk("sent", effect_id="r1.5")) == {"found": False}

    told(tmp_path, story)


@pytest.mark.parametrize("boundary", ["mail", "rcpt"])
def test_a_line_that_is_cut_before_the_letters_end_has_certainly_not_sent_it(tmp_path: Path, boundary: str) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        far.cut = boundary
        result = await desk("send", key="r1.5", **LETTER)
        assert isinstance(result, Failed) and result.retry, result
        assert values(await desk("sent", effect_id="r1.5")) == {"found": False}
        far.cut = ""
        assert isinstance(await desk("send", key="r1.5", **LETTER), Done)
        assert far.taken == {ID: 1}

    told(tmp_path, story)


def test_a_line_that_is_cut_after_the_letters_end_leaves_a_doubt_that_nothing_repeats(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        far.cut = "end"
        assert isinstance(await desk("send", key="r1.5", **LETTER), Unknown)
        far.cut = ""
        found = await desk("sent", effect_id="r1.5")
        assert isinstance(found, Failed) and found.code == "in_doubt"
        assert isinstance(await desk("send", key="r1.5", **LETTER), Unknown)
        assert far.taken == {ID: 1}
        assert desk.folder("Sent") == ["r1.5.at.acme.example:2,DS"]

    told(tmp_path, story)


def test_a_server_that_never_answers_is_a_doubt_at_the_deadline(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        far.hold = asyncio.Event()
        assert isinstance(await desk("send", key="r1.5", deadline=0.5, **LETTER), Unknown)
        far.hold.set()

    told(tmp_path, story)


def test_a_letter_that_the_server_refuses_at_its_end_was_not_sent(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        far.answer = "554 5.7.1 looks like spam"
        result = await desk("send", key="r1.5", **LETTER)
        assert isinstance(result, Failed) and "looks like spam" in result.message
        assert desk.folder("Sent") == []

    told(tmp_path, story)


def test_nothing_is_sent_after_the_lease(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        result = await desk("send", key="r1.5", dispatch_by=0.0, **LETTER)
        assert isinstance(result, Failed) and result.code == NOT_SENT
        assert not far.letters
        assert desk.folder("Sent") == []

    told(tmp_path, story)


def test_without_a_server_to_reach_nothing_was_sent(tmp_path: Path) -> None:
    async def story() -> None:
        async with far_smtp() as far:
            desk = Desk(tmp_path, far)
        result = await desk("send", key="r1.5", **LETTER)
        assert isinstance(result, Failed) and result.retry

    asyncio.run(story())


def test_a_wrong_password_is_said_without_saying_the_password(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        result = await desk("send", **LETTER)
        assert isinstance(result, Failed) and result.code == "mailbox_refused"
        assert "hunter2" not in result.message
        assert not far.letters

    told(tmp_path, story, user=ADDRESS, password="hunter2")


def test_with_the_right_password_the_letter_goes_out(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        assert isinstance(await desk("send", **LETTER), Done)
        assert len(far.letters) == 1

    told(tmp_path, story, user=ADDRESS, password="open sesame")


def test_a_reply_stays_in_its_thread_and_goes_to_the_sender_alone(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        headers = {"References": "<0@s.example>", "Reply-To": "evil@e.example"}
        put(desk.mail, written(vouched="supplier.example", message_id="<1@supplier.example>", headers=headers))
        place = values(await desk("search"))["letters"][0]["id"]
        wrong = await desk("reply", letter=place, to="evil@e.example", text="no")
        assert isinstance(wrong, Failed) and wrong.code == "not_the_sender"
        assert isinstance(await desk("reply", letter=place, to="billing@supplier.example", text="Thank you."), Done)
        letter = parsed(far.letters[0].content)
        assert far.letters[0].rcpt_tos == ["billing@supplier.example"]
        assert letter["subject"] == "Re: Invoice 7"
        assert letter["in-reply-to"] == "<1@supplier.example>"
        assert letter["references"] == "<0@s.example> <1@supplier.example>"
        assert letter["auto-submitted"] == "auto-replied"

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("letter", "code"),
    [
        (written(), "unauthenticated"),
        (written(vouched="other.example"), "unauthenticated"),
        (written(vouched="supplier.example", headers={"Auto-Submitted": "auto-replied"}), "automatic"),
        (written(vouched="supplier.example", headers={"Precedence": "bulk"}), "automatic"),
    ],
)
def test_nobody_is_answered_who_may_be_somebody_else_or_nobody(tmp_path: Path, letter: bytes, code: str) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        put(desk.mail, letter)
        place = values(await desk("search"))["letters"][0]["id"]
        result = await desk("reply", letter=place, to="billing@supplier.example", text="Thank you.")
        assert isinstance(result, Failed) and result.code == code
        assert not far.letters

    told(tmp_path, story)


# -- without a server: a folder from which somebody else takes letters


def test_the_outbox_holds_each_letter_once_even_if_it_was_taken_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk(tmp_path)
        assert isinstance(await desk("send", key="r1.5", **LETTER, bcc=["boss@acme.example"]), Done)
        (name,) = desk.folder("Outbox")
        raw = (desk.mail / ".Outbox" / "new" / name).read_bytes()
        assert b"X-Envelope-To: lin@partner.example,\r\n boss@acme.example\r\n" in raw
        (desk.mail / ".Outbox" / "new" / name).unlink()
        assert isinstance(await desk("send", key="r1.5", **LETTER), Done)
        assert desk.folder("Outbox") == []

    asyncio.run(story())


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_crash_beside_the_outbox_leaves_no_doubt(tmp_path: Path, handed_over: bool) -> None:
    async def story() -> None:
        desk = Desk(tmp_path)
        await desk("send", key="r1.5", **LETTER)
        name = desk.folder("Outbox")[0]
        copy = desk.mail / ".Sent" / "cur" / f"{name}:2,S"
        copy.rename(copy.with_name(f"{name}:2,DS"))  # as if it had died before it could say so
        if not handed_over:
            (desk.mail / ".Outbox" / "new" / name).rename(desk.mail / ".Outbox" / "staged" / name)
        assert values(await desk("sent", effect_id="r1.5"))["found"] is handed_over
        assert isinstance(await desk("send", key="r1.5", **LETTER), Done)
        assert len(desk.folder("Outbox")) == 1
        assert desk.folder("Sent") == [f"{name}:2,S"]

    asyncio.run(story())


def test_a_copy_that_somebody_filed_elsewhere_still_tells_that_it_was_sent(tmp_path: Path) -> None:
    async def story(desk: Desk, far: FarSmtp) -> None:
        await desk("send", key="r1.5", **LETTER)
        put(desk.mail, written(), folder="Archive.2026")
        await desk("move", letter="Sent/r1.5.at.acme.example", folder="Archive.2026")
        assert isinstance(await desk("send", key="r1.5", **LETTER), Done)
        assert far.taken == {ID: 1}

    told(tmp_path, story)
