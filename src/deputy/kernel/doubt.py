"""What to do about an effect that was begun and whose outcome nobody has: the rules of repeats and read-backs, pure."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, cast

from deputy.domain.effect import NOT_SENT, ToolSpec
from deputy.domain.run import Effect

__all__ = ["Plan", "is_absent", "plan"]

MOST_ATTEMPTS = 5  #: how often the same call is made before we stop and say so


class Plan(NamedTuple):
    """`repeat` it, `verify` it (read back), `wait` until a time, give up on a `lost` safe call, or it is in `doubt`."""

    do: Literal["repeat", "verify", "wait", "lost", "doubt"]
    until: datetime | None = None
    why: str = ""


def plan(effect: Effect, spec: ToolSpec | None, now: datetime, *, permitted: bool, absent: bool = False) -> Plan:
    """Decide for one open effect.

    `permitted`: whether policy would still let it pass. `absent`: whether a read-back has just not found it.
    """
    if spec is None:
        return Plan("doubt", why=f"The tool `{effect.call.tool}` is no longer there to ask.")
    if effect.error is not None and effect.error.code == NOT_SENT and permitted:
        return Plan("repeat")
    tries_left = effect.attempt < MOST_ATTEMPTS
    if effect.repeat == "safe":
        if permitted and tries_left:
            return Plan("repeat")
        why = f"It gave no answer in {effect.attempt} attempts."
        return Plan("lost" if spec.effect == "read" else "doubt", why=why)
    began = effect.first_at or now
    in_window = effect.repeat == "keyed" and now - began < timedelta(seconds=effect.keyed_for)
    if in_window and permitted and tries_left:
        return Plan("repeat")
    if absent:
        if spec.conclusive and permitted and tries_left:
            return Plan("repeat")
        return Plan("doubt", why=f"`{spec.verify}` does not know it, which does not prove that it did not happen.")
    if spec.verify:
        over = (effect.at or now) + timedelta(seconds=spec.deadline)
        return Plan("wait", over) if now < over and effect.status == "claimed" else Plan("verify")
    return Plan("doubt", why="The connection or the process was lost after it was sent, and there is no read-back.")


def is_absent(value: object) -> bool:
    """Whether a read-back's answer means "no such effect": nothing, an empty answer, or `{found: false}`."""
    if isinstance(value, dict):
        answer = cast("dict[str, object]", value)
        if answer.get("found") is False or answer.get("exists") is False:
            return True
        if set(answer) == {"result"}:  # how MCP wraps what is no object
            return is_absent(answer["result"])
    return value is None or value is False or value in ("", [], {})
