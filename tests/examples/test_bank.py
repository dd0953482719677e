"""The bank pays what can be paid, once per effect if it knows how to, and counts what it was asked to."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from bank_ledger import BankRefused, Ledger, Order
from tests.examples.mcp_servers import Refusal, Server, command, killed_while, serving

RENT: dict[str, Any] = {
    "iban": "DE89 3704 0044 0532 0130 00",
    "amount": "1190.00",
    "currency": "EUR",
    "name": "Kanzleibedarf Süd GmbH",
    "reference": "RE-1",
}


def counts(folder: Path) -> tuple[int, int]:
    """Requests to pay received, and payments made, as the ledger has them."""
    return Ledger(folder / "bank.db").count()


def test_the_same_effect_is_paid_once_and_answered_alike(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            first = await bank.call("pay", "run-1.5", **RENT)
            assert first["payment_id"] == "PAY-000001"
            assert (first["iban"], first["amount"]) == ("DE89370400440532013000", "1190.00")
            assert await bank.call("pay", "run-1.5", **RENT) == first
            assert (await bank.call("pay", "run-1.6", **RENT))["payment_id"] == "PAY-000002"

    anyio.run(story)
    assert counts(tmp_path) == (3, 2)


def test_the_same_effect_is_answered_alike_after_a_restart(tmp_path: Path):
    async def pay() -> Any:
        async with serving("bank", tmp_path) as bank:
            return await bank.call("pay", "run-1.5", **RENT)

    assert anyio.run(pay) == anyio.run(pay)
    assert counts(tmp_path) == (2, 1)


def test_a_naive_bank_pays_at_every_request(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path, BANK_IDEMPOTENCY="off") as bank:
            first, second = [await bank.call("pay", "run-1.5", **RENT) for _ in range(2)]
            assert first["payment_id"] != second["payment_id"]
            found = await bank.call("find_payment", effect_id="run-1.5")
            assert (found["found"], found["count"], found["payment_id"]) == (True, 2, first["payment_id"])

    anyio.run(story)
    assert counts(tmp_path) == (2, 2)


def test_without_an_effect_id_every_request_is_a_payment_of_its_own(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            for _ in range(2):
                await bank.call("pay", **RENT)

    anyio.run(story)
    assert counts(tmp_path) == (2, 2)


def test_the_read_back_answers_like_the_payment_or_that_there_is_none(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            absent = await bank.call("find_payment", effect_id="run-1.5")
            assert (absent["found"], absent["count"], absent["payment_id"]) == (False, 0, None)
            paid = await bank.call("pay", "run-1.5", **RENT)
            found = await bank.call("find_payment", effect_id="run-1.5")
            assert found == {"found": True, "count": 1, **paid}

    anyio.run(story)


def test_an_effect_id_does_not_stand_for_two_payments(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            await bank.call("pay", "run-1.5", **RENT)
            refused = await bank.call("pay", "run-1.5", **{**RENT, "amount": "1191.00"})
            assert refused == Refusal(
                "Error executing tool pay: This effect id already stands for another payment; nothing was paid now."
            )

    anyio.run(story)
    assert counts(tmp_path) == (2, 1)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"iban": "DE88370400440532013000"}, "is not a valid IBAN"),
        ({"iban": "IBAN32423940"}, "is not a valid IBAN"),
        ({"iban": ""}, "is not a valid IBAN"),
        ({"amount": "0.00"}, "must be more than zero"),
        ({"amount": "-5.00"}, "is not an amount"),
        ({"amount": "1.005"}, "is not an amount"),
        ({"amount": "1e3"}, "is not an amount"),
        ({"amount": "NaN"}, "is not an amount"),
        ({"amount": "1,190.00"}, "is not an amount"),
        ({"amount": "1000000.01"}, "less than the payment"),
        ({"currency": "XTS"}, "There is no account in 'XTS'; accounts are in EUR, USD."),
        ({"name": " "}, "The name must be"),
        ({"reference": "x" * 141}, "The reference must be"),
        ({"reference": "RE\u202e-1"}, "The reference must be"),
    ],
)
def test_what_no_bank_would_pay_is_refused_and_counted(wrong: dict[str, str], why: str, tmp_path: Path):
    ledger = Ledger(tmp_path / "bank.db")
    ledger.prepare()
    asked = RENT | wrong
    request = ledger.receive("pay", "run-1.5", asked)
    with pytest.raises(BankRefused, match=re.escape(why)):
        ledger.pay(request, "run-1.5", Order.checked(**asked))
    assert ledger.count() == (1, 0)


def test_a_refusal_reaches_the_caller_as_a_failure_that_happened_to_nobody(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            refused = await bank.call("pay", "run-1.5", **{**RENT, "iban": "DE88370400440532013000"})
            assert isinstance(refused, Refusal)
            assert "'DE88370400440532013000' is not a valid IBAN" in refused.said
            assert isinstance(await bank.call("pay", "run-1.5", **{**RENT, "amount": 1190.0}), Refusal)
            assert (await bank.call("find_payment", effect_id="run-1.5"))["found"] is False

    anyio.run(story)


def test_amounts_are_exact(tmp_path: Path):
    async def story() -> None:
        async with serving("bank", tmp_path) as bank:
            for n, amount in enumerate(["0.1", "0.20", "999999"]):
                await bank.call("pay", f"run-1.{n}", **{**RENT, "amount": amount})
            (euros, dollars) = (await bank.call("balance"))["balances"]
            assert (euros["paid"], euros["payments"], euros["balance"]) == ("999999.30", 3, "0.70")
            assert (dollars["currency"], dollars["balance"]) == ("USD", "250000.00")
            listed = await bank.call("list_payments", limit=2)
            assert [payment["amount"] for payment in listed["payments"]] == ["0.20", "999999.00"]
            assert listed["total"] == 3

    anyio.run(story)


# --- kill -9 ------------------------------------------------------------------------------------------------------


def test_killed_before_it_pays_it_has_the_request_and_no_payment(tmp_path: Path):
    async def story() -> None:
        call = ("pay", "run-1.5", RENT)
        await killed_while("bank", tmp_path, call, lambda: counts(tmp_path) == (1, 0), BANK_DELAY_BEFORE="30")
        assert counts(tmp_path) == (1, 0)
        async with serving("bank", tmp_path) as bank:
            assert (await bank.call("find_payment", effect_id="run-1.5"))["found"] is False
            await bank.call("pay", "run-1.5", **RENT)

    anyio.run(story)
    assert counts(tmp_path) == (2, 1)


@pytest.mark.parametrize(("idempotency", "payments"), [("on", 1), ("off", 2)])
def test_killed_after_it_paid_it_knows_the_payment_though_nobody_was_told(
    idempotency: str, payments: int, tmp_path: Path
):
    async def story() -> None:
        call = ("pay", "run-1.5", RENT)
        await killed_while("bank", tmp_path, call, lambda: counts(tmp_path) == (1, 1), BANK_DELAY_AFTER="30")
        assert counts(tmp_path) == (1, 1)
        async with serving("bank", tmp_path, BANK_IDEMPOTENCY=idempotency) as bank:
            assert (await bank.call("find_payment", effect_id="run-1.5"))["payment_id"] == "PAY-000001"
            await bank.call("pay", "run-1.5", **RENT)

    anyio.run(story)
    assert counts(tmp_path) == (2, payments)


# --- many at once -------------------------------------------------------------------------------------------------


def test_two_servers_asked_for_one_effect_at_once_pay_once(tmp_path: Path):
    answers: list[Any] = []

    async def ask(server: Server) -> None:
        answers.append(await server.call("pay", "run-1.5", **RENT))

    async def story() -> None:
        async with (
            serving("bank", tmp_path) as one,
            serving("bank", tmp_path) as other,
            anyio.create_task_group() as group,
        ):
            for _ in range(10):
                group.start_soon(ask, one)
                group.start_soon(ask, other)

    anyio.run(story)
    assert all(answer == answers[0] for answer in answers)
    assert counts(tmp_path) == (20, 1)


# --- for people ---------------------------------------------------------------------------------------------------


def test_the_statement_shows_each_payment_the_balances_and_the_counts(tmp_path: Path):
    assert command("bank", tmp_path, "--seed") == ""
    ledger = Ledger(tmp_path / "bank.db")
    for _ in range(2):
        ledger.pay(ledger.receive("pay", "run-1.5", RENT), "run-1.5", Order.checked(**RENT))
    shown = command("bank", tmp_path, "--statement").splitlines()
    assert re.fullmatch(
        r"PAY-000001  \S+  EUR      1190\.00  DE89370400440532013000       Kanzleibedarf Süd GmbH  RE-1", shown[0]
    )
    assert shown[1] == "Balance EUR 998810.00: 1000000.00 less 1190.00 in 1 payments"
    assert shown[-1] == "2 requests to pay received, 1 payments made"
    told = json.loads(command("bank", tmp_path, "--statement", "--json"))
    assert (told["requests"], len(told["payments"]), told["balances"][0]["balance"]) == (2, 1, "998810.00")


def test_opening_the_accounts_again_changes_nothing(tmp_path: Path):
    ledger = Ledger(tmp_path / "bank.db")
    assert ledger.prepare()
    ledger.pay(ledger.receive("pay", "run-1.5", RENT), "run-1.5", Order.checked(**RENT))
    assert not ledger.prepare()
    assert not Ledger(tmp_path / "bank.db").prepare()
    assert ledger.count() == (1, 1)
