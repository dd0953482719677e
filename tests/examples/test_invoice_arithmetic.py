"""Invoices that add up have no findings; one figure changed anywhere shows, in words a clerk understands."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.examples.ubl_builder import Bill, Extra, Means, Row
from tools import ubl
from tools.decision import Pay
from tools.document import Finding
from tools.invoices import findings
from tools.matching import Case, decide
from tools.records import Company, LineStatus, Order, OrderLine, Receipts, Supplier


def found(bill: Bill) -> list[Finding]:
    return findings(ubl.read(bill.xml()))


def rules(bill: Bill) -> list[str]:
    return [finding.rule for finding in found(bill)]


LINE = Row(quantity="4", price="25.00")


@pytest.mark.parametrize(
    ("called", "amount", "expected"),
    [
        ("lines", "100.01", ["BR-CO-10", "BR-CO-13"]),
        ("exclusive", "90.00", ["BR-CO-13", "BR-CO-15"]),
        ("inclusive", "190.00", ["BR-CO-15", "BR-CO-16"]),
        ("tax", "18.99", ["BR-CO-15", "BR-CO-14"]),
        ("payable", "911.90", ["BR-CO-16"]),
        ("allowances", "1.00", ["BR-CO-11", "BR-CO-13"]),
        ("charges", "1.00", ["BR-CO-12", "BR-CO-13"]),
    ],
)
def test_each_total_is_checked_by_its_rule(called: str, amount: str, expected: list[str]):
    assert rules(Bill(rows=[LINE], said={called: amount})) == expected


def test_a_wrong_total_is_told_with_both_figures_and_the_difference():
    assert found(Bill(rows=[LINE], said={"payable": "911.90"})) == [
        Finding(
            rule="BR-CO-16",
            sentence="The amount due (total with VAT, less what was prepaid, plus rounding) must be 119.00, "
            "but the invoice says 911.90 (792.90 difference).",
        )
    ]


def test_the_net_amount_of_a_line_is_quantity_times_price_and_its_allowances():
    row = Row(quantity="10", price="9.99", extras=[Extra(amount="5.00"), Extra(amount="1.50", charge=True)])
    assert rules(Bill(rows=[row])) == []
    wrong = Row(quantity="10", price="9.99", net="99.90", extras=row.extras)
    assert rules(Bill(rows=[wrong])) == ["PEPPOL-EN16931-R120"]


def test_a_price_may_be_for_many_units():
    assert rules(Bill(rows=[Row(quantity="12000", price="485.00", base="1000")])) == []
    assert rules(Bill(rows=[Row(quantity="1", price="10.00", base="3")])) == []
    assert rules(Bill(rows=[Row(quantity="1", price="10.00", base="0", net="10.00")])) == ["PEPPOL-EN16931-R121"]
    assert rules(Bill(rows=[Row(quantity="1", price="10.00", base="-1", net="10.00")])) == ["PEPPOL-EN16931-R121"]


def test_a_price_in_other_units_than_the_quantity_is_found():
    text = Bill(rows=[Row(quantity="12", price="48.00", base="6")]).xml().decode()
    text = text.replace('<cbc:BaseQuantity unitCode="C62">', '<cbc:BaseQuantity unitCode="KGM">')
    assert [finding.rule for finding in findings(ubl.read(text.encode()))] == ["PEPPOL-EN16931-R130"]


def test_halves_are_rounded_up():
    assert rules(Bill(rows=[Row(quantity="0.5", price="0.01")])) == []
    assert rules(Bill(rows=[Row(quantity="0.5", price="0.01", net="0.00")])) == ["PEPPOL-EN16931-R120"]
    assert rules(Bill(rows=[Row(quantity="3", price="0.335")])) == []


def test_a_discount_on_the_price_is_reckoned():
    assert rules(Bill(rows=[Row(quantity="1", price="84.20", gross=("88.00", "3.80"))])) == []
    assert rules(Bill(rows=[Row(quantity="1", price="84.20", gross=("88.00", "3.00"))])) == ["PEPPOL-EN16931-R046"]


def test_a_percentage_must_come_to_its_amount():
    right = Extra(amount="2.00", percent="2", base="100.00")
    assert rules(Bill(rows=[LINE], extras=[right])) == []
    assert rules(Bill(rows=[LINE], extras=[Extra(amount="2.01", percent="2", base="100.00")])) == [
        "PEPPOL-EN16931-R040"
    ]
    assert rules(Bill(rows=[LINE], extras=[Extra(amount="2.00", percent="2")])) == ["PEPPOL-EN16931-R041"]
    assert rules(Bill(rows=[LINE], extras=[Extra(amount="2.00", base="100.00")])) == ["PEPPOL-EN16931-R041"]


def test_allowances_and_charges_of_the_document_belong_to_a_rate():
    bill = Bill(rows=[LINE], extras=[Extra(amount="10.00"), Extra(amount="5.00", charge=True, rate="7")])
    assert rules(bill) == []


def test_prepaid_and_rounding_change_what_is_due():
    assert rules(Bill(rows=[LINE], prepaid="19.00", rounding="0.40")) == []


def test_more_than_two_decimals_are_found():
    bill = Bill(rows=[LINE]).xml().replace(b">119.00<", b">119.001<")
    assert "BR-DEC" in [finding.rule for finding in findings(ubl.read(bill))]


@pytest.mark.parametrize(
    ("category", "rate", "rule"),
    [
        ("S", "0", "BR-S-05"),
        ("Z", "5", "BR-Z-05"),
        ("E", "19", "BR-E-05"),
        ("AE", "19", "BR-AE-05"),
        ("K", "19", "BR-IC-05"),
        ("G", "19", "BR-G-05"),
        ("O", "19", "BR-O-05"),
        ("L", "-7", "BR-AF-05"),
        ("M", "101", "BR-AG-05"),
        ("X", "19", "BR-CL-18"),
    ],
)
def test_a_rate_that_a_category_cannot_have_is_found(category: str, rate: str, rule: str):
    assert rule in rules(Bill(rows=[Row(quantity="1", price="100.00", category=category, rate=rate)]))


@pytest.mark.parametrize("category", ["E", "AE", "K", "G", "O"])
def test_goods_without_vat_need_a_reason(category: str):
    text = Bill(rows=[Row(quantity="1", price="1.00", category=category, rate="0")]).xml().decode()
    text = re.sub(r" *<cbc:TaxExemptionReason>.*\n", "", text)
    assert len(findings(ubl.read(text.encode()))) == 1


def test_goods_outside_the_scope_of_vat_stand_alone():
    rows = [Row(quantity="1", price="1.00", category="O", rate=None), LINE]
    assert rules(Bill(rows=rows)) == ["BR-O-11"]


def test_a_breakdown_that_moves_goods_to_a_lower_rate_is_found():
    text = Bill(rows=[LINE]).xml().decode()
    head, tail = text.split("<cac:LegalMonetaryTotal>")
    moved = head.replace("<cbc:Percent>19</cbc:Percent>", "<cbc:Percent>7</cbc:Percent>")
    found = findings(ubl.read(f"{moved}<cac:LegalMonetaryTotal>{tail}".encode()))
    assert {"BR-CO-17", "BR-S-08"} <= {finding.rule for finding in found}


def test_vat_must_be_stated_once_in_the_invoices_currency():
    text = Bill(rows=[LINE]).xml().decode()
    start, end = text.index("<cac:TaxTotal>"), text.index("<cac:LegalMonetaryTotal>")
    total = text[start:end]
    assert "BR-CO-18" in {f.rule for f in findings(ubl.read((text[:start] + text[end:]).encode()))}
    assert "BR-CO-18" in {f.rule for f in findings(ubl.read((text[:end] + total + text[end:]).encode()))}


def test_vat_in_the_accounting_currency_must_be_there_where_it_is_announced():
    bill = Bill(rows=[LINE], tax_currency="SEK", tax_in_other="210.00")
    assert rules(bill) == []
    text = bill.xml().decode().replace('<cbc:TaxAmount currencyID="SEK">', '<cbc:TaxAmount currencyID="DKK">')
    assert {f.rule for f in findings(ubl.read(text.encode()))} == {"BR-53", "PEPPOL-EN16931-R051"}


@pytest.mark.parametrize(
    "tag", ["PayableAmount", "LineExtensionAmount", "PriceAmount", "TaxableAmount", "TaxInclusiveAmount"]
)
@pytest.mark.parametrize("tax_currency", [None, "SEK"])
def test_an_amount_in_another_currency_is_found(tag: str, tax_currency: str | None):
    text = Bill(rows=[LINE], tax_currency=tax_currency).xml().decode()
    text = text.replace(f'<cbc:{tag} currencyID="EUR">', f'<cbc:{tag} currencyID="SEK">', 1)
    assert "PEPPOL-EN16931-R051" in {f.rule for f in findings(ubl.read(text.encode()))}


# --- any invoice ------------------------------------------------------------------------------------------------------

RATES = [
    ("S", "19"),
    ("S", "7"),
    ("S", "25.5"),
    ("Z", "0"),
    ("E", "0"),
    ("AE", "0"),
    ("K", "0"),
    ("G", "0"),
    ("L", "7"),
]
money = st.decimals(min_value="0.01", max_value="9999", places=2).map(str)


@st.composite
def extras(draw: st.DrawFn, rates: Sequence[tuple[str, str]]) -> Extra:
    category, rate = draw(st.sampled_from(rates))
    charge = draw(st.booleans())
    if draw(st.booleans()):
        return Extra(amount=draw(money), charge=charge, category=category, rate=rate)
    base, percent = Decimal(draw(money)), draw(st.integers(1, 40))
    amount = (base * percent / 100).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    shown = {"amount": str(amount), "percent": str(percent), "base": str(base)}
    return Extra(**shown, charge=charge, category=category, rate=rate)


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    rates = draw(st.lists(st.sampled_from(RATES), min_size=1, max_size=3, unique=True))
    rows: list[Row] = []
    for n in range(draw(st.integers(1, 5))):
        category, rate = draw(st.sampled_from(rates))
        rows.append(
            Row(
                quantity=str(draw(st.decimals(min_value="0.001", max_value="5000", places=3))),
                price=str(draw(st.decimals(min_value="0.0001", max_value="5000", places=4))),
                base=draw(st.sampled_from(["1", "1", "3", "100", "1000"])),
                extras=draw(st.lists(extras([(category, rate)]), max_size=2)),
                category=category,
                rate=rate,
                code=f"ITEM-{n + 1}",
                order_line=str(n + 1),
            )
        )
    return Bill(
        rows=rows,
        extras=draw(st.lists(extras(rates), max_size=3)),
        order="PO-1",
        tax_currency=draw(st.sampled_from([None, "SEK"])),
    )


def case_of(bill: Bill, data: bytes) -> Case:
    """The case in which the books agree with the bill in every point, and the document is as given."""
    invoice = ubl.read(data)
    us = Company(name="Acme", vat_id="DE999000111", legal_id="HRB 990011", endpoint="9930:DE999000111", currency="EUR")
    supplier = Supplier(
        id="S-1",
        name="Kanzleibedarf",
        vat_id="DE999000222",
        legal_id="HRB 990022",
        endpoint="9930:DE999000222",
        iban="DE89370400440532013000",
        country="DE",
        currency="EUR",
        blocked=False,
    )
    lines = tuple(
        OrderLine(
            line=row.order_line or "",
            item=row.code or "",
            description=row.item,
            quantity=Decimal(row.quantity),
            unit=row.unit,
            unit_price=Decimal(row.price) / Decimal(row.base),
            vat_rate=Decimal(row.rate or 0),
        )
        for row in bill.rows
    )
    charges = [*bill.extras, *(e for row in bill.rows for e in row.extras)]
    agreed = sum((Decimal(e.amount) for e in charges if e.charge), Decimal(0))
    order = Order(number="PO-1", supplier="S-1", currency="EUR", status="open", agreed_charges=agreed, lines=lines)
    status = tuple(LineStatus(line=line.line, received=line.quantity, invoiced=Decimal(0)) for line in lines)
    return Case(
        file="x.xml",
        sha256="0" * 64,
        invoice=invoice,
        company=us,
        today=date(2026, 11, 23),
        findings=tuple(findings(invoice)),
        suppliers=(supplier,),
        order=order,
        receipts=Receipts(order="PO-1", charges_invoiced=Decimal(0), lines=status),
    )


@given(bills())
@settings(max_examples=150, deadline=None)
def test_an_invoice_that_adds_up_has_no_findings(bill: Bill):
    assert found(bill) == []


AMOUNT = re.compile(r'<cbc:(\w+) currencyID="EUR">([0-9.]+)</')


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_amount_changed_anywhere_is_found_or_stops_the_payment(data: st.DataObject):
    bill = data.draw(bills().filter(lambda b: all(row.base in ("1", "100", "1000") for row in b.rows)))
    text = bill.xml().decode()
    places = list(AMOUNT.finditer(text))
    place = data.draw(st.sampled_from(places))
    change = data.draw(st.decimals(min_value="-500", max_value="5000", places=2).filter(bool))
    assume(place.group(1) != "BaseAmount" or abs(change) >= 1)  # a cent of it need not change what 1% comes to
    amount = Decimal(place.group(2)) + change
    changed = text[: place.start(2)] + f"{amount:f}" + text[place.end(2) :]
    before, after = decide(case_of(bill, text.encode())), decide(case_of(bill, changed.encode()))
    assert isinstance(before, Pay) or {reason.code for reason in before.reasons} <= {"negative", "nothing-to-pay"}
    assert not isinstance(after, Pay), f"{place.group(0)} became {amount}"


@given(bills())
@settings(max_examples=100, deadline=None)
def test_reading_an_invoice_twice_gives_the_same(bill: Bill):
    assert ubl.read(bill.xml()) == ubl.read(bill.xml())
    assert (
        Bill(rows=bill.rows, means=[Means(account="X")]).xml() == Bill(rows=bill.rows, means=[Means(account="X")]).xml()
    )
