"""Decide whether an effect is allowed: pure, deny by default, the strictest answer wins, a broken rule refuses."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from deputy.domain.agent import Agent, grant_for
from deputy.domain.effect import CONSEQUENTIAL, ToolSpec
from deputy.domain.principal import Directory
from deputy.domain.run import Run
from deputy.domain.verdict import Allow, Ask, Deny, Shadow, Verdict

__all__ = ["Policy", "Question", "Rule"]

APPROVAL_LASTS = 7 * 86_400.0  #: seconds an approval stays open where the mandate does not say


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One effect, as policy sees it: never the model's words, only who, for whom, what, with which arguments."""

    agent: Agent
    on_behalf_of: str
    spec: ToolSpec
    args: Mapping[str, object]
    run: Run
    n: int


Rule = Callable[[Question], Verdict | None]


class Policy:
    """Rules over the current mandate; where several answer, deny beats shadow, shadow beats ask, ask beats allow."""

    def __init__(self, directory: Directory, *, self_approval: bool, rules: Sequence[Rule] = ()) -> None:
        self._directory, self._self_approval = directory, self_approval
        self._rules: tuple[Rule, ...] = (_changed, _trial, self._mandate, self._limits, self._equal_effect, *rules)

    def decide(self, question: Question) -> Verdict:
        """Answer for one effect."""
        answers: list[Verdict] = []
        try:
            for rule in self._rules:
                if (verdict := rule(question)) is not None:
                    if isinstance(verdict, Deny):
                        return verdict
                    answers.append(verdict)
            strictest = max(answers, key=_strictness, default=None)
            if isinstance(strictest, Ask) and _tries(question):
                return Shadow("trial")
            if isinstance(strictest, Ask):
                return self._with_people(question, strictest)
        except Exception as exc:  # noqa: BLE001 - a broken rule must refuse, whatever broke
            return Deny("policy-error", f"A rule failed while deciding ({type(exc).__name__}).")
        return strictest or Deny("default", f"No grant of agent {question.agent.name} names `{question.spec.name}`.")

    # -- the mandate of the agent's file

    def _mandate(self, q: Question) -> Verdict | None:
        grant = grant_for(q.agent.grants, q.spec.name)
        if grant is None:
            return None
        rule = f"grant:{grant.pattern}"
        match grant.autonomy:
            case "shadow":
                return Shadow(rule) if q.spec.effect in CONSEQUENTIAL else Allow(rule)
            case "ask" | "act":
                above = [name for name, most in grant.ask_above.items() if _amount(q.args, name) > most]
                if above:
                    return Ask(
                        rule, grant.approvers, frozenset(), f"`{above[0]}` is above {grant.ask_above[above[0]]}."
                    )
                asks = grant.autonomy == "ask" and not grant.ask_above
                return Ask(rule, grant.approvers, frozenset()) if asks else Allow(rule)

    def _limits(self, q: Question) -> Verdict | None:
        grant = grant_for(q.agent.grants, q.spec.name)
        for name, most in grant.limit.items() if grant is not None else ():
            amount = _amount(q.args, name)
            if not 0 <= amount <= most:
                bound = "may not be negative" if amount < 0 else f"may be at most {most}"
                return Deny(f"limit:{name}", f"`{name}` {bound}, and is {q.args.get(name, 'missing')!s:.80}.")
        return None

    def _equal_effect(self, q: Question) -> Verdict | None:
        if q.spec.effect not in CONSEQUENTIAL:
            return None
        for n in q.run.likeness.of(q.run.effects, q.spec.name, q.spec.authority, q.args):
            effect = q.run.effects[n]
            if n < q.n and effect.status not in _DID_NOT_HAPPEN:
                why = f"This run already asked for the same `{q.spec.name}` (effect {n}, {effect.status})."
                grant = grant_for(q.agent.grants, q.spec.name)
                return Ask("equal-effect", grant.approvers if grant else (), frozenset(), why)
        return None

    # -- who may answer

    def _with_people(self, q: Question, ask: Ask) -> Verdict:
        entries = ask.approvers or self.usual_approvers(q.agent, q.on_behalf_of)
        grant = grant_for(q.agent.grants, q.spec.name)
        amounts = [
            _amount(q.args, name) for name in ((*grant.limit, *grant.ask_above) if grant else ()) if name in q.args
        ]
        people, delegates = (
            frozenset(
                person
                for entry in named
                for person in self._directory.members(entry, q.on_behalf_of)
                if (self._self_approval or person != q.on_behalf_of) and self._may_approve(person, amounts)
            )
            for named in (entries, grant.delegates if grant else ())
        )
        if not people:
            return Deny(
                ask.rule, f"It needs an approval, and nobody may give it ({', '.join(entries) or 'no approver'})."
            )
        return Ask(ask.rule, entries, people, ask.why, delegates=delegates)

    def usual_approvers(self, agent: Agent, on_behalf_of: str) -> tuple[str, ...]:
        """Who is asked where a grant names nobody."""
        owner = self._directory.people.get(agent.owner)
        if owner is not None and owner.manager:
            return (f"person:{owner.manager}",)
        if self._self_approval and not any("approver" in p.roles for p in self._directory.people.values()):
            return (f"person:{on_behalf_of}",)
        return ("role:approver",)

    def _may_approve(self, person: str, amounts: Sequence[Decimal]) -> bool:
        most = self._directory.people[person].limits.get("approve")
        return most is None or all(amount <= Decimal(str(most)) for amount in amounts)

    def settlers(self, agent: Agent, on_behalf_of: str) -> tuple[tuple[str, ...], frozenset[str]]:
        """Who may say what came of an effect in doubt, or raise a budget: entries, and the people they name."""
        entries = (f"person:{agent.owner}", "role:owner", "role:admin", "role:approver")
        return entries, frozenset(p for e in entries for p in self._directory.members(e, on_behalf_of))

    def expiry(self, q: Question) -> float:
        """Seconds for which a question about this effect stays open."""
        grant = grant_for(q.agent.grants, q.spec.name)
        return APPROVAL_LASTS if grant is None or grant.expires is None else grant.expires


_DID_NOT_HAPPEN = frozenset(("proposed", "denied", "failed", "shadowed"))


def _changed(q: Question) -> Verdict | None:
    """A tool that is not what people looked at."""
    return Deny("tool-changed", q.spec.changed) if q.spec.changed else None


def _trial(q: Question) -> Verdict | None:
    """A run that only tries: whatever is more than reading is only proposed, if it is granted at all."""
    granted = grant_for(q.agent.grants, q.spec.name) is not None
    return Shadow("trial") if granted and _tries(q) and q.spec.effect in CONSEQUENTIAL else None


def _tries(q: Question) -> bool:
    return q.run.started is not None and q.run.started.trial


def _strictness(verdict: Verdict) -> int:
    return (Allow, Ask, Shadow, Deny).index(type(verdict))


def _amount(args: Mapping[str, object], name: str) -> Decimal:
    """A number among the arguments; what is none counts as infinite, so that no limit lets it pass."""
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Decimal("Infinity")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return Decimal("Infinity")
    return amount if amount.is_finite() else Decimal("Infinity")
