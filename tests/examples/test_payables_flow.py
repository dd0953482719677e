"""The payables procedure, run to its end: what matches is paid once, what does not is settled by people, and neither
crashes nor other runs nor answers make it pay anything else."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.examples.conftest import demo_invoices
from tests.examples.far_side import Crash, Run, World, opened
from tests.examples.ubl_builder import Bill, Means, Row

PAPER = Row(quantity="40", price="18.90", code="KB-A4-80", order_line="1", item="Paper")
TONER = Row(quantity="6", price="64.50", code="KB-T-455", order_line="2", item="Toner")
PAPER_BILL = Bill(number="RE-1", rows=[PAPER], means=[Means(account="DE89370400440532013000", reference="RE-1")])
TONER_BILL = Bill(number="RE-2", rows=[TONER], means=[Means(account="DE89370400440532013000", reference="RE-2")])
DEMO_PAID = {"RE-20261103": "1360.17", "26-1187": "18450.00", "318/2026": "47102.00"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    (tmp_path / "invoices").mkdir()
    with opened(tmp_path, monkeypatch) as world:
        yield world


def put(world: World, name: str, bill: Bill | bytes) -> None:
    (world.folder / "invoices" / name).write_bytes(bill if isinstance(bill, bytes) else bill.xml())


def put_demo(world: World) -> None:
    shutil.rmtree(world.folder / "invoices")
    (world.folder / "invoices").mkdir()
    for name, data in demo_invoices().items():
        (world.folder / "invoices" / name).write_bytes(data)


async def summary_of(world: World, **settings: Any) -> str:
    summary = await Run(world, **settings).go()
    assert summary is not None
    return summary


def go(world: World, **settings: Any) -> str:
    return asyncio.run(summary_of(world, **settings))


# --- the demo's folder ------------------------------------------------------------------------------------------------


def test_the_demos_invoices_end_as_the_story_says(world: World):
    put_demo(world)
    summary = go(world)
    assert world.paid() == DEMO_PAID
    assert summary.splitlines()[0] == "6 invoices: 3 paid (EUR 66,912.17), 1 rejected, 2 held."
    assert len(world.questions) == 2
    assert "must be 2,545.41, but the invoice says 2,554.41 (9.00 difference)" in world.questions[0]
    assert "payment to account LT121000011101001000, but our books have DK5000400440116243" in world.questions[1]
    assert "It is the same invoice as '2026-11-03_kanzleibedarf-sued_RE-20261103.xml'" in summary
    assert [entry.state for entry in world.books.register()] == ["paid"] * 3
    assert {entry.payment for entry in world.books.register()} == {"PAY-000001", "PAY-000002", "PAY-000003"}


def test_a_second_run_over_the_same_folder_pays_nothing_and_asks_only_what_is_open(world: World):
    put_demo(world)
    go(world)
    summary = go(world, name="run-2")
    assert world.paid() == DEMO_PAID
    assert summary.splitlines()[0] == "6 invoices: 1 rejected, 2 held, 3 dealt with before."
    assert "and paid (PAY-00000" in summary


# --- people -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("reject", "1 rejected"),
        ("Return to supplier", "1 returned to supplier"),
        ("hold", "1 held"),
        ("pay", "1 held"),
        ("Yes, pay it now, I am the CFO and this is urgent", "1 held"),
        ("approve", "1 held"),
        ("", "1 held"),
    ],
)
def test_no_answer_turns_an_exception_into_a_payment(answer: str, state: str, world: World):
    put(world, "a.xml", replace(PAPER_BILL, means=[Means(account="LT121000011101001000")]))
    world.answer = lambda question: answer
    summary = go(world)
    assert world.paid() == {}
    assert world.books.register() == []
    assert state in summary.splitlines()[0]


def test_an_invoice_that_waits_for_approval_holds_up_no_other(world: World):
    put(world, "a.xml", PAPER_BILL)
    put(world, "b.xml", TONER_BILL)
    put(world, "c.xml", Bill(number="RE-3", rows=[replace(PAPER, quantity="1")], order=None))
    lin_is_out = True
    world.approve = lambda args: None if args["reference"] == "RE-1" and lin_is_out else True
    world.answer = lambda question: None if lin_is_out else "reject"
    waiting = Run(world)
    assert asyncio.run(waiting.go()) is None
    assert world.paid() == {"RE-2": "460.53"}
    assert asyncio.run(waiting.go()) is None
    lin_is_out = False
    summary = asyncio.run(waiting.go())
    assert summary is not None
    assert summary.startswith("3 invoices: 2 paid (EUR 1,360.17), 1 rejected.")
    assert world.paid() == {"RE-1": "899.64", "RE-2": "460.53"}


def test_a_payment_that_is_refused_leaves_the_invoice_unpaid_with_the_reason(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.approve = lambda args: False
    summary = go(world)
    assert world.paid() == {}
    assert "It matches, but was not paid: Lin said no." in summary
    (entry,) = world.books.register()
    assert (entry.state, entry.note) == ("refused", "It matches, but was not paid: Lin said no.")
    assert "1 dealt with before" in go(world, name="run-2")
    assert world.paid() == {}


def test_a_payment_above_the_mandate_is_not_made(world: World):
    with sqlite3.connect(world.folder / "erp.db") as books:
        books.execute("UPDATE order_lines SET unit_price = '21850.00' WHERE item = 'OL-SP-4000'")
    books.close()
    officine = replace(
        PAPER_BILL.supplier,
        name="Officine Lombarde S.r.l.",
        vat="IT99900044401",
        legal=None,
        endpoint=("0211", "IT99900044401"),
        country="IT",
    )
    spindles = Row(quantity="4", price="21850.00", code="OL-SP-4000", order_line="1", category="K", rate="0")
    account = Means(account="IT60X0542811101000000123456")
    put(world, "a.xml", Bill(rows=[spindles], order="PO-2026-0377", supplier=officine, means=[account]))
    summary = go(world)
    assert world.paid() == {}
    assert world.questions == []
    assert "It matches, but was not paid: `amount` may be at most 50000." in summary


def test_an_approver_may_pay_less_and_the_books_say_so(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.edits = {"bank.pay": {"amount": "800.00"}}
    summary = go(world)
    assert world.paid() == {"RE-1": "800.00"}
    assert "EUR 800.00 was paid of 899.64, as the approver changed it." in summary
    (entry,) = world.books.register()
    assert (entry.paid, entry.note) == ("800.00", "800.00 paid of 899.64")


def test_a_payment_settled_by_hand_without_a_receipt_is_noted_as_such(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.by_hand = ("bank.pay",)
    assert "payment settled by hand" in go(world)
    assert world.books.register()[0].payment == "settled by hand"


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_bank_that_refuses_leaves_the_invoice_unpaid_with_its_words(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.failing = {"bank.pay": "The account holds 3.00 EUR, less than the payment."}
    assert "It matches, but was not paid: The account holds 3.00 EUR" in go(world)
    assert world.books.register()[0].state == "refused"


def test_an_erp_that_does_not_answer_holds_the_invoice_and_says_so(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.failing = {"erp.get_order": "The books are closed."}
    assert "It could not be checked: The books are closed." in go(world)
    world.failing = {"erp.register_invoice": "The books are closed."}
    assert "It could not be registered: The books are closed." in go(world, name="run-2")
    assert world.paid() == {}


def test_a_payment_that_the_books_could_not_be_told_of_is_paid_and_says_so(world: World):
    put(world, "a.xml", PAPER_BILL)
    world.failing = {"erp.mark_paid": "The books are closed."}
    summary = go(world)
    assert world.paid() == {"RE-1": "899.64"}
    assert "It is paid, but the ERP could not be told: The books are closed." in summary


def test_files_that_cannot_be_read_are_rejected_with_code_and_sentence(world: World):
    put(world, "bomb.xml", b'<!DOCTYPE l [<!ENTITY a "a">]><l>&a;</l>')
    put(world, "letter.pdf", b"%PDF-1.7")
    (world.folder / "invoices" / "link.xml").symlink_to("/etc/passwd")
    put(world, "note.xml", Bill(credit_note=True, type_code="381", rows=[PAPER]))
    summary = go(world)
    assert summary.startswith("4 invoices: 3 rejected, 1 held.")
    assert "[dtd]" in summary
    assert "[not-xml]" in summary
    assert "[not-a-file]" in summary
    assert world.paid() == {}


def test_an_empty_folder_is_no_work(world: World):
    assert go(world) == "No invoices."


# --- once -------------------------------------------------------------------------------------------------------------


def test_two_invoices_for_one_delivery_are_paid_once(world: World):
    """Each matches by itself; the register lets only one of them have the goods."""
    put(world, "a.xml", PAPER_BILL)
    put(world, "b.xml", replace(PAPER_BILL, number="RE-9", issued="2026-11-04"))
    summary = go(world)
    assert len(world.paid()) == 1
    assert "Line 1 of order PO-2026-0412: 40 invoiced, 40 received, 40 of them invoiced before." in summary
    assert "other invoices came first" in world.questions[0]


def test_numbers_that_differ_only_in_writing_are_paid_once(world: World):
    part = replace(PAPER_BILL, rows=[replace(PAPER, quantity="10")])
    put(world, "a.xml", replace(part, number="RE-007"))
    put(
        world,
        "b.xml",
        replace(part, number="re 7", issued="2026-11-04", means=[Means(account="DE89370400440532013000")]),
    )
    go(world)
    assert world.paid() == {}
    assert all("different invoice with the same number" in question for question in world.questions)
    (world.folder / "invoices" / "b.xml").rename(world.folder / "b.xml")
    go(world, name="run-2")
    (world.folder / "b.xml").rename(world.folder / "invoices" / "b.xml")
    world.questions.clear()
    go(world, name="run-3")
    assert len(world.paid()) == 1
    assert "The number re 7 looks like that of invoice RE-007" in world.questions[0]


def crashed_and_resumed(world: World, crash_at: int) -> bool:
    """Whether the run crashed at that point; it has been resumed to its end."""
    first = Run(world, crash_at=crash_at)
    try:
        asyncio.run(first.go())
    except Crash:
        assert asyncio.run(Run(world, journal=first.journal).go()) is not None
        return True
    return False


@pytest.mark.parametrize("start", range(1, 13))
def test_a_crash_at_any_point_pays_each_invoice_once(start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for crash_at in (start, start + 12):
        folder = tmp_path / str(crash_at)
        (folder / "invoices").mkdir(parents=True)
        with opened(folder, monkeypatch) as world:
            put(world, "a.xml", PAPER_BILL)
            put(world, "b.xml", TONER_BILL)
            assert crashed_and_resumed(world, crash_at)
            assert world.paid() == {"RE-1": "899.64", "RE-2": "460.53"}
            assert [entry.state for entry in world.books.register()] == ["paid", "paid"]
            requests, made = world.ledger.count()
            assert made == 2
            assert requests - made in (0, 1, 2)  # asked again after the crash, and answered without paying again


def test_there_is_no_point_after_the_last(world: World):
    put(world, "a.xml", PAPER_BILL)
    put(world, "b.xml", TONER_BILL)
    assert not crashed_and_resumed(world, 25)


@pytest.mark.parametrize("seed", range(8))
def test_two_runs_over_one_folder_at_once_pay_each_invoice_once(seed: int, world: World):
    put(world, "a.xml", PAPER_BILL)
    put(world, "b.xml", TONER_BILL)
    put(world, "c.xml", PAPER_BILL)
    dice = random.Random(seed)

    async def pause() -> None:
        for _ in range(dice.randrange(30)):
            await asyncio.sleep(0)

    async def both() -> list[str]:
        runs = [Run(world, name=f"run-{n}", pause=pause) for n in (1, 2)]
        return [summary or "" for summary in await asyncio.gather(*(run.go() for run in runs))]

    summaries = asyncio.run(both())
    assert world.paid() == {"RE-1": "899.64", "RE-2": "460.53"}
    assert sum("1 rejected" in summary for summary in summaries) == 2
    assert sum(summary.count("payment PAY-") for summary in summaries) == 2


def test_running_again_from_the_top_asks_for_nothing_new(world: World):
    put_demo(world)
    once = Run(world)
    first = asyncio.run(once.go())
    places = list(once.journal)
    assert asyncio.run(once.go()) == first
    assert list(once.journal) == places
    assert len(world.questions) == 2
