"""What stands around an item: its run and what that cost, where each argument came from, what happened before, and
what follows if it is refused; and how similar cases were decided.
"""

from typing import Any

import msgspec

from deputy.app.answering import WORDS
from deputy.app.bootstrap import Office
from deputy.app.provenance import trace
from deputy.app.queries import open_run, opened
from deputy.app.views import STATES, moment, money, spent
from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError
from deputy.domain.agent import grant_for
from deputy.domain.cost import Limits
from deputy.domain.delivery import Approve, Refuse, delivery_from
from deputy.domain.effect import ToolSpec
from deputy.domain.run import Effect, Run
from deputy.domain.verdict import Ask
from deputy.kernel.approval import Asked, stake_of
from deputy.kernel.policy import Question
from deputy.ports.store import Item

__all__ = ["circumstances", "similar"]

AROUND = 12  #: effects before the one in question
TEXT = 240  #: characters of what happened
ANSWERS = 80  #: latest answers that are looked through for similar cases
RUNS = 24  #: runs that are read for them
LONG = 3_000  #: events of a run that is not read for them
CASES = 6


async def circumstances(office: Office, item: Item, asked: Asked) -> dict[str, Any]:
    """All of it, for one item."""
    found = await opened(office, item.run)
    run, row = found.run, found.row
    n = int(asked.effect.rpartition(".")[2]) if asked.effect else 0
    effect = run.effects.get(n)
    current = office.deployment.agent(asked.agent)
    limits = current.run_limits if current is not None else Limits()
    currency = office.settings.currency
    return {
        "arguments": [
            {
                "name": one.name, "value": asked.args[one.name], "trust": one.trust,
                "authority": one.name in asked.authority,
                "sources": [source._asdict() for source in one.sources],
            }
            for one in (trace(run, n, asked) if n else ())
        ],
        "task": run.task, "state": row.state, "driver": row.driver, "started": moment(row.created),
        "spent": spent(run.spent, currency),
        "limit": None if limits.money is None else money(limits.raised(run.raised).money or 0, currency),
        "may_ask_agent": row.driver == "loop",
        "on_deny": _on_deny(asked, row.driver),
        "delegates": _delegates(office, asked, run, effect),
        "attempts": _attempts(effect) if asked.kind == "in_doubt" and effect is not None else None,
        "budget": _budget(asked, limits, run, currency) if asked.kind == "budget" else None,
        "timeline": _timeline(run, n),
    }  # fmt: skip


def _on_deny(asked: Asked, driver: str) -> str:
    """What follows a refusal, as a word that surfaces know."""
    if asked.kind == "budget":
        return "ends"
    if asked.kind == "question":
        return "unanswered"
    return "procedure" if driver == "procedure" else "told"


def _delegates(office: Office, asked: Asked, run: Run, effect: Effect | None) -> list[dict[str, str]]:
    """Everybody it may be handed to, by the mandate of now."""
    agent = office.deployment.agent(asked.agent)
    if asked.kind != "approval" or agent is None or effect is None:
        return []
    spec = ToolSpec(name=asked.tool, parameters=asked.parameters, effect=effect.cls, authority=asked.authority)
    question = Question(
        agent=agent, on_behalf_of=asked.on_behalf_of, spec=spec, args=asked.args, run=run, n=effect.n
    )  # fmt: skip
    verdict = office.deployment.policy().decide(question)
    may = verdict.people | verdict.delegates if isinstance(verdict, Ask) else frozenset[str]()
    people = office.settings.directory.people
    return [{"id": name, "name": people[name].name} for name in sorted(may) if name in people]


def _attempts(effect: Effect) -> dict[str, Any]:
    """What is known of an effect that may have happened."""
    return {
        "count": effect.attempt, "first": moment(effect.first_at), "last": moment(effect.at),
        "repeat": effect.repeat, "error": msgspec.to_builtins(effect.error) if effect.error is not None else None,
    }  # fmt: skip


def _budget(asked: Asked, limits: Limits, run: Run, currency: str) -> dict[str, Any]:
    unit = str(asked.args.get("unit", ""))
    limit, used = getattr(limits, unit, None), getattr(run.spent, unit, 0)
    if unit == "money":
        limit, used = None if limit is None else money(limit, currency), money(used, currency)
    return {"unit": unit, "account": str(asked.args.get("account", "")), "limit": limit, "spent": used}


