"""An invoice that agrees with the books in every point, and the reasons that a decision gives where it does not."""

from datetime import date
from decimal import Decimal
from typing import Any

from tests.examples.ubl_builder import Bill, Row
from tools import ubl
from tools.decision import OPTIONS, Ask
from tools.invoices import findings
from tools.matching import Case, Rules, decide
from tools.records import Company, LineStatus, Order, OrderLine, Receipts, Supplier

US = Company(
    name="Acme Werke GmbH", vat_id="DE999000111", legal_id="HRB 990011", endpoint="9930:DE999000111", currency="EUR"
)
SUPPLIER = Supplier(
    id="S-101",
    name="Kanzleibedarf Süd GmbH",
    vat_id="DE999000222",
    legal_id="HRB 990022",
    endpoint="9930:DE999000222",
    iban="DE89370400440532013000",
    country="DE",
    currency="EUR",
    blocked=False,
)
ORDER = Order(
    number="PO-2026-0412",
    supplier="S-101",
    currency="EUR",
    status="open",
    agreed_charges=Decimal("20.00"),
    lines=(
        OrderLine(
            line="1",
            item="KB-A4-80",
            description="Copy paper A4",
            quantity=Decimal(40),
            unit="C62",
            unit_price=Decimal("18.90"),
            vat_rate=Decimal(19),
        ),
        OrderLine(
            line="2",
            item="KB-T-455",
            description="Toner black",
            quantity=Decimal(6),
            unit="C62",
            unit_price=Decimal("64.50"),
            vat_rate=Decimal(19),
        ),
    ),
)
RECEIPTS = Receipts(
    order="PO-2026-0412",
    charges_invoiced=Decimal(0),
    lines=(
        LineStatus(line="1", received=Decimal(40), invoiced=Decimal(0)),
        LineStatus(line="2", received=Decimal(6), invoiced=Decimal(0)),
    ),
)
PAPER = Row(quantity="40", price="18.90", code="KB-A4-80", order_line="1")
TONER = Row(quantity="6", price="64.50", code="KB-T-455", order_line="2", item="Toner black")
GOOD = Bill(rows=[PAPER, TONER])


def case(bill: Bill = GOOD, **books: Any) -> Case:
    invoice = ubl.read(bill.xml())
    known: dict[str, Any] = {"suppliers": (SUPPLIER,), "order": ORDER, "receipts": RECEIPTS} | books
    return Case(
        file="re.xml",
        sha256="a" * 64,
        invoice=invoice,
        company=US,
        today=date(2026, 11, 23),
        findings=tuple(findings(invoice)),
        **known,
    )


def asked(bill: Bill = GOOD, rules: Rules | None = None, **books: Any) -> list[str]:
    """The codes of the reasons why this is not paid."""
    decision = decide(case(bill, **books), rules)
    assert isinstance(decision, Ask)
    assert decision.options == OPTIONS
    for reason in decision.reasons:
        assert reason.sentence.endswith((".", ")")), reason.sentence
        assert reason.sentence in decision.question
    return [reason.code for reason in decision.reasons]


def sentence(code: str, bill: Bill = GOOD, **books: Any) -> str:
    decision = decide(case(bill, **books))
    assert isinstance(decision, Ask)
    return next(reason.sentence for reason in decision.reasons if reason.code == code)
