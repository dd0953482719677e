"""What policy answers: deny by default, the strictest rule wins, and a rule that breaks refuses."""

from decimal import Decimal

import msgspec
import pytest
from tests.kernel.bench_of import PAY, READ, agent

from deputy.domain.agent import Grant
from deputy.domain.effect import ToolSpec
from deputy.domain.principal import Directory, Person
from deputy.domain.run import Run
from deputy.domain.verdict import Allow, Ask, Deny, Shadow, Verdict
from deputy.kernel.policy import Policy, Question, Rule

DIRECTORY = Directory(
    people={
        "wei": Person(id="wei", name="Wei", manager="lin", roles=("owner",)),
        "lin": Person(id="lin", name="Lin", roles=("approver",), limits={"approve": 100}),
        "max": Person(id="max", name="Max", roles=("approver",)),
    }
)


def decide(
    *grants: Grant,
    spec: ToolSpec = PAY,
    amount: object = 1,
    on_behalf_of: str = "wei",
    rules: tuple[Rule, ...] = (),
    self_approval: bool = False,
) -> Verdict:
    question = Question(
        agent=agent(grants=grants), on_behalf_of=on_behalf_of, spec=spec, args={"amount": amount},
        run=Run("r", str.encode), n=2,
    )  # fmt: skip
    return Policy(DIRECTORY, self_approval=self_approval, rules=rules).decide(question)


ACT = Grant(pattern="pay", autonomy="act")
ASK = Grant(pattern="pay", autonomy="ask", approvers=("role:approver",), limit={"amount": Decimal(500)})


def test_what_no_grant_names_is_denied():
    assert isinstance(decide(), Deny)
    assert isinstance(decide(Grant(pattern="paid", autonomy="act")), Deny)
    assert decide(ACT) == Allow("grant:pay")


def test_a_rule_that_breaks_refuses_whatever_the_others_say():
    def broken(_: Question) -> Verdict | None:
        raise KeyError("a secret")

    refused = decide(ACT, rules=(broken,))
    assert isinstance(refused, Deny)
    assert refused.rule == "policy-error"
    assert "KeyError" in refused.reason
    assert "secret" not in refused.reason


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (Allow("a"), Shadow("b"), Shadow("b")),
        (Shadow("a"), Ask("b", ("person:max",), frozenset()), Shadow("a")),
        (Ask("a", ("person:max",), frozenset()), Allow("b"), Ask("a", ("person:max",), frozenset(("max",)), "")),
        (Shadow("a"), Deny("b", "no"), Deny("b", "no")),
    ],
)
def test_the_strictest_rule_wins_in_whatever_order_they_stand(first: Verdict, second: Verdict, wins: Verdict):
    for rules in ((first, second), (second, first)):
        verdict = decide(ACT, rules=tuple([lambda _, said=said: said for said in rules]))
        assert verdict == wins


def test_a_shadowed_tool_is_proposed_unless_it_only_reads():
    shadowed = Grant(pattern="*", autonomy="shadow")
    assert decide(shadowed) == Shadow("grant:*")
    assert decide(shadowed, spec=READ) == Allow("grant:*")


def test_a_tool_that_changed_is_denied_before_anything_else():
    changed = msgspec.structs.replace(PAY, changed="Its parameters changed.")
    assert decide(ACT, spec=changed) == Deny("tool-changed", "Its parameters changed.")


@pytest.mark.parametrize("amount", [501, "501", -1, True, None, "many", "NaN", "Infinity", float("nan"), [1], 10**30])
def test_what_is_no_amount_within_the_limit_passes_no_limit(amount: object):
    verdict = decide(ASK, amount=amount)
    assert isinstance(verdict, Deny)
    assert verdict.rule == "limit:amount"


def test_those_are_asked_whose_own_limit_suffices_and_never_who_asks():
    small, large = decide(ASK, amount=100), decide(ASK, amount="100.01")
    assert isinstance(small, Ask)
    assert isinstance(large, Ask)
    assert small.people == {"lin", "max"}
    assert large.people == {"max"}
    assert isinstance(decide(ASK, amount=200, on_behalf_of="max"), Deny)  # nobody else may
    allowed = decide(ASK, amount=200, on_behalf_of="max", self_approval=True)
    assert isinstance(allowed, Ask)
    assert allowed.people == {"max"}


def test_an_amount_above_which_people_are_asked_is_allowed_up_to_it():
    above = Grant(pattern="pay", autonomy="ask", approvers=("person:max",), ask_above={"amount": Decimal(10)})
    assert decide(above, amount=10) == Allow("grant:pay")
    assert isinstance(decide(above, amount=10.5), Ask)
    assert isinstance(decide(above, amount="x"), Ask)