def _timeline(run: Run, n: int) -> list[dict[str, Any]]:
    """What the run did around an effect, in order."""
    numbers = sorted(run.effects)
    place = numbers.index(n) if n in run.effects else len(numbers)
    shown = numbers[max(0, place - AROUND) : place + 3]
    return [_happened(run, run.effects[number], here=number == n) for number in shown]


def _happened(run: Run, effect: Effect, *, here: bool) -> dict[str, Any]:
    result: Any = effect.result
    if effect.kind == "model":
        text = result.text if result is not None else ""
    else:
        text = "" if result is None else result if isinstance(result, str) else _json(result)
    error = effect.error.message if effect.error is not None else ""
    return {
        "effect": f"{run.id}.{effect.n}", "kind": effect.kind, "tool": effect.call.tool,
        "state": STATES[effect.status], "at": moment(effect.at), "ms": effect.ms, "here": here,
        "text": (error or text)[:TEXT], "untrusted": effect.status == "done" and effect.label.tainted,
    }  # fmt: skip


def _json(value: object) -> str:
    return canonical(value)[: TEXT * 4].decode(errors="replace")


# -- similar cases


async def similar(office: Office, asked: Asked, item: str) -> list[dict[str, Any]]:
    """How the latest questions about the same tool of the same agent were decided, those first that are most alike."""
    answers = await office.store.waits.answers(asked.agent, ANSWERS)
    runs: dict[str, Run | None] = {}
    found: list[tuple[float, dict[str, Any]]] = []
    for answer in answers:
        delivery = delivery_from(answer.body)
        n = answer.item.split(".")[1] if answer.item.count(".") == 2 else ""
        if answer.item == item or not n.isdigit() or (answer.run not in runs and len(runs) >= RUNS):
            continue
        if answer.run not in runs:
            runs[answer.run] = await _short_run(office, answer.run)
        run = runs[answer.run]
        effect = run.effects.get(int(n)) if run is not None else None
        if effect is None or effect.call.tool != asked.tool or effect.asked is None:
            continue
        proposed = (effect.original or effect.call).args
        by = answer.by.removeprefix("person:")
        known = office.settings.directory.people.get(by)
        case = {
            "item": answer.item, "run": answer.run, "decision": WORDS.get(type(delivery), "expired"),
            "edited": isinstance(delivery, Approve) and delivery.edit is not None,
            "reason": delivery.reason if isinstance(delivery, Refuse) else None,
            "by": {"id": by, "name": known.name if known is not None else by}, "at": moment(answer.at),
            "stake": stake_of(proposed, _amounts(office, asked)) or None,
            "same": sorted(name for name, value in asked.args.items() if proposed.get(name) == value),
        }  # fmt: skip
        found.append((_alike(asked, proposed), case))
    found.sort(key=lambda pair: -pair[0])  # the latest stay first among equals
    return [case for _, case in found[:CASES]]


async def _short_run(office: Office, name: str) -> Run | None:
    row = await office.store.run(name)
    if row is None or row.seq > LONG:
        return None
    try:
        return await open_run(office, name)
    except DeputyError:
        return None  # damaged: the audit says so; here it is a case less


def _amounts(office: Office, asked: Asked) -> tuple[str, ...]:
    agent = office.deployment.agent(asked.agent)
    grant = grant_for(agent.grants, asked.tool) if agent is not None else None
    return (*grant.limit, *grant.ask_above) if grant is not None else ()


def _alike(asked: Asked, args: dict[str, object]) -> float:
    """How alike two calls are: equal arguments, those that matter most; and how near the amounts."""
    score = 0.0
    for name, value in asked.args.items():
        if args.get(name) == value:
            score += 3.0 if name in asked.authority else 1.0
    ours, theirs = asked.stake, stake_of(args)
    if ours and theirs:
        one, other = abs(float(ours)), abs(float(theirs))
        score += 2.0 * min(one, other) / max(one, other, 1e-9)
    return score
