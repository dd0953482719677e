"""What the current mandate would answer to one effect, without any run asking for it."""

from collections.abc import Mapping
from typing import Any, NoReturn, assert_never

from deputy.app.bootstrap import Office
from deputy.app.config.document import did_you_mean
from deputy.app.rights import require
from deputy.base.errors import NotFound
from deputy.domain.agent import Agent, grant_for
from deputy.domain.effect import ToolSpec
from deputy.domain.principal import Person
from deputy.domain.run import Run
from deputy.domain.verdict import Allow, Ask, Deny, Shadow, Verdict
from deputy.kernel.policy import Policy, Question

__all__ = ["at_the_limit", "explain", "would_answer"]


def would_answer(policy: Policy, agent: Agent, spec: ToolSpec, args: Mapping[str, object], person: str) -> Verdict:
    """The verdict on the first effect of a run that has seen nothing."""
    return policy.decide(Question(agent=agent, on_behalf_of=person, spec=spec, args=args, run=Run("", _none), n=1))


async def explain(
    office: Office, agent: str, tool: str, person: Person, args: Mapping[str, object] | None, *, by: Person
) -> dict[str, Any]:
    """The verdict on a call by an agent on behalf of a person, as `deputy policy check --json` prints it.

    Without arguments, those that have a limit are taken to be at it. It is told to the one `by` whom it is asked.
    """
    require(by, "policy.check")
    deployed = office.settings.agent(agent)
    await office.history.keep(deployed)
    pinned = await office.versions.pin(agent, deployed.agent.version)
    spec = pinned.catalogue.find(tool)
    if spec is None:
        known = tuple(pinned.catalogue.specs)
        raise NotFound(f"{agent} can reach no tool {tool!r}.", did_you_mean(tool, known) or _some(known))
    given = args if args is not None else at_the_limit(deployed.agent, tool)
    verdict = would_answer(office.deployment.policy(), deployed.agent, spec, given, person.id)
    frozen = not {"*", agent}.isdisjoint(await office.store.frozen())
    return {
        "agent": agent,
        "on_behalf_of": person.id,
        "tool": tool,
        "class": spec.effect,
        "args": dict(given),
        **_words(verdict),
        "invalid": pinned.catalogue.problem(spec, given) if args is not None else None,
        "frozen": frozen,
    }


def at_the_limit(agent: Agent, tool: str) -> dict[str, object]:
    """Arguments at the highest amounts that a grant lets through."""
    grant = grant_for(agent.grants, tool)
    if grant is None:
        return {}
    amounts = {name: amount + 1 for name, amount in grant.ask_above.items()} | grant.limit
    return {name: str(amount) for name, amount in amounts.items()}


def _words(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Allow(rule):
            return {"verdict": "allow", "rule": rule, "why": "", "approvers": [], "people": []}
        case Shadow(rule):
            return {"verdict": "shadow", "rule": rule, "why": "", "approvers": [], "people": []}
        case Deny(rule, reason):
            return {"verdict": "deny", "rule": rule, "why": reason, "approvers": [], "people": []}
        case Ask(rule, approvers, people, why):
            return {"verdict": "ask", "rule": rule, "why": why, "approvers": list(approvers), "people": sorted(people)}
        case _ as unreachable:
            assert_never(unreachable)


def _some(known: tuple[str, ...]) -> str:
    return f"There are {', '.join(known[:12])}{' and others' if len(known) > 12 else ''}."


def _none(name: str) -> NoReturn:
    raise KeyError(name)
