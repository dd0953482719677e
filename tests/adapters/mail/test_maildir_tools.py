"""The mail tools over a Maildir: what they find, show, keep and change."""

import asyncio
import base64
import os
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.mail.desk import Desk, values
from tests.adapters.mail.letters import put, written

from deputy.adapters.tool.mail import specs_of
from deputy.domain.effect import Done, Failed, Result
from deputy.domain.label import untrusted_leaves


def call(desk: Desk, tool: str, **args: Any) -> Result:
    return asyncio.run(desk(tool, **args))


def test_letters_are_found_newest_first_by_who_what_when_and_unread(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number, (sender, subject, info) in enumerate(
        [("Ada <ada@a.example>", "Invoice 1", "S"), ("bob@b.example", "Offer", ""), ("ada@a.example", "Invoice 2", "F")]
    ):
        name = put(desk.mail, written(sender=sender, subject=subject, text=f"words {number}"), info=info)
        at = 1_750_000_000 + number * 86_400
        file = next(p for p in (desk.mail / "new", desk.mail / "cur") if list(p.glob(f"{name}*")))
        os.utime(next(file.glob(f"{name}*")), (at, at))

    def subjects(**args: Any) -> list[str]:
        return [letter["subject"] for letter in values(call(desk, "search", **args))["letters"]]

    assert subjects() == ["Invoice 2", "Offer", "Invoice 1"]
    assert subjects(**{"from": "ADA"}) == ["Invoice 2", "Invoice 1"]
    assert subjects(subject="invoice", unread=True) == ["Invoice 2"]
    assert subjects(unread=False) == ["Invoice 1"]
    assert subjects(text="words 1") == ["Offer"]
    assert subjects(since="2025-06-16") == ["Invoice 2", "Offer"]
    assert subjects(before="2025-06-16T15:06:40Z") == ["Invoice 1"]
    assert subjects(most=1) == ["Invoice 2"]
    found = values(call(desk, "search", most=2))
    assert found["more"] is True
    assert [one["flagged"] for one in found["letters"]] == [True, False]


def test_a_thread_is_what_references_tie_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written(subject="Order", message_id="<1@a.example>"))
    put(
        desk.mail, written(subject="Re: Order", headers={"References": "<1@a.example>", "In-Reply-To": "<1@a.example>"})
    )
    put(desk.mail, written(subject="Re: Order", message_id="<unrelated@a.example>"))
    order = values(call(desk, "search", text="Order", subject="Order"))["letters"]
    thread = next(one["thread"] for one in order if one["subject"] == "Order")
    tied = [one for one in order if one["thread"] == thread]
    assert {one["subject"] for one in tied} == {"Order", "Re: Order"}
    for one in tied:
        found = values(call(desk, "search", thread=one["id"]))["letters"]
        assert {x["id"] for x in found} == {x["id"] for x in tied}


def test_reading_shows_who_vouched_for_the_sender_and_marks_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written(vouched="supplier.example", attachments=(("a.txt", "text/plain", b"words"),)))
    place = values(call(desk, "search"))["letters"][0]["id"]
    letter = values(call(desk, "read", letter=place))
    assert letter["sender"]["authenticated"] is True
    assert letter["text"] == "Please find the invoice attached."
    assert letter["attachments"] == [{"id": "2", "name": "a.txt", "type": "text/plain", "size": 5}]
    assert letter["unread"] is True
    assert values(call(desk, "search", unread=True))["letters"]


def test_all_that_a_writer_chose_is_untrusted_and_ids_and_times_are_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written(attachments=(("a.txt", "text/plain", b"words"),)))
    specs = {spec.name: spec for spec in specs_of("mail", sends=True)}
    found = values(call(desk, "search"))
    place = found["letters"][0]["id"]
    for tool, value in (("search", found), ("read", values(call(desk, "read", letter=place)))):
        outside = set(map(str, untrusted_leaves(value, specs[f"mail.{tool}"].output)))
        assert {"Invoice 7", "billing@supplier.example", "Supplier"} <= outside
        assert place not in outside
    attachment = values(call(desk, "attachment", letter=place, attachment="2"))
    outside = set(untrusted_leaves(attachment, specs["mail.attachment"].output))
    assert {"words", "a.txt", "text/plain"} <= outside


