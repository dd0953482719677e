"""The company's bank as an MCP server over stdio. It counts what it was asked to pay, so that a test can tell.

    python servers/bank.py                 serve MCP on stdin and stdout
    python servers/bank.py --statement     print the ledger (--json for programs)
    python servers/bank.py --seed          open the accounts and end

Environment: BANK_DB (the ledger's file), BANK_IDEMPOTENCY=off (pay again at every request, as a naive bank would),
BANK_DELAY_BEFORE and BANK_DELAY_AFTER (seconds to wait before and after a payment is booked).
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bank_ledger import Balance, BankRefused, Ledger, Order, Payment
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("bank", instructions="The company's bank account.", log_level="WARNING")


@dataclass(frozen=True, kw_only=True)
class FoundPayment:
    """What an effect led to here: the payment as `pay` answers it; `count` above one means that it was paid again."""

    found: bool
    count: int
    payment_id: str | None = None
    iban: str | None = None
    amount: str | None = None
    currency: str | None = None
    name: str | None = None
    reference: str | None = None
    paid_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Payments:
    """The newest payments, oldest first, and how many there are in all."""

    payments: list[Payment]
    total: int


@dataclass(frozen=True, kw_only=True)
class Balances:
    """All accounts."""

    balances: list[Balance]


@cache
def ledger() -> Ledger:
    """The ledger that the environment names, opened at first use."""
    path = Path(os.environ.get("BANK_DB") or Path(__file__).resolve().parent.parent / "bank.db")
    opened = Ledger(path, idempotent=os.environ.get("BANK_IDEMPOTENCY", "on").lower() != "off")
    opened.prepare()
    return opened


def _wait(variable: str) -> None:
    time.sleep(float(os.environ.get(variable) or 0))


def _effect_id(context: Context[Any, Any]) -> str | None:
    meta: dict[str, Any] = dict(context.request_context.meta or {})
    effect_id = meta.get("deputy/effect-id")
    return effect_id if isinstance(effect_id, str) and effect_id else None


@server.tool()
def pay(iban: str, amount: str, currency: str, name: str, reference: str, context: Context[Any, Any]) -> Payment:
    """Transfer money to an account. Irreversible. `amount` is decimal text like "1190.00"."""
    effect_id = _effect_id(context)
    asked = {"iban": iban, "amount": amount, "currency": currency, "name": name, "reference": reference}
    request = ledger().receive("pay", effect_id, asked)
    _wait("BANK_DELAY_BEFORE")
    try:
        order = Order.checked(**asked)
        payment = ledger().pay(request, effect_id, order)
    except BankRefused as refused:
        ledger().refuse(request, str(refused))
        raise ToolError(str(refused)) from refused
    _wait("BANK_DELAY_AFTER")
    return payment


@server.tool()
def find_payment(effect_id: str) -> FoundPayment:
    """Tell whether an effect led to a payment. Conclusive: what is not found here was not paid."""
    ledger().receive("find_payment", None, {"effect_id": effect_id})
    count, payment = ledger().find(effect_id)
    return FoundPayment(found=payment is not None, count=count, **(asdict(payment) if payment else {}))


@server.tool()
def balance() -> Balances:
    """Tell what is on the accounts."""
    ledger().receive("balance", None, {})
    return Balances(balances=ledger().balances())


@server.tool()
def list_payments(limit: int = 100) -> Payments:
    """List the newest payments, oldest first."""
    ledger().receive("list_payments", None, {"limit": limit})
    return Payments(payments=ledger().latest(max(0, min(limit, 1000))), total=ledger().count()[1])


def _statement(as_json: bool) -> str:
    requests, made = ledger().count()
    payments, balances = ledger().latest(1000), ledger().balances()
    if as_json:
        booked = {"payments": [asdict(p) for p in payments], "balances": [asdict(b) for b in balances]}
        return json.dumps({"requests": requests, **booked}, indent=2)
    lines = [
        f"{p.payment_id}  {p.paid_at[:19]}  {p.currency} {p.amount:>12}  {p.iban:<27}  {p.name}  {p.reference}"
        for p in payments
    ]
    lines += [f"Balance {b.currency} {b.balance}: {b.opening} less {b.paid} in {b.payments} payments" for b in balances]
    return "\n".join([*lines, f"{requests} requests to pay received, {made} payments made"])


def main() -> None:
    """Serve, or do what the flag says."""
    parser = argparse.ArgumentParser(description="The example company's bank.")
    parser.add_argument("--statement", action="store_true", help="print the ledger")
    parser.add_argument("--json", action="store_true", help="with --statement: for programs")
    parser.add_argument("--seed", action="store_true", help="open the accounts and end")
    wanted = parser.parse_args()
    if wanted.statement:
        print(_statement(wanted.json))
    elif wanted.seed:
        ledger()
    else:
        ledger()
        server.run()


if __name__ == "__main__":
    main()
