"""What came of a dispatch, as the event that the journal keeps of it."""

from typing import assert_never

from deputy.domain.cost import Cost
from deputy.domain.effect import NOT_SENT, Done, Ending, Failed, InputRequired, Result, ToolSpec, Unknown
from deputy.domain.event import Event, Fault, ModelReply, Outcome, Said
from deputy.domain.label import Label
from deputy.domain.message import Reply
from deputy.kernel.flow import context_label
from deputy.kernel.visit import Visit

__all__ = ["outcome_event", "reply_event", "source_of"]


def source_of(label: Label | None, spec: ToolSpec) -> Label:
    """The label of what a tool returned; an error's words are the outsider's, whatever the tool declares."""
    label = label or spec.output
    return label if label.source else Label(spec.name, label.trust, label.paths)


def reply_event(visit: Visit, n: int, attempt: int, result: Result, cost: Cost) -> Event:
    """A model's answer as an event."""
    at = visit.journal.now()
    match result:
        case Done(Reply() as reply, price):
            said = Said(reply.text, reply.reasoning, reply.calls)
            return ModelReply(
                at=at, n=n, said=said, usage=reply.usage, cost=cost + price, model=reply.model,
                finish=reply.finish, label=context_label(visit.run), rehearsal=reply.rehearsal,
            )  # fmt: skip
        case Done() | InputRequired():
            error = Fault("model_bad_reply", "The model's adapter answered with something that is no reply.")
            return Outcome(at=at, n=n, attempt=attempt, status="failed", error=error, cost=cost, ms=cost.wall)
        case Failed(code, message, price):
            error = Fault(code, message)
            return Outcome(at=at, n=n, attempt=attempt, status="failed", error=error, cost=cost + price, ms=cost.wall)
        case Unknown(message):
            error = Fault("no_answer", message)
            return Outcome(at=at, n=n, attempt=attempt, status="unknown", error=error, ms=cost.wall)
        case _ as unreachable:
            assert_never(unreachable)


def outcome_event(visit: Visit, n: int, attempt: int, result: Ending, spec: ToolSpec, cost: Cost) -> Event:
    """A tool's answer as an event. That the latest attempt failed says nothing of one before it that gave no answer."""
    at, effect = visit.journal.now(), visit.run.effects[n]
    repeated = effect.lost and effect.repeat != "never"  # that one is repeated only where it is certainly not there yet
    if isinstance(result, Failed) and result.code != NOT_SENT and repeated and effect.cls != "read":
        result = Unknown(f"{result.message.rstrip('.')}; an attempt before that gave no answer.")
    match result:
        case Done(value, extra, label):
            return Outcome(
                at=at, n=n, attempt=attempt, status="done", result=value, cost=cost + extra,
                label=source_of(label, spec), ms=cost.wall,
            )  # fmt: skip
        case Failed(code, message, extra):
            status = "unknown" if code == NOT_SENT else "failed"
            return Outcome(
                at=at, n=n, attempt=attempt, status=status, error=Fault(code, message), cost=cost + extra,
                label=Label(spec.name), ms=cost.wall,
            )  # fmt: skip
        case Unknown(message):
            return Outcome(
                at=at, n=n, attempt=attempt, status="unknown", error=Fault("no_answer", message), ms=cost.wall
            )
        case _ as unreachable:
            assert_never(unreachable)
