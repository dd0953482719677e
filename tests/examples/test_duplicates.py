"""The same invoice is never paid twice: not under another name, not in another spelling, not from another folder."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from tests.examples.matching_case import GOOD, PAPER, TONER, asked, case, sentence
from tests.examples.ubl_builder import Bill
from tools import ubl
from tools.decision import Pay, Reject
from tools.duplicates import Filed, Twins, within_folder
from tools.matching import decide
from tools.records import Entry, Match


def known(why: str, **changes: Any) -> tuple[Match, ...]:
    entry = Entry(
        id="INV-000001",
        supplier="S-101",
        number="RE-20261103",
        order="PO-2026-0412",
        amount=Decimal("1360.17"),
        currency="EUR",
        issued=date(2026, 11, 3),
        file="first.xml",
        sha256="b" * 64,
        state="paid",
        registered_at="2026-11-04T09:00:00+00:00",
        payment="PAY-000007",
    )
    kind: Any = why
    return (Match(why=kind, invoice=replace(entry, **changes)),)


def rejected(**books: Any) -> list[str]:
    decision = decide(case(**books))
    assert isinstance(decision, Reject)
    return [reason.sentence for reason in decision.reasons]


def test_the_same_file_under_another_name_is_rejected():
    (why,) = rejected(matches=known("same_file"))
    assert why == "The same file, then called 'first.xml', was registered on 2026-11-04 and paid (PAY-000007)."


def test_the_same_file_again_is_only_reported():
    (why,) = rejected(matches=known("same_file", file="re.xml", state="registered", registered_by="run-1.5"))
    assert why == "This file was registered on 2026-11-04 by run-1.5 and is not marked as paid yet."
    (why,) = rejected(matches=known("same_file", file="re.xml", state="refused", note="too dear."))
    assert why == "This file was registered on 2026-11-04 and not paid: too dear."


def test_the_same_invoice_in_another_file_is_rejected():
    (why,) = rejected(matches=known("same_number"))
    assert why.startswith("Invoice RE-20261103 of this supplier, with the same amount and date, was registered")


def test_a_number_used_for_another_invoice_is_asked_about():
    assert asked(matches=known("same_number", amount=Decimal("99.00"))) == ["same-number"]
    assert asked(matches=known("same_number", issued=date(2026, 11, 2))) == ["same-number"]


def test_a_number_that_looks_like_another_is_asked_about():
    assert asked(matches=known("looks_like", number="re 2026 1103")) == ["looks-like"]
    assert "looks like that of invoice re 2026 1103" in sentence(
        "looks-like", matches=known("looks_like", number="re 2026 1103")
    )


def test_the_same_amount_and_date_under_another_number_is_asked_about():
    assert asked(matches=known("same_amount_and_date", number="RE-7")) == ["possible-duplicate"]


def filed(file: str, sha256: str, bill: Bill = GOOD, supplier: str | None = "S-101", key: str | None = None) -> Filed:
    key = key or bill.number.casefold()
    return Filed(file=file, sha256=sha256, invoice=ubl.read(bill.xml()), supplier=supplier, key=key)


def test_of_identical_files_in_a_folder_the_first_stands():
    twins = within_folder([filed("a.xml", "1"), filed("b.xml", "1"), filed("c.xml", "2")])
    assert [twins[file].copy_of for file in ("a.xml", "b.xml", "c.xml")] == [None, "a.xml", "a.xml"]
    (why,) = rejected(twins=twins["b.xml"])
    assert why == "It is the same invoice as 'a.xml', under another file name."
    assert isinstance(decide(case(twins=twins["a.xml"])), Pay)


def test_of_different_invoices_with_one_number_none_is_paid():
    other = Bill(rows=[PAPER])
    twins = within_folder([filed("a.xml", "1"), filed("b.xml", "2", other)])
    assert twins == {"a.xml": Twins(rivals=("b.xml",)), "b.xml": Twins(rivals=("a.xml",))}
    assert asked(twins=twins["a.xml"]) == ["same-number"]


def test_invoices_of_one_amount_and_day_in_a_folder_are_asked_about():
    twins = within_folder([filed("a.xml", "1"), filed("b.xml", "2", Bill(number="RE-8", rows=GOOD.rows))])
    assert twins["a.xml"] == Twins(lookalikes=("b.xml",))
    assert asked(twins=twins["a.xml"]) == ["possible-duplicate"]


def test_an_invoice_with_its_credit_note_in_the_folder_is_asked_about():
    note = Bill(number="GS-1", credit_note=True, type_code="381", rows=[TONER], corrects=["re-2026 1103"])
    twins = within_folder([filed("a.xml", "1"), filed("b.xml", "2", note)])
    assert twins == {"a.xml": Twins(credited_by=("b.xml",)), "b.xml": Twins()}
    assert asked(twins=twins["a.xml"]) == ["credited"]


def test_a_folder_of_very_many_invoices_is_compared_quickly():
    invoice = ubl.read(GOOD.xml())
    papers = [
        Filed(file=f"{n:05}.xml", sha256=str(n), invoice=replace(invoice, number=str(n)), supplier="S-101", key=str(n))
        for n in range(2000)
    ]
    papers.append(replace(papers[7], file="copy.xml"))
    assert within_folder(papers)["copy.xml"].copy_of == "00007.xml"


def test_invoices_of_different_suppliers_are_no_twins():
    other: Literal["S-102"] = "S-102"
    twins = within_folder([filed("a.xml", "1"), filed("b.xml", "2", Bill(rows=[PAPER]), supplier=other)])
    assert twins == {"a.xml": Twins(), "b.xml": Twins()}
