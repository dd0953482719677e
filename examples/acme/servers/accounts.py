"""The company's accounts as an MCP server over stdio. It counts what it was asked to reset, so that a test can tell.

    python servers/accounts.py              serve MCP on stdin and stdout
    python servers/accounts.py --status     print the resets and the tickets that wait for people (--json for programs)
    python servers/accounts.py --seed       write the accounts and end

Environment: ACCOUNTS_DB (the file), ACCOUNTS_DELAY_AFTER (seconds to wait after a reset).
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from accounts_desk import Desk, DeskRefused, Kind, Reset, Ticket
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("accounts", instructions="The company's accounts, and tickets about them.", log_level="WARNING")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Whether an effect led to something here, and to what."""

    found: bool
    reset: Reset | None = None
    ticket: Ticket | None = None


@cache
def desk() -> Desk:
    """The file that the environment names, opened at first use."""
    opened = Desk(Path(os.environ.get("ACCOUNTS_DB") or Path(__file__).resolve().parent.parent / "accounts.db"))
    opened.prepare()
    return opened


def _said(context: Context[Any, Any], name: str) -> str:
    """What Deputy itself says of a call; no model can write it."""
    meta: dict[str, Any] = dict(context.request_context.meta or {})
    value = meta.get(f"deputy/{name}")
    return value if isinstance(value, str) else ""


@server.tool()
def my_ticket(subject: str, context: Context[Any, Any]) -> Ticket:
    """Open a ticket for the person you act for."""
    person = _said(context, "on-behalf-of")
    return desk().open_for_person(person, f"Deputy: acts for {person}", subject, _said(context, "effect-id"))


@server.tool()
def open_ticket(letter: str, address: str, verified_by: str, subject: str, context: Context[Any, Any]) -> Ticket:
    """Open the one ticket of a letter, for whoever wrote from this address.

    `verified_by` says how that is certain, and is empty where it is not.
    """
    return desk().open_for_letter(letter, address, verified_by, subject, _said(context, "effect-id"))


@server.tool()
def get_ticket(ticket: str) -> Ticket:
    """Return a ticket: whose it is, whether that person was verified, and the state of their accounts."""
    try:
        return desk().ticket(ticket)
    except DeskRefused as refused:
        raise ToolError(str(refused)) from refused


@server.tool()
def hand_over(ticket: str, why: str, context: Context[Any, Any]) -> Ticket:
    """Leave a ticket to the people of IT, who see it in their queue."""
    try:
        return desk().hand_over(ticket, why, _said(context, "effect-id"))
    except DeskRefused as refused:
        raise ToolError(str(refused)) from refused


@server.tool()
def reset_access(ticket: str, account: str, kind: Kind, context: Context[Any, Any]) -> Reset:
    """Reset access to an account of the ticket's person: `unlock` it, make them set a new `password`, or forget their
    second factors (`mfa`)."""  # fmt: skip
    effect_id = _said(context, "effect-id") or None
    request = desk().receive(effect_id, {"ticket": ticket, "account": account, "kind": kind})
    try:
        done = desk().reset(effect_id, ticket, account, kind)
    except DeskRefused as refused:
        desk().close(request, f"refused: {refused}")
        raise ToolError(str(refused)) from refused
    desk().close(request, f"reset {done.reset_id}")
    time.sleep(float(os.environ.get("ACCOUNTS_DELAY_AFTER") or 0))
    return done


@server.tool()
def find_effect(effect_id: str) -> Found:
    """Tell what an effect led to. Conclusive: what is not found here was not done."""
    made = desk().found(effect_id)
    match made:
        case Reset():
            return Found(found=True, reset=made)
        case Ticket():
            return Found(found=True, ticket=made)
        case None:
            return Found(found=False)


def _status(as_json: bool) -> str:
    resets, queue = desk().resets(), [dict(row) for row in desk().queue()]
    if as_json:
        return json.dumps({"requests": desk().requests(), "resets": [asdict(r) for r in resets], "queue": queue})
    lines = [f"{r.reset_id}  {r.at[:19]}  {r.kind:<8}  {r.account:<14}  {r.ticket}" for r in resets]
    lines += [f"For people: {row['code']}  {row['person'] or 'nobody verified'}  {row['note']}" for row in queue]
    return "\n".join([*lines, f"{desk().requests()} requests to reset received, {len(resets)} resets made"])


def main() -> None:
    """Serve, or do what the flag says."""
    parser = argparse.ArgumentParser(description="The example company's accounts.")
    parser.add_argument("--status", action="store_true", help="print the resets and the tickets for people")
    parser.add_argument("--json", action="store_true", help="with --status: for programs")
    parser.add_argument("--seed", action="store_true", help="write the accounts and end")
    wanted = parser.parse_args()
    if wanted.status:
        print(_status(wanted.json))
    elif wanted.seed:
        desk()
    else:
        desk()
        server.run()


if __name__ == "__main__":
    main()
