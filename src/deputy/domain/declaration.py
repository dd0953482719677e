"""How a Python function declares itself a tool: `@deputy.tool(...)` and what the function may be told of its effect."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from deputy.domain.effect import EffectClass, Repeat
from deputy.domain.label import Trust

__all__ = ["Declaration", "EffectContext", "declaration_of", "tool"]

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__deputy_tool__"


class EffectContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may know of the effect it performs; annotate a parameter with it to be handed one.

    `id` is the same on every attempt: pass it to the far side as the idempotency key. `deadline` is in seconds from
    now. `secrets` are lent for this call alone.
    """

    id: str
    attempt: int
    agent: str
    on_behalf_of: str
    deadline: float
    secrets: Mapping[str, str] = {}


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What a function says of itself as a tool; the defaults are the most careful."""

    effect: EffectClass = "irreversible"
    repeat: Repeat = "never"
    authority: tuple[str, ...] = ()
    output: Trust | dict[str, Trust] = "untrusted"
    verify: str = ""
    conclusive: bool = False
    keyed_for: float | None = None
    deadline: float | None = None
    secrets: dict[str, str] = {}


def tool(  # noqa: PLR0913 - each is a keyword of the public decorator
    *,
    effect: EffectClass = "irreversible",
    repeat: Repeat = "never",
    authority: tuple[str, ...] = (),
    output: Trust | dict[str, Trust] = "untrusted",
    verify: str | None = None,
    conclusive: bool = False,
    keyed_for: float | None = None,
    deadline: float | None = None,
    secrets: dict[str, str] | None = None,
) -> Callable[[F], F]:
    """Make a function a tool; its typed signature becomes the JSON Schema, its docstring the description.

    `repeat` says what may be done when an outcome was lost: "safe", "keyed" (the far side deduplicates on the
    effect's id for `keyed_for` seconds) or "never". `authority` names the arguments that decide whom or what it
    concerns. `verify` names a tool that, given `effect_id`, reads back whether it happened; `conclusive` if its
    "absent" (None) proves that it did not.
    """
    declaration = Declaration(
        effect=effect, repeat=repeat, authority=tuple(authority), output=output, verify=verify or "",
        conclusive=conclusive, keyed_for=keyed_for, deadline=deadline, secrets=secrets or {},
    )  # fmt: skip

    def mark(function: F) -> F:
        setattr(function, _MARK, declaration)
        return function

    return mark


def declaration_of(function: object) -> Declaration | None:
    """What a function declared, or None if it is no tool."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Declaration) else None
