"""What was not ordered, not received, dearer than ordered or invoiced before is not paid, with figures."""

from dataclasses import replace
from decimal import Decimal

from tests.examples.matching_case import ORDER, PAPER, RECEIPTS, TONER, asked, case, sentence
from tests.examples.ubl_builder import Bill, Extra
from tools.decision import Ask, Pay
from tools.matching import decide
from tools.records import LineStatus, Receipts


def test_an_invoice_without_an_order_is_asked_about():
    assert asked(Bill(rows=[PAPER], order=None), order=None, receipts=None) == ["no-order"]


def test_an_unknown_order_is_asked_about():
    assert asked(Bill(rows=[PAPER], order="PO-9"), order=None, receipts=None) == ["unknown-order"]


def test_an_order_of_another_supplier_is_asked_about():
    assert asked(order=replace(ORDER, supplier="S-102")) == ["other-supplier"]


def test_a_closed_order_is_asked_about():
    assert asked(order=replace(ORDER, status="closed")) == ["order-closed"]


def test_a_line_that_was_not_ordered_is_asked_about():
    assert asked(Bill(rows=[PAPER, replace(TONER, order_line="9")])) == ["line-not-ordered"]
    assert asked(Bill(rows=[PAPER, replace(TONER, order_line=None, code=None)])) == ["line-not-ordered"]
    assert asked(Bill(rows=[PAPER, replace(TONER, order_line=None, code="KB-X")])) == ["line-not-ordered"]
    assert asked(Bill(rows=[PAPER, replace(TONER, code="KB-X")])) == ["other-item"]


def test_a_higher_or_lower_price_than_ordered_is_asked_about():
    bill = Bill(rows=[replace(PAPER, price="19.90")])
    assert asked(bill) == ["price"]
    assert sentence("price", bill) == "Line 1 (Copy paper A4) costs EUR 19.90; ordered at 18.90."
    assert asked(Bill(rows=[replace(PAPER, price="17.90")])) == ["price"]


def test_a_price_for_many_units_is_compared_unit_by_unit():
    assert isinstance(decide(case(Bill(rows=[replace(PAPER, price="189.00", base="10")]))), Pay)
    bill = Bill(rows=[replace(PAPER, price="190.00", base="10")])
    assert sentence("price", bill) == "Line 1 (Copy paper A4) costs EUR 190.00 per 10; ordered at 189.00 per 10."


def test_other_units_than_ordered_are_asked_about():
    assert asked(Bill(rows=[replace(PAPER, unit="BX")])) == ["unit"]


def test_another_rate_of_vat_than_expected_is_asked_about():
    assert asked(Bill(rows=[replace(PAPER, rate="25")])) == ["vat-rate"]
    assert asked(Bill(rows=[replace(PAPER, category="AE", rate="0")])) == ["vat-rate"]


def test_more_than_ordered_is_asked_about():
    bill = Bill(rows=[replace(PAPER, quantity="41")])
    assert asked(bill) == ["over-ordered"]
    assert (
        sentence("over-ordered", bill) == "Line 1 of order PO-2026-0412 (Copy paper A4): 41 invoiced, but 40 ordered."
    )
    twice = Bill(rows=[PAPER, replace(PAPER, quantity="1")])
    assert asked(twice) == ["over-ordered"]


def some_received(received: int, invoiced: int) -> Receipts:
    line = LineStatus(line="1", received=Decimal(received), invoiced=Decimal(invoiced))
    return replace(RECEIPTS, lines=(line, RECEIPTS.lines[1]))


def test_more_than_received_is_asked_about():
    bill = Bill(rows=[PAPER])
    assert asked(bill, receipts=some_received(30, 0)) == ["over-received"]
    assert "40 invoiced, but 30 received." in sentence("over-received", bill, receipts=some_received(30, 0))
    assert asked(bill, receipts=replace(RECEIPTS, lines=())) == ["over-received"]


def test_what_was_invoiced_before_is_not_paid_again():
    part = Bill(rows=[replace(PAPER, quantity="10")])
    assert isinstance(decide(case(part, receipts=some_received(30, 20))), Pay)
    assert asked(part, receipts=some_received(30, 21)) == ["over-received"]
    assert "30 received, 21 of them invoiced before" in sentence("over-received", part, receipts=some_received(30, 21))
    assert asked(part, receipts=some_received(40, 31)) == ["over-ordered"]


def test_charges_beyond_what_was_agreed_are_asked_about():
    bill = Bill(rows=[PAPER], extras=[Extra(amount="25.00", charge=True, reason="Insurance")])
    assert asked(bill) == ["charges"]
    assert "charges of EUR 25.00 (Insurance); order PO-2026-0412 leaves 20.00" in sentence("charges", bill)
    hidden = Bill(rows=[replace(PAPER, extras=[Extra(amount="900.00", charge=True, reason="Handling")])])
    assert asked(hidden) == ["charges"]
    small = Bill(rows=[PAPER], extras=[Extra(amount="15.00", charge=True, reason="Freight")])
    assert asked(small, receipts=replace(RECEIPTS, charges_invoiced=Decimal(10))) == ["charges"]


def test_many_reasons_are_cut_in_the_question_but_not_in_the_decision():
    bill = Bill(rows=[replace(PAPER, order_line=str(n)) for n in range(100, 140)])
    decision = decide(case(bill))
    assert isinstance(decision, Ask)
    assert len(decision.reasons) == 40
    assert decision.question.count("\n- ") == 13
    assert "and 28 more of the kind" in decision.question


def test_a_question_names_the_invoice_and_spells_out_hidden_characters():
    decision = decide(case(Bill(rows=[PAPER], number="RE-\u202e1\n7", order="PO\u200b-1"), order=None, receipts=None))
    assert isinstance(decision, Ask)
    assert decision.question.startswith(
        "Invoice RE-\\u202e1 7 of Kanzleibedarf Süd GmbH over EUR 899.64 (file 're.xml')"
    )
    assert "PO\\u200b-1" in decision.question
    assert not {"\u202e", "\u200b"} & set(decision.question)