def test_an_attachment_is_returned_or_saved_into_the_runs_files(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    content = bytes(range(256))
    put(desk.mail, written(attachments=(("x.bin", "application/octet-stream", content), ("y.txt", "text/plain", b"y"))))
    place = values(call(desk, "search"))["letters"][0]["id"]
    found = values(call(desk, "attachment", letter=place, attachment="2"))
    assert (found["encoding"], base64.b64decode(found["content"])) == ("base64", content)
    assert values(call(desk, "attachment", letter=place, attachment="3"))["content"] == "y"
    saved = values(call(desk, "save_attachment", key="r1.7", letter=place, attachment="2", path="in/x.bin"))
    assert saved["version"] == 1
    assert (tmp_path / "runs" / "r1" / "files" / "in" / "x.bin").read_bytes() == content
    again = values(call(desk, "save_attachment", key="r1.7", letter=place, attachment="2", path="in/x.bin"))
    assert again["version"] == 1


def test_a_large_attachment_is_saved_not_returned(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written(attachments=(("x.bin", "application/octet-stream", bytes(300_000)),)))
    place = values(call(desk, "search"))["letters"][0]["id"]
    refused = call(desk, "attachment", letter=place, attachment="2")
    assert isinstance(refused, Failed) and refused.code == "too_large" and "mail.save_attachment" in refused.message
    assert isinstance(call(desk, "save_attachment", letter=place, attachment="2", path="x.bin"), Done)


def test_marking_and_moving_can_be_repeated(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written())
    put(desk.mail, written(), folder="Archive")
    place = values(call(desk, "search"))["letters"][0]["id"]
    for _ in range(2):
        assert isinstance(call(desk, "mark", letter=place, read=True, flagged=True), Done)
    assert values(call(desk, "search"))["letters"][0]["unread"] is False
    moved = ""
    for _ in range(2):
        moved = values(call(desk, "move", letter=place, folder="Archive"))["id"]
    assert moved.startswith("Archive/")
    assert values(call(desk, "search"))["letters"] == []
    assert isinstance(call(desk, "read", letter=moved), Done)
    assert values(call(desk, "folders"))["folders"] == ["INBOX", "Archive"]


def test_a_letter_without_a_message_id_is_moved_and_no_other_is_overwritten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, b"Subject: nameless\r\n\r\nHello\r\n", "1.a.mx")
    put(desk.mail, written(subject="clash"), "2.a.mx")
    put(desk.mail, written(subject="other"), "2.a.mx", folder="Archive", info="S")
    for _ in range(2):
        moved = values(call(desk, "move", letter="INBOX/1.a.mx", folder="Archive"))
        assert values(call(desk, "read", letter=moved["id"]))["subject"] == "nameless"
    refused = call(desk, "move", letter="INBOX/2.a.mx", folder="Archive")
    assert isinstance(refused, Failed) and "file of the same name" in refused.message
    assert values(call(desk, "read", letter="INBOX/2.a.mx"))["subject"] == "clash"
    assert values(call(desk, "read", letter="Archive/2.a.mx"))["subject"] == "other"
    assert values(call(desk, "move", letter="INBOX/2.a.mx", folder="INBOX"))["id"] == "INBOX/2.a.mx"


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("read", {"letter": "INBOX/../../etc/passwd"}), ("read", {"letter": "../INBOX/x"}),
        ("read", {"letter": "INBOX/x"}),
        ("read", {"letter": "/etc/passwd"}), ("search", {"folder": "../.."}), ("search", {"folder": "Nowhere"}),
        ("move", {"letter": "INBOX/x", "folder": "../evil"}), ("search", {"since": "tomorrow"}),
        ("mark", {"letter": "INBOX/x\n"}), ("attachment", {"letter": "INBOX/x", "attachment": "1"}),
    ],
)  # fmt: skip
def test_what_is_not_there_is_an_error_that_says_so(tmp_path: Path, tool: str, args: dict[str, str]) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written())
    result = call(desk, tool, **args)
    assert isinstance(result, Failed), result
    assert result.message


def test_a_pipe_or_link_in_the_maildir_is_not_read(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    put(desk.mail, written())
    os.mkfifo(desk.mail / "new" / "pipe")
    (tmp_path / "secret").write_text("Subject: secret\n\nsecret")
    (desk.mail / "new" / "link").symlink_to(tmp_path / "secret")
    assert len(values(call(desk, "search"))["letters"]) == 1
    assert isinstance(call(desk, "read", letter="INBOX/link"), Failed)
    assert isinstance(call(desk, "read", letter="INBOX/pipe"), Failed)


def test_a_mailbox_that_is_gone_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (desk.mail / "new").rmdir()
    result = call(desk, "search")
    assert isinstance(result, Failed) and result.code == "mailbox_refused"
