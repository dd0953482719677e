"""What stands around a model call's turn: on whose account it waits, what happened meanwhile, what it taught."""

from deputy.base.errors import Frozen, Overtaken
from deputy.domain.effect import Done, Failed, Result
from deputy.domain.message import Reply
from deputy.kernel.turns import Share, Turn
from deputy.kernel.visit import Visit

__all__ = ["learn", "look_again", "share_of"]


def share_of(visit: Visit) -> Share:
    """On whose account a model call goes: its team is the first group of the agent's owner."""
    agent, started = visit.agent, visit.run.started
    owner = visit.rules.directory().people.get(agent.owner)
    team = owner.groups[0] if owner is not None and owner.groups else ""
    return Share(team, agent.name, interactive=started is not None and not started.background)


def look_again(visit: Visit, *, begun: bool) -> None:
    """See what happened while a call waited for its turn; raises what keeps it from being made now."""
    visit.journal.go_on()
    if (visit.hear() and not begun) or visit.run.cancel is not None or visit.run.halted:
        raise Overtaken("something arrived while it waited")
    if not visit.rules.frozen().isdisjoint(("*", visit.agent.name)):
        raise Frozen(f"agent {visit.agent.name} is frozen")


def learn(turn: Turn, result: Result) -> None:
    """Let a route's line learn from an answer."""
    match result:
        case Failed(code="model_rate_limited" | "model_overloaded"):
            turn.refused(result.wait)
        case Done(Reply() as reply):
            turn.used(reply.usage.input + reply.usage.output)
        case _:
            turn.used(0)
