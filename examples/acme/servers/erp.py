"""The company's ERP as an MCP server over stdio: suppliers, orders, goods receipts, the register of invoices.

    python servers/erp.py              serve MCP on stdin and stdout
    python servers/erp.py --status     print the register (--json for programs)
    python servers/erp.py --seed       write the example's books and end

Environment: ERP_DB, the file of the books; it is written on first use.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from erp_answers import ClaimedLine, Company, FoundEffect, FoundOrder, Matches, Receipts, Registration, Suppliers
from erp_books import Books, BooksRefused, Claim, Question
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer(
    "erp", instructions="Suppliers, orders, goods receipts and the invoice register.", log_level="WARNING"
)
Answer = TypeVar("Answer")


@cache
def books() -> Books:
    """The books that the environment names, opened at first use."""
    opened = Books(Path(os.environ.get("ERP_DB") or Path(__file__).resolve().parent.parent / "erp.db"))
    opened.prepare()
    return opened


def _effect_id(context: Context[Any, Any]) -> str | None:
    meta: dict[str, Any] = dict(context.request_context.meta or {})
    effect_id = meta.get("deputy/effect-id")
    return effect_id if isinstance(effect_id, str) and effect_id else None


def _answered(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except BooksRefused as refused:
        raise ToolError(str(refused)) from refused


@server.tool()
def get_company() -> Company:
    """Tell who we are: the name and numbers that invoices to us must carry."""
    return books().company()


@server.tool()
def get_supplier(
    vat_id: str | None = None,
    legal_id: str | None = None,
    endpoint: str | None = None,
    id: str | None = None,
    name: str | None = None,
) -> Suppliers:
    """Find suppliers by VAT number, company number, electronic address, id or name; all that any of them points to."""
    return books().suppliers(vat_id=vat_id, legal_id=legal_id, endpoint=endpoint, id=id, name=name)


@server.tool()
def get_order(number: str) -> FoundOrder:
    """Get an order with its lines."""
    return books().order(number)


@server.tool()
def get_receipts(order: str) -> Receipts:
    """Tell what was received for an order, and what of it is already invoiced, line by line."""
    return _answered(lambda: books().receipts(order))


@server.tool()
def find_invoice(
    supplier: str, number: str, sha256: str = "", amount: str = "0", currency: str = "", issued: str = ""
) -> Matches:
    """Find what the register has that resembles an invoice: same file, number, or amount and date of this supplier."""
    question = Question(
        supplier=supplier, number=number, sha256=sha256, amount=amount, currency=currency, issued=issued
    )
    return _answered(lambda: books().similar(question))


@server.tool()
def register_invoice(  # noqa: PLR0913 - the fields of a register's entry
    supplier: str,
    number: str,
    order: str,
    amount: str,
    currency: str,
    issued: str,
    file: str,
    sha256: str,
    lines: list[ClaimedLine],
    context: Context[Any, Any],
    charges: str = "0.00",
) -> Registration:
    """Register an invoice before it is paid: claims its number and its share of the order, each once for ever.

    Answers `registered`, `already_registered` (with the entry that has the number) or `not_covered` (by the order).
    """
    claim = Claim(
        supplier=supplier,
        number=number,
        order=order,
        amount=amount,
        currency=currency,
        issued=issued,
        file=file,
        sha256=sha256,
        charges=charges,
        lines=lines,
    )
    return _answered(lambda: books().claim(claim, _effect_id(context)))


@server.tool()
def mark_paid(invoice_id: str, payment_id: str, amount: str, context: Context[Any, Any]) -> Registration:
    """Note that a registered invoice was paid, with the bank's payment and the amount. Answers `paid` or `conflict`."""
    return _answered(lambda: books().paid(invoice_id, payment_id, amount, _effect_id(context)))


@server.tool()
def mark_refused(invoice_id: str, reason: str, context: Context[Any, Any]) -> Registration:
    """Note that a registered invoice is not paid, and why. Answers `refused` or `conflict`."""
    return _answered(lambda: books().refused(invoice_id, reason, _effect_id(context)))


@server.tool()
def find_effect(effect_id: str) -> FoundEffect:
    """Tell what an effect led to. Conclusive: an effect that is not found changed nothing."""
    return books().effect(effect_id)


def _status(as_json: bool) -> str:
    entries = books().register()
    if as_json:
        return json.dumps([asdict(entry) for entry in entries], indent=2)
    lines = [
        f"{e.id}  {e.supplier}  {e.number:<18} {e.order:<13} {e.currency} {e.amount:>12}  {e.state:<10} "
        f"{e.payment or ''}{' ' + e.note if e.note else ''}".rstrip()
        for e in entries
    ]
    paid = sum(1 for entry in entries if entry.state == "paid")
    return "\n".join([*lines, f"{len(entries)} invoices registered, {paid} of them paid"])


def main() -> None:
    """Serve, or do what the flag says."""
    parser = argparse.ArgumentParser(description="The example company's ERP.")
    parser.add_argument("--status", action="store_true", help="print the register of invoices")
    parser.add_argument("--json", action="store_true", help="with --status: for programs")
    parser.add_argument("--seed", action="store_true", help="write the example's books and end")
    wanted = parser.parse_args()
    if wanted.status:
        print(_status(wanted.json))
    elif wanted.seed:
        books()
    else:
        books()
        server.run()


if __name__ == "__main__":
    main()
