"""Put one exact effect to people: may it happen (approval), or did it happen (in doubt)."""

from collections.abc import Mapping
from datetime import timedelta

from deputy.base.canonical import digest as body_digest
from deputy.domain.agent import grant_for
from deputy.domain.effect import Call, ToolSpec, approval_digest
from deputy.domain.event import Doubted, VerdictGiven
from deputy.domain.principal import agent_principal
from deputy.domain.run import Effect
from deputy.domain.verdict import Ask
from deputy.kernel.approval import Asked, item_of, sentence, stake_of
from deputy.kernel.flow import origins
from deputy.kernel.policy import Question
from deputy.kernel.visit import Visit

__all__ = ["ask", "digest_of", "doubt", "may_answer", "new_call", "question"]


def question(visit: Visit, n: int, spec: ToolSpec, args: Mapping[str, object]) -> Question:
    """An effect as policy sees it."""
    on_behalf_of = visit.journal.row.on_behalf_of
    return Question(agent=visit.agent, on_behalf_of=on_behalf_of, spec=spec, args=args, run=visit.run, n=n)


def new_call(visit: Visit, n: int, call: Call) -> Call | None:
    """The call, unless an earlier event already holds just this one."""
    effect = visit.run.effects.get(n)
    return None if effect is not None and (effect.call is call or effect.call == call) else call


def digest_of(visit: Visit, call: Call, spec: ToolSpec) -> str:
    """What an approval of this call by this run is bound to."""
    row = visit.journal.row
    return approval_digest(
        principal=agent_principal(row.agent, row.version), on_behalf_of=row.on_behalf_of, tool=spec.name,
        schema=visit.catalogue.schema_digest(spec), args=call.args,
    )  # fmt: skip


async def ask(visit: Visit, n: int, call: Call, spec: ToolSpec, verdict: Ask) -> None:
    """Open an approval; durable on return."""
    journal, agent = visit.journal, visit.agent
    effect = visit.run.effects.get(n)
    key = f"{visit.run.id}.{n}"
    item = f"{key}.{(effect.asks if effect is not None else 0) + 1}"
    created = journal.now()
    expires = created + timedelta(seconds=visit.rules.policy().expiry(question(visit, n, spec, call.args)))
    untrusted = origins(visit.run, n, call.args)
    grant = grant_for(agent.grants, spec.name)
    digest = digest_of(visit, call, spec)
    asked = Asked(
        kind="approval", agent=agent.name, on_behalf_of=journal.row.on_behalf_of, effect=key, digest=digest,
        tool=spec.name, args=call.args, question=f"May {agent.name} call {spec.name}?", why=verdict.why,
        rule=verdict.rule, untrusted=untrusted, approvers=verdict.approvers, people=tuple(sorted(verdict.people)),
        parameters=spec.parameters, schema=visit.catalogue.schema_digest(spec), cls=spec.effect,
        says=sentence(spec.summary, call.args), authority=spec.authority, stake=_stake(visit, spec.name, call.args),
        delegates=grant.delegates if grant is not None else (),
    )  # fmt: skip
    row = item_of(item, visit.run.id, asked, created=created, expires=expires)
    event = VerdictGiven(
        at=created, n=n, verdict="ask", rule=verdict.rule, reason=verdict.why, cls=spec.effect,
        call=new_call(visit, n, call), item=item, approvers=verdict.approvers, expires=expires, digest=digest,
        untrusted=untrusted, shown=body_digest(row.body),
    )  # fmt: skip
    journal.record(event, items=[row])
    await journal.durable()


async def doubt(visit: Visit, effect: Effect, why: str) -> None:
    """Ask people whether an effect happened; durable on return."""
    journal, now = visit.journal, visit.journal.now()
    key, spec = f"{visit.run.id}.{effect.n}", visit.catalogue.find(effect.call.tool)
    item = f"{key}.{effect.asks + 1}"
    policy = visit.rules.policy()
    entries, people = policy.settlers(visit.agent, journal.row.on_behalf_of)
    asked = Asked(
        kind="in_doubt", agent=visit.agent.name, on_behalf_of=journal.row.on_behalf_of, effect=key,
        tool=effect.call.tool, args=effect.call.args, question=f"Did {effect.call.tool} happen?", why=why,
        rule="in-doubt", untrusted=origins(visit.run, effect.n, effect.call.args), approvers=entries,
        people=tuple(sorted(people)), cls=effect.cls, stake=_stake(visit, effect.call.tool, effect.call.args),
        says=sentence(spec.summary, effect.call.args) if spec is not None else "",
        authority=spec.authority if spec is not None else (),
    )  # fmt: skip
    row = item_of(item, visit.run.id, asked, created=now, expires=None)
    event = Doubted(at=now, n=effect.n, item=item, reason=why, shown=body_digest(row.body))
    journal.record(event, items=[row])
    await journal.durable()


def _stake(visit: Visit, tool: str, args: Mapping[str, object]) -> str:
    """The largest amount, of those that the grant names if it does."""
    grant = grant_for(visit.agent.grants, tool)
    return stake_of(args, (*grant.limit, *grant.ask_above) if grant is not None else ())


def may_answer(visit: Visit, effect: Effect | None, verdict: Ask, by: str) -> bool:
    """Whether an answer is by somebody who may give it: an approver, or a delegate it was handed to."""
    person = by.removeprefix("person:")
    item = effect.asked.item if effect is not None and effect.asked is not None else ""
    handed = any(person == one.to for one in visit.run.talk.handed.get(item, ()))
    return person in verdict.people or (handed and person in verdict.delegates)
