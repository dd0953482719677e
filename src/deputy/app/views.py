"""The JSON shapes of the contract: a run, a list of runs, the inbox, the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from deputy.app.config import Settings
from deputy.app.queries import Opened
from deputy.base.canonical import decode
from deputy.base.errors import UsageError
from deputy.domain.chain import GENESIS
from deputy.domain.cost import Cost, Limits, format_money
from deputy.domain.event import Started
from deputy.domain.message import ModelCall
from deputy.domain.principal import agent_principal
from deputy.domain.run import Effect, EffectStatus, Run
from deputy.domain.waiting import waiting_on
from deputy.kernel.approval import Asked
from deputy.ports.store import Account, Item, RunRow

__all__ = [
    "account_view", "effect_view", "exit_code", "head_view", "inbox_view", "message_view", "moment", "money",
    "read_time", "run_line", "run_view", "spent",
]  # fmt: skip

STATES: Mapping[EffectStatus, str] = {
    "proposed": "proposed", "shadowed": "proposed", "asked": "asked", "approved": "asked", "denied": "denied",
    "claimed": "claimed", "unknown": "claimed", "in_doubt": "in_doubt", "done": "done", "failed": "failed",
}  # fmt: skip


def money(amount: int, currency: str) -> dict[str, str]:
    """An amount as the contract writes it."""
    return {"amount": format_money(amount), "currency": currency}


def moment(at: datetime | None) -> str | None:
    """A time as RFC 3339."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def read_time(text: str) -> datetime | None:
    """A time that somebody wrote, or None where they wrote nothing; raises UsageError for what is none."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"{text!r} is no time.", "Write RFC 3339, with its zone, as in 2026-11-23T08:00:00Z.")
    return at


def spent(cost: Cost, currency: str) -> dict[str, Any]:
    """What was consumed."""
    return {"money": money(cost.money, currency), "tokens": cost.tokens, "steps": cost.steps}


def run_view(opened: Opened, currency: str) -> dict[str, Any]:
    """A run as `deputy show RUN --json` prints it."""
    row, run, rows, _ = opened
    before = [GENESIS, *(stored.link for stored in rows)]
    return head_view(row, run, currency) | {
        "effects": [effect_view(run.id, effect) for effect in sorted(run.effects.values(), key=lambda e: e.n)],
        "events": [
            {"seq": stored.seq, "digest": stored.link.hex(), "prev": last.hex(), **_object(stored.body)}
            for stored, last in zip(rows, before, strict=False)
        ],
    }


def head_view(row: RunRow, run: Run, currency: str) -> dict[str, Any]:
    """A run without its effects and events."""
    ended, started = run.ended, run.started
    answer = (run.blob(ended.blob).decode() if ended.blob else ended.answer) if ended is not None else None
    return {
        "id": row.id,
        "agent": row.agent,
        "version": row.version,
        "state": row.state,
        "waiting_on": [_wait(wait) for wait in waiting_on(run)] if row.state == "waiting" else [],
        "principal": agent_principal(row.agent, row.version),
        "on_behalf_of": row.on_behalf_of,
        "started_by": started.by if isinstance(started, Started) else "",
        "asserted_by": started.asserted if isinstance(started, Started) else "",
        "task": run.task,
        "parent": row.parent or None,
        "trial": isinstance(started, Started) and started.trial,
        "created": moment(row.created),
        "answer": answer if ended is not None and ended.state == "done" else None,
        "error": msgspec.to_builtins(ended.error) if ended is not None and ended.error is not None else None,
        "spent": spent(run.spent, currency),
        "proof": _proof(run),
    }


def _proof(run: Run) -> list[dict[str, Any]]:
    """How everything stands that was to be proved: of what was read several times, the last."""
    found: dict[str, Any] = {}
    for path, note in run.notes.items():
        if note.kind == "proof":
            place = path.removeprefix("proof/")
            found[f"done/{place.rpartition('/')[2]}" if place.startswith("done/") else place] = note.value
    return list(found.values())


def _wait(wait: Any) -> dict[str, Any]:
    found = msgspec.to_builtins(wait)
    return {"kind": found.pop("kind"), "id": found.pop("id"), **found}


def _object(body: bytes) -> dict[str, Any]:
    value = decode(body)
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def effect_view(run: str, effect: Effect) -> dict[str, Any]:
    """An effect as `deputy show --json` prints it."""
    result: Any = effect.result
    if effect.kind == "model" and effect.result is not None:
        result = {"text": effect.result.text, "calls": [_call(call) for call in effect.result.calls]}  # pyright: ignore
    return {
        "id": f"{run}.{effect.n}",
        "tool": effect.call.tool,
        "args": effect.call.args,
        "class": effect.cls,
        "verdict": effect.verdict or None,
        "rule": effect.rule or None,
        "state": STATES[effect.status],
        "result": result,
        "error": msgspec.to_builtins(effect.error) if effect.error is not None else None,
        "attempt": effect.attempt,
        "untrusted": [msgspec.to_builtins(o) for o in effect.asked.untrusted] if effect.asked is not None else [],
    }


def _call(call: ModelCall) -> dict[str, str]:
    return {"id": call.id, "tool": call.tool, "arguments": call.arguments}


def run_line(row: RunRow) -> dict[str, Any]:
    """A run as `deputy ps --json` prints it."""
    return {
        "id": row.id, "agent": row.agent, "version": row.version, "state": row.state, "summary": row.summary or None,
        "on_behalf_of": row.on_behalf_of, "parent": row.parent or None, "events": row.seq,
        "created": moment(row.created), "changed": moment(row.changed),
    }  # fmt: skip


def inbox_view(items: Sequence[tuple[Item, Asked]]) -> list[dict[str, Any]]:
    """What waits for people, as `deputy inbox --json` prints it; messages that want no answer are left out."""
    return [
        {
            "id": item.id,
            "kind": asked.kind,
            "run": item.run,
            "agent": asked.agent,
            "effect": asked.effect or None,
            "digest": asked.digest or None,
            "tool": asked.tool or None,
            "args": asked.args,
            "question": asked.question,
            "options": list(asked.options),
            "form": asked.parameters if asked.kind == "question" and asked.parameters else None,
            "why": asked.why,
            "rule": asked.rule,
            "untrusted": [msgspec.to_builtins(origin) for origin in asked.untrusted],
            "approvers": list(asked.approvers),
            "created": moment(item.created),
            "expires": moment(item.expires),
        }
        for item, asked in items
        if asked.kind != "message"
    ]


def message_view(items: Sequence[tuple[Item, Asked]]) -> list[dict[str, Any]]:
    """What agents told people, as `deputy inbox --messages --json` prints it."""
    return [
        {
            "id": item.id, "kind": asked.kind, "run": item.run, "agent": asked.agent, "text": asked.question,
            "to": list(asked.people), "untrusted": [msgspec.to_builtins(origin) for origin in asked.untrusted],
            "created": moment(item.created),
        }
        for item, asked in items
        if asked.kind == "message"
    ]  # fmt: skip


def account_view(account: Account, settings: Settings) -> dict[str, Any]:
    """One line of the ledger, as `deputy budget --json` prints it; limits are those of the current mandate."""
    kind, _, rest = account.name.partition(":")
    day, _, agent = rest.partition(":") if kind == "day" else ("", "", "")
    deployed = settings.agents.get(agent)
    limits = deployed.agent.day_limits.raised(account.raised) if deployed is not None else Limits()
    return {
        "account": account.name,
        "agent": agent or None,
        "day": day or None,
        "run": rest if kind == "run" else None,
        "held": spent(account.held, settings.currency),
        "spent": spent(account.spent, settings.currency),
        "raised": spent(account.raised, settings.currency),
        "limit": {
            "money": None if limits.money is None else money(limits.money, settings.currency),
            "tokens": limits.tokens,
            "steps": limits.steps,
        },
    }


WAITS = {"approval": 3, "question": 3, "frozen": 3, "configuration": 3, "in_doubt": 6, "budget": 5, "defect": 1}
ORDER = (1, 6, 3, 5, 4, 7, 0)


def exit_code(*rows: RunRow) -> int:
    """The exit code for runs: of one, its own; of several, the first of 1, 6, 3, 5, 4, 7, 0."""
    codes = {_exit_code(row) for row in rows}
    return next((code for code in ORDER if code in codes), 0)


def _exit_code(row: RunRow) -> int:
    match row.state:
        case "done":
            return 0
        case "failed":
            return 5 if row.summary == "denied" else 4
        case "cancelled":
            return 4
        case "waiting":
            return WAITS.get(row.summary, 7)
        case "ready" | "running":
            return 7
