"""The accounts decide by the ticket whose access may be reset, and reset it once."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.examples.mcp_servers import Refusal, Server, command, killed_while, serving


async def ticket_of(server: Server, person: str) -> str:
    opened = await server.call("my_ticket", effect=f"run.{person}", person=person, subject="Help")
    assert opened["verified"]
    return opened["ticket"]


async def reset(server: Server, ticket: str, account: str, effect: str = "run.9", kind: str = "unlock") -> Any:
    return await server.call("reset_access", effect=effect, ticket=ticket, account=account, kind=kind)


def status(folder: Path) -> Any:
    return json.loads(command("accounts", folder, "--status", "--json"))


@pytest.mark.anyio
async def test_a_persons_own_account_is_unlocked_once_for_an_effect(tmp_path: Path):
    async with serving("accounts", tmp_path) as server:
        ticket = await ticket_of(server, "kim")
        first = await reset(server, ticket, "kim.osei")
        assert await reset(server, ticket, "kim.osei") == first
        assert (await server.call("get_ticket", ticket=ticket))["accounts"][0]["locked"] is False
        assert (await server.call("find_effect", effect_id="run.9"))["reset"] == first
        assert (await server.call("find_effect", effect_id="run.10"))["found"] is False
    found = status(tmp_path)
    assert (found["requests"], len(found["resets"])) == (2, 1)


@pytest.mark.anyio
async def test_a_reset_needs_a_ticket_of_the_accounts_own_person(tmp_path: Path):
    async with serving("accounts", tmp_path) as server:
        kim, ida = await ticket_of(server, "kim"), await ticket_of(server, "ida")
        nobody = await server.call(
            "open_ticket", effect="run.1", letter="L1", address="kim@acme.example", verified_by="", subject="Help"
        )
        assert (nobody["verified"], nobody["accounts"]) == (False, [])
        stranger = await server.call(
            "open_ticket", effect="run.2", letter="L2", address="ceo@fastmail.example", verified_by="dmarc", subject=""
        )
        refused = [
            await reset(server, kim, "wei.chen"),
            await reset(server, nobody["ticket"], "kim.osei"),
            await reset(server, stranger["ticket"], "sofia.brandt"),
            await reset(server, ida, "ida.virtanen"),
            await reset(server, "T-0000000000000000", "kim.osei"),
            await reset(server, kim, "kim.osei", effect=""),
        ]
        await server.call("hand_over", effect="run.3", ticket=kim, why="unclear")
        refused.append(await reset(server, kim, "kim.osei"))
    assert all(isinstance(one, Refusal) for one in refused)
    said = " ".join(one.said for one in refused)
    for part in ("does not belong", "Nobody was verified", "special rights", "no such ticket", "with people"):
        assert part in said
    found = status(tmp_path)
    assert (found["requests"], found["resets"]) == (7, [])
    assert [row["note"] for row in found["queue"]] == ["unclear"]


@pytest.mark.anyio
async def test_a_model_cannot_say_for_whom_it_acts(tmp_path: Path):
    async with serving("accounts", tmp_path) as server:
        tried = await server.call("my_ticket", effect="run.1", person="kim", subject="Help", on_behalf_of="sofia")
        assert isinstance(tried, Refusal) or tried["person"] == "kim"
        unknown = await server.call("my_ticket", effect="run.2", subject="Help")
        assert unknown["verified"] is False


@pytest.mark.anyio
async def test_a_letter_has_one_ticket_whoever_opens_it_again(tmp_path: Path):
    given = {"letter": "L1", "address": "kim@acme.example", "verified_by": "dmarc", "subject": "Help"}
    async with serving("accounts", tmp_path) as server:
        first = await server.call("open_ticket", effect="run.1", **given)
        again = await server.call("open_ticket", effect="run.1", **given)
        other = await server.call("open_ticket", effect="run-2.1", **given)
    assert first == again
    assert (other["ticket"], other["fresh"]) == (first["ticket"], False)


@pytest.mark.anyio
async def test_a_server_killed_after_a_reset_does_not_reset_again(tmp_path: Path):
    async with serving("accounts", tmp_path) as server:
        ticket = await ticket_of(server, "kim")
    call = {"ticket": ticket, "account": "kim.osei", "kind": "mfa"}
    await killed_while(
        "accounts", tmp_path, ("reset_access", "run.9", call), lambda: bool(status(tmp_path)["resets"]),
        ACCOUNTS_DELAY_AFTER="20",
    )  # fmt: skip
    async with serving("accounts", tmp_path) as server:
        await reset(server, ticket, "kim.osei", kind="mfa")
    found = status(tmp_path)
    assert (found["requests"], len(found["resets"])) == (2, 1)
