"""Only an invoice that agrees with the books in every point is paid; every other gets reasons a clerk understands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.examples.matching_case import GOOD, ORDER, PAPER, SUPPLIER, TONER, US, asked, case, sentence
from tests.examples.ubl_builder import KANZLEIBEDARF, Bill, Extra, Means
from tests.examples.ubl_builder import Company as Party
from tools import ubl
from tools.decision import Ask, Pay
from tools.matching import Case, Rules, decide, identify, valid_iban

# --- what is paid -------------------------------------------------------------------------------------------------


def test_what_agrees_in_every_point_is_paid_to_the_account_in_our_books():
    decision = decide(case())
    assert isinstance(decision, Pay)
    assert (decision.iban, decision.amount, decision.currency) == ("DE89370400440532013000", Decimal("1360.17"), "EUR")
    assert (decision.name, decision.reference) == ("Kanzleibedarf Süd GmbH", "RE-20261103")
    assert [(line.line, line.quantity) for line in decision.lines] == [("1", 40), ("2", 6)]
    assert decision.notes == ()


def test_an_invoice_for_a_part_of_the_order_is_paid():
    bill = Bill(rows=[replace(PAPER, quantity="10")], type_code="326")
    assert isinstance(decide(case(bill)), Pay)


def test_lines_without_a_reference_are_found_by_their_item_number():
    bill = Bill(rows=[replace(PAPER, order_line=None), replace(TONER, order_line=None)])
    assert isinstance(decide(case(bill)), Pay)


def test_two_lines_for_the_same_order_line_are_added():
    bill = Bill(rows=[replace(PAPER, quantity="15"), replace(PAPER, quantity="25")])
    decision = decide(case(bill))
    assert isinstance(decision, Pay)
    assert [(line.line, line.quantity) for line in decision.lines] == [("1", 40)]


def test_a_discount_nobody_ordered_is_welcome():
    bill = Bill(rows=[replace(PAPER, extras=[Extra(amount="5.00")]), TONER], extras=[Extra(amount="10.00")])
    assert isinstance(decide(case(bill)), Pay)


def test_charges_within_what_was_agreed_are_paid():
    bill = Bill(rows=[PAPER], extras=[Extra(amount="20.00", charge=True, reason="Freight")])
    decision = decide(case(bill))
    assert isinstance(decision, Pay)
    assert decision.charges == 20


def test_a_small_rounding_is_paid():
    assert isinstance(decide(case(Bill(rows=GOOD.rows, rounding="-0.17"))), Pay)


def test_vat_stated_in_the_suppliers_currency_as_well_is_paid():
    assert isinstance(decide(case(Bill(rows=GOOD.rows, tax_currency="SEK", tax_in_other="2400.00"))), Pay)


def test_pieces_are_pieces_by_whatever_unit_code():
    assert isinstance(decide(case(Bill(rows=[replace(PAPER, unit="EA")]))), Pay)


def test_an_overdue_invoice_is_paid_with_a_note_unless_the_rules_say_otherwise():
    bill = Bill(rows=GOOD.rows, due="2026-11-20")
    decision = decide(case(bill))
    assert isinstance(decision, Pay)
    assert [note.sentence for note in decision.notes] == ["It was due on 2026-11-20, 3 days ago."]
    assert asked(bill, Rules(pay_overdue=False)) == ["overdue"]


def test_a_price_within_the_tolerance_is_paid():
    bill = Bill(rows=[replace(PAPER, price="18.95")])
    assert asked(bill) == ["price"]
    assert isinstance(decide(case(bill), Rules(price_tolerance=Decimal("0.5"))), Pay)


# --- the document -------------------------------------------------------------------------------------------------


def test_a_wrong_total_is_asked_about_with_its_figures():
    bill = Bill(rows=GOOD.rows, said={"payable": "1630.17"})
    assert asked(bill) == ["BR-CO-16"]
    assert "must be 1,360.17, but the invoice says 1,630.17 (270.00 difference)" in sentence("BR-CO-16", bill)


def test_a_credit_note_is_never_paid():
    note = Bill(rows=[PAPER], credit_note=True, type_code="381", corrects=["RE-1"])
    assert asked(note) == ["credit-note"]
    assert sentence("credit-note", note) == "It is a credit note over EUR 899.64: it is to be set off, not paid."
    assert asked(Bill(rows=[PAPER], type_code="381")) == ["credit-note"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("384", "corrected invoice"),
        ("386", "prepayment invoice"),
        ("389", "self-billed invoice"),
        ("751", "information only"),
        ("383", "debit note"),
        ("780", "not paid automatically"),
    ],
)
def test_a_document_of_another_kind_is_asked_about(code: str, words: str):
    bill = Bill(rows=[PAPER], type_code=code)
    assert asked(bill) == ["document-type"]
    assert words in sentence("document-type", bill)


def test_an_invoice_that_refers_to_an_earlier_one_is_asked_about():
    assert asked(Bill(rows=[PAPER], corrects=["RE-1"])) == ["refers-to-earlier"]


def test_an_invoice_of_no_known_specification_is_asked_about():
    assert asked(Bill(rows=[PAPER], customization="urn:www.cenbii.eu:transaction:biitrns010:ver2.0")) == [
        "specification"
    ]


def test_negative_lines_are_never_paid_even_where_the_total_is_positive():
    bill = Bill(rows=[PAPER, replace(TONER, quantity="-1")])
    assert "negative" in asked(bill)
    assert "-1 at 64.50 make -64.50" in sentence("negative", bill)


def test_a_negative_price_and_a_negative_quantity_do_not_make_a_payment():
    assert "negative" in asked(Bill(rows=[PAPER, replace(TONER, quantity="-1", price="-64.50")]))


def test_a_negative_allowance_is_a_hidden_charge():
    assert "negative" in asked(Bill(rows=[PAPER], extras=[Extra(amount="-500.00")]))


def test_a_negative_total_is_never_paid():
    bill = Bill(rows=[replace(PAPER, quantity="-40")])
    assert {"negative", "nothing-to-pay"} <= set(asked(bill))


def test_nothing_to_pay_and_prepaid_amounts_are_asked_about():
    paid_before = Bill(rows=[PAPER], prepaid="899.64")
    assert asked(paid_before) == ["nothing-to-pay", "prepaid"]
    assert asked(Bill(rows=[PAPER], prepaid="100.00")) == ["prepaid"]
    assert sentence("prepaid", Bill(rows=[PAPER], prepaid="100.00")).startswith("EUR 100.00 of it is said to be paid")


def test_a_large_rounding_is_no_rounding():
    assert asked(Bill(rows=[PAPER], rounding="99.00")) == ["rounding"]


def test_another_currency_is_asked_about():
    bill = Bill(rows=[PAPER], currency="NOK")
    assert asked(bill) == ["currency", "order-currency"]
    assert sentence("currency", bill) == "It is in NOK; payments are made in EUR only."
    assert asked(bill, order=replace(ORDER, currency="NOK")) == ["currency"]
    assert asked(order=replace(ORDER, currency="NOK")) == ["order-currency"]


def test_a_due_date_is_needed():
    assert asked(Bill(rows=[PAPER], due=None, terms="10 days 2%, 30 days net")) == ["no-due-date"]


def test_hidden_characters_stop_a_payment():
    assert asked(Bill(rows=[PAPER], number="RE-\u202e301")) == ["hidden-characters"]


# --- the parties --------------------------------------------------------------------------------------------------


def test_an_unknown_supplier_is_asked_about():
    assert asked(suppliers=()) == ["unknown-supplier"]
    assert "VAT number DE999000222" in sentence("unknown-supplier", suppliers=())


def test_a_name_alone_identifies_nobody():
    forged = replace(KANZLEIBEDARF, vat="DE111111111", legal="HRB 1", endpoint=("9930", "DE111111111"))
    bill = Bill(rows=[PAPER], supplier=forged)
    assert "unknown-supplier" in asked(bill)
    assert "It resembles S-101 (Kanzleibedarf Süd GmbH); check who sent it." in sentence("unknown-supplier", bill)


def test_a_supplier_without_any_number_is_unknown():
    nobody = Party(name="Kanzleibedarf Süd GmbH", vat=None, legal=None, endpoint=None, country="DE")
    assert "no number at all" in sentence("unknown-supplier", Bill(rows=[PAPER], supplier=nobody))


def test_numbers_of_two_suppliers_are_nobodys():
    other = replace(SUPPLIER, id="S-999", vat_id="DE888", legal_id="HRB 990022", endpoint=None)
    assert asked(suppliers=(SUPPLIER, other)) == ["unknown-supplier"]


def test_a_number_that_contradicts_the_books_is_asked_about():
    borrowed = replace(KANZLEIBEDARF, legal="HRB 4711")
    bill = Bill(rows=[PAPER], supplier=borrowed)
    assert asked(bill) == ["supplier-differs"]
    assert "company number HRB 4711 instead of HRB 990022" in sentence("supplier-differs", bill)


def test_numbers_are_compared_without_spaces_and_case():
    spaced = replace(KANZLEIBEDARF, vat="de 999 000 222", legal="hrb990022", endpoint=("9930", "de999000222"))
    assert isinstance(decide(case(Bill(rows=[PAPER], supplier=spaced))), Pay)


def test_a_supplier_known_by_one_number_of_several_is_identified():
    invoice = ubl.read(GOOD.xml())
    assert identify(invoice, [replace(SUPPLIER, vat_id=None, endpoint=None)]) is not None
    assert identify(invoice, [replace(SUPPLIER, vat_id=None, endpoint=None, legal_id=None)]) is None


def test_a_blocked_supplier_is_not_paid():
    blocked = replace(SUPPLIER, blocked=True, blocked_reason="dispute over delivery 4471")
    assert asked(suppliers=(blocked,)) == ["blocked-supplier"]
    assert "dispute over delivery 4471" in sentence("blocked-supplier", suppliers=(blocked,))


def test_an_invoice_to_somebody_else_is_not_ours_to_pay():
    other = Party(name="Buyer AS", vat="SE4598375937", legal="39937423947", endpoint=("0002", "FR23342"), country="SE")
    assert asked(Bill(rows=[PAPER], buyer=other)) == ["not-for-us"]
    half = Party(name="Acme Werke GmbH", vat="DE999000111", legal="HRB 1", endpoint=None, country="DE")
    assert asked(Bill(rows=[PAPER], buyer=half)) == ["not-for-us"]
    nameless = Party(name="Acme Werke GmbH", vat=None, legal=None, endpoint=None, country="DE")
    assert "no number of ours on it" in sentence("not-for-us", Bill(rows=[PAPER], buyer=nameless))


def test_a_payee_who_is_not_the_supplier_is_asked_about():
    assert asked(Bill(rows=[PAPER], payee="Quick Factoring Ltd")) == ["other-payee"]


# --- the account --------------------------------------------------------------------------------------------------


def test_a_changed_account_is_asked_about_and_says_how_to_check():
    bill = Bill(rows=[PAPER], means=[Means(account="LT121000011101001000")])
    assert asked(bill) == ["account-changed"]
    told = sentence("account-changed", bill)
    assert "LT121000011101001000" in told
    assert "DE89370400440532013000" in told
    assert "not one from the invoice" in told


def test_an_account_that_is_no_iban_is_asked_about():
    assert asked(Bill(rows=[PAPER], means=[Means(account="DE89370400440532013001")])) == ["account-changed", "bad-iban"]


@pytest.mark.parametrize(
    ("means", "codes"),
    [
        ((), ["payment-means"]),
        (
            (Means(account="DE89370400440532013000"), Means(account="LT121000011101001000")),
            ["payment-means", "account-changed"],
        ),
        ((Means(account="DE89370400440532013000"), Means(account="DE89370400440532013000")), ["payment-means"]),
        ((Means(account=None),), ["no-account"]),
        ((Means(account="DE89370400440532013000", code="59"),), ["direct-debit"]),
        ((Means(account="DE89370400440532013000", code="48"),), ["payment-means"]),
        ((Means(account="DE89370400440532013000", code="ZZZ"),), ["payment-means"]),
    ],
)
def test_other_ways_of_paying_are_asked_about(means: tuple[Means, ...], codes: list[str]):
    assert asked(Bill(rows=[PAPER], means=means)) == codes


@pytest.mark.parametrize("code", ["30", "31", "42", "57", "58"])
def test_every_bank_transfer_is_one(code: str):
    assert isinstance(decide(case(Bill(rows=[PAPER], means=[Means(account="DE89370400440532013000", code=code)]))), Pay)


def test_the_check_digits_of_an_iban_are_checked():
    assert valid_iban("DE89 3704 0044 0532 0130 00")
    assert valid_iban("NO9386011117947")
    assert not valid_iban("DE88370400440532013000")
    assert not valid_iban("IBAN32423940")
    assert not valid_iban("DE8937040044053201300\u0660")
    assert not valid_iban("")


# --- the examples of OpenPEPPOL -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("base-example.xml", {"negative", "no-order", "account-changed", "bad-iban"}),
        ("sales-order-example.xml", {"negative", "no-order"}),
        ("Allowance-example.xml", {"prepaid", "no-order"}),
        ("Vat-category-S.xml", {"no-order", "bad-iban"}),
    ],
)
def test_an_example_is_never_paid_though_its_parties_were_ours(
    name: str, least: set[str], peppol_example: Callable[[str], bytes]
):
    invoice = ubl.read(peppol_example(name))
    buyer, seller = invoice.buyer, invoice.supplier
    us = replace(US, vat_id=buyer.vat_id or "", legal_id=buyer.legal_id or "", endpoint=buyer.endpoint or "")
    supplier = replace(SUPPLIER, vat_id=seller.vat_id, legal_id=seller.legal_id, endpoint=seller.endpoint)
    decision = decide(
        Case(file=name, sha256="c" * 64, invoice=invoice, company=us, today=date(2026, 11, 23), suppliers=(supplier,))
    )
    assert isinstance(decision, Ask)
    codes = {reason.code for reason in decision.reasons}
    assert least <= codes
    assert not {"unknown-supplier", "supplier-differs", "not-for-us"} & codes
