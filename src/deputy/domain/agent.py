"""What an agent is: instructions, model, tools, mandate, budget and owner, as its file declares them."""

from decimal import Decimal
from typing import Literal

import msgspec

from deputy.domain.cost import Limits

__all__ = ["Agent", "Autonomy", "Bundle", "Check", "Grant", "grant_for"]

Autonomy = Literal["act", "ask", "shadow"]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to use the tools a pattern names: exact, or a literal prefix and `*`.

    `limit` caps arguments, inclusively: above is denied. `ask_above` asks only above these amounts (and acts below).
    `expires` is in seconds from asking.
    """

    pattern: str
    autonomy: Autonomy = "ask"
    approvers: tuple[str, ...] = ()
    limit: dict[str, Decimal] = {}
    ask_above: dict[str, Decimal] = {}
    expires: float | None = None
    delegates: tuple[str, ...] = ()  #: to whom approvers may hand a question, beside each other
    bulk: bool = False  #: whether several questions may be decided in one go


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What must be true in the system of record when work is done: a call that only reads, and what it must find.

    Texts in `args` may be templates over `task`, `answer` and `results`. `expect` is by path: a value, or a comparison.
    """

    tool: str
    args: dict[str, object] = {}
    expect: dict[str, object]
    says: str = ""  #: the same in words, for people and for the model


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One deployed worker, as its current files declare it; `version` is the digest of all it consists of."""

    name: str
    description: str = ""
    owner: str
    model: str = "default"
    instructions: str = ""
    driver: Literal["loop", "procedure"] = "loop"
    grants: tuple[Grant, ...] = ()
    run_limits: Limits = Limits()
    day_limits: Limits = Limits()
    max_tokens: int = 4096
    answer: dict[str, object] | None = None  #: JSON Schema of the final answer
    done: tuple[Check, ...] = ()
    version: str = ""
    saves_minutes: float | None = None  #: of people's work that one finished run replaces, as its owner reckons


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a version of an agent consists of: its files by path, as they were; stored as one blob.

    A run keeps the bundle it started on; mandate, policy and freeze are always the current ones.
    """

    name: str
    files: dict[str, str]


def grant_for(grants: tuple[Grant, ...], tool: str) -> Grant | None:
    """The grant that governs a tool: its exact name before the longest literal prefix."""
    best: Grant | None = None
    for grant in grants:
        if grant.pattern == tool:
            return grant
        if (
            grant.pattern.endswith("*")
            and tool.startswith(grant.pattern[:-1])
            and (best is None or len(grant.pattern) > len(best.pattern))
        ):
            best = grant
    return best
