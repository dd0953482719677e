"""What stands in a UBL document is read as it stands, and what cannot be read safely is refused with a code."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from tests.examples.ubl_builder import Bill, Company, Extra, Means, Row
from tools import arithmetic, ubl
from tools.document import Invoice
from tools.invoices import findings
from tools.refusal import Refused

GOOD = Bill(rows=[Row(quantity="2", price="10.00", order_line="1", code="KB-A4-80")])


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        ubl.read(data)
    assert "\n" not in caught.value.why
    assert caught.value.why.endswith(".")
    return caught.value


def changed(old: str, new: str, bill: Bill = GOOD) -> bytes:
    text = bill.xml().decode()
    assert old in text
    return text.replace(old, new, 1).encode()


# --- the examples of OpenPEPPOL -----------------------------------------------------------------------------------


def test_the_base_example_is_read_whole(peppol_example: Callable[[str], bytes]):
    invoice = ubl.read(peppol_example("base-example.xml"))
    assert (invoice.kind, invoice.number, invoice.type_code) == ("invoice", "Snippet1", "380")
    assert (invoice.issued, invoice.due) == (date(2017, 11, 13), date(2017, 12, 1))
    assert invoice.supplier.name == "SupplierOfficialName Ltd"
    assert invoice.supplier.trading_name == "SupplierTradingName Ltd."
    assert invoice.supplier.vat_id == "GB1232434"
    assert invoice.supplier.endpoint == "0088:9482348239847239874"
    assert invoice.supplier.ids == ("99887766",)
    assert invoice.buyer.name == "Buyer Official Name"
    assert invoice.totals.payable == Decimal("1656.25")
    assert [line.quantity for line in invoice.lines] == [7, -3]
    assert invoice.lines[1].net == -1500
    assert invoice.lines[0].order_line == "123"
    assert invoice.means[0].account == "IBAN32423940"
    assert invoice.means[0].bic == "BIC324098"
    assert invoice.order is None
    assert invoice.terms == "Payment within 10 days, 2% discount"


def test_the_allowance_example_has_its_allowances_prepayment_and_tax_currency(
    peppol_example: Callable[[str], bytes],
):
    invoice = ubl.read(peppol_example("Allowance-example.xml"))
    assert [(a.charge, a.amount, a.percent) for a in invoice.allowances] == [(True, 200, 20), (False, 200, None)]
    assert invoice.tax_currency == "SEK"
    assert [(total.currency, total.amount) for total in invoice.taxes] == [("EUR", 1225), ("SEK", 9324)]
    assert {(s.category, s.taxable) for s in invoice.taxes[0].subtotals} == {("S", 4900), ("E", 1000)}
    assert (invoice.totals.prepaid, invoice.totals.payable) == (1000, 6125)
    assert invoice.lines[0].gross_price == 450
    assert invoice.lines[1].base_quantity == 2
    assert [attachment.link for attachment in invoice.attachments] == [None, "www.techspec.no"]
    assert invoice.contract == "framework no 1"


def test_the_two_rates_of_the_vat_example_stand_apart(peppol_example: Callable[[str], bytes]):
    invoice = ubl.read(peppol_example("Vat-category-S.xml"))
    assert [(s.rate, s.taxable, s.tax) for s in invoice.taxes[0].subtotals] == [(25, 5000, 1250), (15, 2000, 300)]


def test_an_order_that_is_not_available_is_no_order(peppol_example: Callable[[str], bytes]):
    invoice = ubl.read(peppol_example("sales-order-example.xml"))
    assert invoice.order is None
    assert invoice.sales_order == "123456"


@pytest.mark.parametrize(
    "name", ["base-example.xml", "Allowance-example.xml", "Vat-category-S.xml", "sales-order-example.xml"]
)
def test_the_figures_of_the_examples_are_right(name: str, peppol_example: Callable[[str], bytes]):
    assert findings(ubl.read(peppol_example(name))) == []


# --- what there is to read ----------------------------------------------------------------------------------------


def test_a_document_survives_the_journal():
    invoice = ubl.read(
        Bill(
            rows=[Row(quantity="2.5", price="9.999", extras=[Extra(amount="0.10")])],
            extras=[Extra(amount="1.00", percent="4", base="25.00")],
            corrects=["RE-1"],
            terms="30 days",
            notes=["one", "two"],
        ).xml()
    )
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(invoice)), Invoice) == invoice


def test_a_credit_note_is_read_with_its_lines_and_what_it_corrects():
    bill = Bill(credit_note=True, type_code="381", rows=[Row(quantity="1", price="18.90")], corrects=["RE-20261001"])
    note = ubl.read(bill.xml())
    assert (note.kind, note.type_code, note.corrects) == ("credit note", "381", ("RE-20261001",))
    assert note.lines[0].quantity == 1
    assert note.due == date(2026, 12, 3)


@pytest.mark.parametrize(
    ("category", "rate", "tax"),
    [
        ("S", "19", "19.00"),
        ("Z", "0", "0.00"),
        ("E", "0", "0.00"),
        ("AE", "0", "0.00"),
        ("K", "0", "0.00"),
        ("G", "0", "0.00"),
        ("O", None, "0.00"),
        ("L", "7", "7.00"),
        ("M", "4", "4.00"),
        ("B", "22", "22.00"),
    ],
)
def test_every_vat_category_is_read_and_reckoned(category: str, rate: str | None, tax: str):
    invoice = ubl.read(Bill(rows=[Row(quantity="1", price="100.00", category=category, rate=rate)]).xml())
    subtotal = invoice.taxes[0].subtotals[0]
    assert (subtotal.category, subtotal.rate) == (category, None if rate is None else Decimal(rate))
    assert invoice.taxes[0].amount == Decimal(tax)
    assert findings(invoice) == []


NATIONAL = {
    "Germany, XRechnung": "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
    "the Netherlands": "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0",
    "Norway": "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    "Slovenia": "urn:cen.eu:en16931:2017",
    "Italy": "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0:it",
}


@pytest.mark.parametrize("country", NATIONAL)
def test_a_national_variant_is_an_invoice_like_any_other(country: str):
    suppliers = {
        "Norway": Company(
            name="Fjellstål AS", vat="NO999000777MVA", legal="999000777", endpoint=("0192", "999000777"), country="NO"
        ),
        "Slovenia": Company(
            name="Optika Bela d.o.o.",
            vat="SI99900088",
            legal="9990008000",
            endpoint=("9949", "SI99900088"),
            country="SI",
        ),
        "Italy": Company(
            name="Officine Lombarde S.r.l.",
            vat="IT99900044401",
            legal=None,
            endpoint=("0211", "IT99900044401"),
            country="IT",
        ),
    }
    bill = Bill(rows=GOOD.rows, customization=NATIONAL[country], supplier=suppliers.get(country, GOOD.supplier))
    invoice = ubl.read(bill.xml())
    assert invoice.customization == NATIONAL[country]
    assert invoice.supplier.vat_id == bill.supplier.vat
    assert findings(invoice) == []


def test_an_account_is_read_without_its_spaces():
    bill = Bill(rows=GOOD.rows, means=[Means(account="de89 3704 0044 0532 0130 00")])
    assert ubl.read(bill.xml()).means[0].account == "DE89370400440532013000"


def test_an_attachment_is_noted_and_never_opened():
    raw = (
        "<cac:AdditionalDocumentReference><cbc:ID>timesheet</cbc:ID><cac:Attachment>"
        '<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="hours.pdf">JVBERi0x'
        "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    attachment = ubl.read(Bill(rows=GOOD.rows, raw=raw).xml()).attachments[0]
    assert (attachment.file, attachment.mime, attachment.bytes) == ("hours.pdf", "application/pdf", 6)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_an_invoice_in_a_usual_encoding_is_read(encoding: str):
    declared = {"utf-8-sig": "UTF-8"}.get(encoding, encoding)
    data = GOOD.xml().decode().replace('encoding="UTF-8"', f'encoding="{declared}"').encode(encoding)
    assert ubl.read(data).supplier.name == "Kanzleibedarf Süd GmbH"


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<cbc:ID>RE-20261103</cbc:ID>", "", "missing-field"),
        ("<cbc:IssueDate>2026-11-03</cbc:IssueDate>", "", "missing-field"),
        ("<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>", "", "missing-field"),
        ("<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>", "", "missing-field"),
        ("<cbc:DocumentCurrencyCode>EUR", "<cbc:DocumentCurrencyCode>Euro", "bad-value"),
        ('<cbc:PayableAmount currencyID="EUR">23.80</cbc:PayableAmount>', "", "missing-field"),
        ('<cbc:PriceAmount currencyID="EUR">10.00</cbc:PriceAmount>', "", "missing-field"),
        ('<cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity>', "", "missing-field"),
        ("<cbc:IssueDate>2026-11-03", "<cbc:IssueDate>03.11.2026", "bad-date"),
        ("<cbc:IssueDate>2026-11-03", "<cbc:IssueDate>2026-11-31", "bad-date"),
        ("<cbc:DueDate>2026-12-03", "<cbc:DueDate>20261203", "bad-date"),
        ("<cbc:ID>RE-20261103</cbc:ID>", "<cbc:ID>RE-1</cbc:ID><cbc:ID>RE-2</cbc:ID>", "ambiguous"),
        ("<cbc:ID>RE-20261103</cbc:ID>", f"<cbc:ID>{'9' * 121}</cbc:ID>", "too-long"),
        ("<cbc:ChargeIndicator>false", "<cbc:ChargeIndicator>no", "bad-value"),
    ],
)
def test_a_field_that_is_missing_malformed_or_twice_is_refused(old: str, new: str, code: str):
    bill = Bill(rows=GOOD.rows, extras=[Extra(amount="1.00")]) if "Charge" in old else GOOD
    assert refusal(changed(old, new, bill)).code == code


def test_two_amounts_to_pay_are_refused_because_two_readers_would_see_two_invoices():
    amount = '<cbc:PayableAmount currencyID="EUR">23.80</cbc:PayableAmount>'
    assert refusal(changed(amount, amount + amount.replace("23.80", "9000.00"))).code == "ambiguous"


def test_two_vat_numbers_of_a_supplier_are_refused():
    scheme = "<cac:PartyTaxScheme>"
    text = GOOD.xml().decode()
    start = text.index(scheme)
    end = text.index("</cac:PartyTaxScheme>") + len("</cac:PartyTaxScheme>")
    assert refusal((text[:end] + text[start:end] + text[end:]).encode()).code == "ambiguous"


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-INF",
        "1e5",
        "1E-2",
        "1,50",
        "1_000",
        "٣",
        "0x10",
        "",
        " ",
        "1.2.3",
        "9" * 16,
        "0." + "1" * 13,
    ],
)
def test_what_is_no_plain_number_is_refused(number: str):
    data = changed('<cbc:PayableAmount currencyID="EUR">23.80', f'<cbc:PayableAmount currencyID="EUR">{number}')
    assert refusal(data).code == "bad-number"


def test_numbers_are_read_exactly():
    data = changed('<cbc:PriceAmount currencyID="EUR">10.00', '<cbc:PriceAmount currencyID="EUR">+0010.000000000001')
    assert ubl.read(data).lines[0].price == Decimal("10.000000000001")


def test_elements_of_another_namespace_do_not_count():
    data = changed("<cbc:ID>RE-20261103</cbc:ID>", '<x:ID xmlns:x="urn:other">RE-20261103</x:ID>')
    assert refusal(data).code == "missing-field"


def test_an_invoice_without_lines_is_refused():
    assert refusal(Bill(rows=[]).xml()).why == "The invoice has no lines."


def test_other_xml_is_named_for_what_it_is():
    assert refusal(b"<html/>").why == "The file is XML, but neither a UBL invoice nor a credit note: it is 'html'."
    cii = b'<r:CrossIndustryInvoice xmlns:r="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"/>'
    refused = refusal(cii)
    assert refused.code == "other-format"
    assert "entered by hand" in refused.why


def test_a_root_in_the_wrong_namespace_is_no_invoice():
    assert refusal(GOOD.xml().replace(b"xsd:Invoice-2", b"xsd:Invoice-3")).code == "not-an-invoice"


# --- text made to deceive -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\u00ad", "\u0085", "\ufeff", "\U000e0041"])
def test_hidden_characters_are_shown_to_the_clerk(hidden: str):
    found = findings(ubl.read(Bill(number=f"RE-1{hidden}7", rows=GOOD.rows).xml()))
    assert [finding.rule for finding in found] == ["hidden-characters"]
    assert hidden not in found[0].sentence
    assert f"U+{ord(hidden):04X}" in found[0].sentence


def test_hidden_characters_are_found_in_any_text():
    found = findings(ubl.read(Bill(rows=[Row(quantity="1", price="1.00", item="pa\u202eper")]).xml()))
    assert [finding.rule for finding in found] == ["hidden-characters"]
    assert "lines item" in found[0].sentence


def test_a_number_of_two_alphabets_is_shown_to_the_clerk():
    found = findings(ubl.read(Bill(number="INV-\u0410-7", rows=GOOD.rows).xml()))
    assert [finding.rule for finding in found] == ["mixed-alphabets"]
    assert "Latin and Cyrillic" in found[0].sentence


def test_letters_of_one_alphabet_are_nothing_to_remark():
    assert findings(ubl.read(Bill(number="СЧЁТ-7", rows=GOOD.rows).xml())) == []
    assert findings(ubl.read(Bill(number="发票2026第7号", rows=GOOD.rows).xml())) == []


def test_rounding_is_half_away_from_zero():
    assert [arithmetic.rounded(Decimal(x)) for x in ("0.005", "1.005", "-1.005", "2.674999")] == [
        Decimal("0.01"),
        Decimal("1.01"),
        Decimal("-1.01"),
        Decimal("2.67"),
    ]
