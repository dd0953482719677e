"""The ERP tells what the books say, registers an invoice once, and never lets more be claimed than was received."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest
from erp_books import Books, BooksRefused, Claim, Question
from erp_rows import same_number
from tests.examples.mcp_servers import Refusal, Server, command, killed_while, serving

CLAIM: dict[str, Any] = {
    "supplier": "S-101",
    "number": "RE-007",
    "order": "PO-2026-0412",
    "amount": "1360.17",
    "currency": "EUR",
    "issued": "2026-11-03",
    "file": "re.xml",
    "sha256": "a" * 64,
    "lines": [{"line": "1", "quantity": "10"}],
}


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(tmp_path / "erp.db")
    books.prepare()
    return books


def claim(**changes: Any) -> Claim:
    import msgspec

    return msgspec.convert(CLAIM | {"charges": "0.00"} | changes, Claim)


# --- what the books say -------------------------------------------------------------------------------------------


def test_every_question_is_answered_through_the_protocol(tmp_path: Path):
    async def story() -> None:
        async with serving("erp", tmp_path) as erp:
            company = await erp.call("get_company")
            assert (company["name"], company["currency"]) == ("Acme Werke GmbH", "EUR")
            (supplier,) = (await erp.call("get_supplier", vat_id="DE 999 000 222"))["suppliers"]
            assert (supplier["id"], supplier["iban"], supplier["blocked"]) == ("S-101", "DE89370400440532013000", False)
            order = await erp.call("get_order", number="PO-2026-0412")
            assert order["found"]
            assert order["order"]["lines"][0]["unit_price"] == "18.90"
            assert await erp.call("get_order", number="PO-1") == {"found": False, "order": None}
            receipts = await erp.call("get_receipts", order="PO-2026-0398")
            assert receipts["lines"][0] == {"line": "1", "ordered": "12000", "received": "12000", "invoiced": "0"}
            assert [receipt["quantity"] for receipt in receipts["receipts"]] == ["7000", "150", "5000"]
            refused = await erp.call("get_receipts", order="PO-1")
            assert refused == Refusal("Error executing tool get_receipts: There is no order 'PO-1'.")
            assert (await erp.call("find_invoice", supplier="S-101", number="RE 007"))["key"] == "re-7"

    anyio.run(story)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"vat_id": "it99900044401"}, ["S-103"]),
        ({"legal_id": "hrb990022"}, ["S-101"]),
        ({"endpoint": "0106:99000333"}, ["S-102"]),
        ({"id": "S-108"}, ["S-108"]),
        ({"name": "kanzleibedarf süd gmbh"}, ["S-101"]),
        ({"name": "Kanzleibedarf Süd GmbH", "vat_id": "NL999000333B01"}, ["S-101", "S-102"]),
        ({"vat_id": "nobody"}, []),
        ({"vat_id": " "}, []),
        ({}, []),
    ],
)
def test_suppliers_are_found_by_any_of_their_identifiers(wanted: dict[str, str], found: list[str], books: Books):
    assert [supplier.id for supplier in books.suppliers(**wanted).suppliers] == found


# --- the register -------------------------------------------------------------------------------------------------


def test_the_same_effect_gets_the_same_answer_and_another_learns_who_was_first(tmp_path: Path):
    async def story() -> None:
        async with serving("erp", tmp_path) as erp:
            first = await erp.call("register_invoice", "run-1.5", **CLAIM)
            assert (first["status"], first["invoice"]["id"]) == ("registered", "INV-000001")
            assert await erp.call("register_invoice", "run-1.5", **CLAIM) == first
            second = await erp.call("register_invoice", "run-2.5", **{**CLAIM, "number": "re 7"})
            assert second["status"] == "already_registered"
            already = "Invoice 'RE-007' of supplier S-101 is already registered by effect run-1.5, as INV-000001"
            assert second["sentence"] == f"{already} (registered)."
            assert await erp.call("register_invoice", "run-2.5", **{**CLAIM, "number": "re 7"}) == second
            found = await erp.call("find_effect", effect_id="run-1.5")
            assert found == {"found": True, "tool": "register_invoice", **first}
            assert (await erp.call("find_effect", effect_id="run-9.9"))["found"] is False

    anyio.run(story)


def test_an_effect_id_does_not_stand_for_two_requests(books: Books):
    books.claim(claim(), "run-1.5")
    with pytest.raises(BooksRefused, match="already stands for another request"):
        books.claim(claim(number="RE-8"), "run-1.5")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RE-007", "re 7"),
        ("RE-007", "RE/0007"),
        ("INV2026-07", "inv 2026 007"),
        ("\uff32\uff25-\uff17", "RE-7"),
        ("STRASSE 1", "straße-1"),
        ("000", "0"),
    ],
)
def test_numbers_that_people_would_call_the_same_are_the_same(one: str, other: str):
    assert same_number(one) == same_number(other)


@pytest.mark.parametrize(
    ("one", "other"), [("12", "1-2"), ("RE-70", "RE-7"), ("A1", "B1"), ("10", "100"), ("1.5", "15")]
)
def test_numbers_that_differ_are_different(one: str, other: str):
    assert same_number(one) != same_number(other)


def test_two_suppliers_may_use_the_same_number(books: Books):
    assert books.claim(claim(), "a").status == "registered"
    other = claim(supplier="S-102", order="PO-2026-0398", lines=[{"line": "1", "quantity": "1"}])
    assert books.claim(other, "b").status == "registered"


def test_no_more_is_claimed_of_an_order_than_was_received(books: Books):
    assert books.claim(claim(lines=[{"line": "1", "quantity": "30"}]), "a").status == "registered"
    second = books.claim(claim(number="RE-8", lines=[{"line": "1", "quantity": "10.5"}]), "b")
    assert second.status == "not_covered"
    assert second.sentence == ("Line 1 of order PO-2026-0412: 10.5 invoiced, 40 received, 30 of them invoiced before.")
    assert books.claim(claim(number="RE-8", lines=[{"line": "1", "quantity": "10"}]), "c").status == "registered"
    assert books.receipts("PO-2026-0412").lines[0].invoiced == "40"


def test_no_more_charges_are_claimed_than_were_agreed(books: Books):
    part = {"supplier": "S-103", "order": "PO-2026-0377", "lines": [{"line": "1", "quantity": "1"}]}
    assert books.claim(claim(**part, charges="400.00"), "a").status == "registered"
    second = books.claim(claim(**part, number="RE-8", charges="250.01"), "b")
    assert second.sentence == (
        "Charges of order PO-2026-0377: 250.01 invoiced, 650.00 agreed, 400.00 of them invoiced before."
    )
    assert books.claim(claim(**part, number="RE-8", charges="250.00"), "c").status == "registered"


def test_an_invoice_that_is_not_paid_gives_back_its_share_but_not_its_number(books: Books):
    entry = books.claim(claim(lines=[{"line": "1", "quantity": "40"}]), "a").invoice
    assert entry is not None
    assert books.refused(entry.id, "Lin said no.", "b").status == "refused"
    assert books.receipts("PO-2026-0412").lines[0].invoiced == "0"
    assert books.claim(claim(), "c").status == "already_registered"
    assert books.claim(claim(number="RE-8", lines=[{"line": "1", "quantity": "40"}]), "d").status == "registered"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"supplier": "S-999"}, "There is no supplier 'S-999'."),
        ({"supplier": "S-108"}, "Supplier S-108 is blocked: dispute over delivery 4471"),
        ({"order": "PO-1"}, "There is no open order 'PO-1' with supplier S-101."),
        ({"order": "PO-2026-0398"}, "There is no open order 'PO-2026-0398' with supplier S-101."),
        ({"lines": []}, "at least one line"),
        ({"number": "---"}, "needs a number"),
        ({"lines": [{"line": "9", "quantity": "1"}]}, "has no line '9'"),
        ({"lines": [{"line": "1", "quantity": "1"}, {"line": "1", "quantity": "1"}]}, "claimed twice"),
        ({"lines": [{"line": "1", "quantity": "-1"}]}, "is not a number"),
        ({"amount": "NaN"}, "is not a number"),
        ({"amount": "1.005"}, "more than two decimals"),
        ({"issued": "yesterday"}, "is not a date"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_changes_nothing(changes: dict[str, Any], why: str, books: Books):
    with pytest.raises(BooksRefused) as refused:
        books.claim(claim(**changes), "a")
    assert why in str(refused.value)
    assert books.register() == []
    assert not books.effect("a").found


def test_a_payment_is_noted_once_and_other_payments_conflict(books: Books):
    entry = books.claim(claim(), "a").invoice
    assert entry is not None
    paid = books.paid(entry.id, "PAY-000001", "1360.17", "b")
    assert (paid.status, paid.invoice and paid.invoice.payment) == ("paid", "PAY-000001")
    assert books.paid(entry.id, "PAY-000001", "1360.17", "b") == paid
    assert books.paid(entry.id, "PAY-000001", "1360.17", "c").status == "paid"
    assert books.paid(entry.id, "PAY-000002", "1360.17", "d").status == "conflict"
    assert books.refused(entry.id, "too late", "e").status == "conflict"
    for strange in ("INV-9", "INV-", "1", "INV-1e3", ""):
        with pytest.raises(BooksRefused):
            books.paid(strange, "PAY-000001", "1.00", "f")


def question(**changes: Any) -> Question:
    import msgspec

    asked = {field: CLAIM[field] for field in ("supplier", "number", "sha256", "amount", "currency", "issued")}
    return msgspec.convert(asked | changes, Question)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ["same_file"]),
        ({"supplier": "S-102"}, ["same_file"]),
        ({"sha256": "b"}, ["same_number"]),
        ({"sha256": "b", "number": "re 7"}, ["looks_like"]),
        ({"sha256": "b", "number": "RE-8"}, ["same_amount_and_date"]),
        ({"sha256": "", "number": "RE-8", "amount": "1360.18"}, []),
        ({"sha256": "b", "number": "RE-8", "issued": "2026-11-04"}, []),
        ({"sha256": "b", "supplier": "S-102"}, []),
    ],
)
def test_the_register_finds_what_an_invoice_may_repeat(changes: dict[str, str], why: list[str], books: Books):
    books.claim(claim(), "a")
    assert [match.why for match in books.similar(question(**changes)).matches] == why


# --- many at once, and kills --------------------------------------------------------------------------------------


def test_two_servers_register_each_number_once(tmp_path: Path):
    statuses: dict[str, list[str]] = {}

    async def ask(server: Server, who: str, number: int) -> None:
        asked = CLAIM | {"number": f"RE-{number}", "lines": [{"line": "1", "quantity": "4"}]}
        answer = await server.call("register_invoice", f"{who}.{number}", **asked)
        statuses.setdefault(str(number), []).append(answer["status"])

    async def story() -> None:
        async with (
            serving("erp", tmp_path) as one,
            serving("erp", tmp_path) as other,
            anyio.create_task_group() as group,
        ):
            for number in range(10):
                group.start_soon(ask, one, "one", number)
                group.start_soon(ask, other, "other", number)

    anyio.run(story)
    assert all(sorted(found) == ["already_registered", "registered"] for found in statuses.values())
    books = Books(tmp_path / "erp.db")
    assert len(books.register()) == 10
    assert books.receipts("PO-2026-0412").lines[0].invoiced == "40"


def test_two_servers_never_claim_more_than_was_received(tmp_path: Path):
    statuses: list[str] = []

    async def ask(server: Server, number: str) -> None:
        asked = CLAIM | {"number": number, "lines": [{"line": "1", "quantity": "9"}]}
        statuses.append((await server.call("register_invoice", number, **asked))["status"])

    async def story() -> None:
        async with (
            serving("erp", tmp_path) as one,
            serving("erp", tmp_path) as other,
            anyio.create_task_group() as group,
        ):
            for n in range(5):
                group.start_soon(ask, one, f"A-{n}")
                group.start_soon(ask, other, f"B-{n}")

    anyio.run(story)
    assert sorted(statuses) == ["not_covered"] * 6 + ["registered"] * 4
    assert Books(tmp_path / "erp.db").receipts("PO-2026-0412").lines[0].invoiced == "36"


def test_a_server_killed_while_it_waits_for_the_books_changed_nothing(tmp_path: Path):
    books = Books(tmp_path / "erp.db")
    books.prepare()
    held = sqlite3.connect(tmp_path / "erp.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")

    async def story() -> None:
        began = anyio.current_time()
        call = ("register_invoice", "run-1.5", CLAIM)
        await killed_while("erp", tmp_path, call, lambda: anyio.current_time() > began + 1.5)
        held.execute("ROLLBACK")
        held.close()
        assert books.register() == []
        async with serving("erp", tmp_path) as erp:
            assert (await erp.call("find_effect", effect_id="run-1.5"))["found"] is False
            assert (await erp.call("register_invoice", "run-1.5", **CLAIM))["status"] == "registered"

    anyio.run(story)
    assert len(books.register()) == 1


# --- the books themselves -----------------------------------------------------------------------------------------


def content(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    try:
        return list(db.iterdump())
    finally:
        db.close()


def test_new_books_are_always_the_same_and_old_ones_are_left_alone(tmp_path: Path):
    command("erp", tmp_path, "--seed")
    (tmp_path / "second").mkdir()
    command("erp", tmp_path / "second", "--seed")
    assert content(tmp_path / "erp.db") == content(tmp_path / "second" / "erp.db")
    with sqlite3.connect(tmp_path / "erp.db") as db:
        db.execute("UPDATE suppliers SET blocked = 1 WHERE id = 'S-101'")
    db.close()
    before = content(tmp_path / "erp.db")
    command("erp", tmp_path, "--seed")
    assert content(tmp_path / "erp.db") == before


def test_servers_that_start_at_once_without_books_write_them_once(tmp_path: Path):
    async def story() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)

    async def ask() -> None:
        async with serving("erp", tmp_path) as erp:
            assert (await erp.call("get_order", number="PO-2026-0412"))["found"]

    anyio.run(story)
    assert len(Books(tmp_path / "erp.db").receipts("PO-2026-0412").receipts) == 2


def test_the_status_shows_each_invoice_and_the_counts(tmp_path: Path):
    books = Books(tmp_path / "erp.db")
    books.prepare()
    entry = books.claim(claim(), "a").invoice
    assert entry is not None
    books.paid(entry.id, "PAY-000001", "1360.17", "b")
    shown = command("erp", tmp_path, "--status").splitlines()
    assert shown[0] == "INV-000001  S-101  RE-007             PO-2026-0412  EUR      1360.17  paid       PAY-000001"
    assert shown[1] == "1 invoices registered, 1 of them paid"
    assert json.loads(command("erp", tmp_path, "--status", "--json"))[0]["payment"] == "PAY-000001"
