"""What a run asks of the world, what permits it (Intent) and what came of it (Result)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, NoReturn, final

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.elicitation import Form
from deputy.domain.label import UNTRUSTED, Label
from deputy.domain.message import Prompt

__all__ = [
    "CONSEQUENTIAL", "NOT_SENT", "AskPeople", "Call", "Done", "EffectClass", "Ending", "Failed", "Input",
    "InputRequired", "Intent", "Repeat", "Result", "ToolRequest", "ToolSpec", "Unknown", "approval_digest",
]  # fmt: skip

EffectClass = Literal["read", "write", "send", "irreversible", "execute"]
Repeat = Literal["safe", "keyed", "never"]
NOT_SENT = "not_sent"  #: code of a failure where nothing left this process, and the same may be tried again
CONSEQUENTIAL: frozenset[EffectClass] = frozenset(("write", "send", "irreversible", "execute"))


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the gate knows it: what it is, how careful to be, what its arguments and outputs mean.

    Defaults are the most careful setting. `deadline` and `keyed_for` are seconds.
    """

    name: str
    description: str = ""
    parameters: dict[str, object] = msgspec.field(default_factory=lambda: {"type": "object"})  #: JSON Schema
    effect: EffectClass = "irreversible"
    repeat: Repeat = "never"
    authority: tuple[str, ...] = ()
    output: Label = UNTRUSTED
    verify: str = ""  #: name of the read-back tool, given the effect id
    conclusive: bool = False  #: whether its "absent" proves that nothing happened
    keyed_for: float = 86_400.0
    deadline: float = 60.0
    summary: str = ""  #: what a call of it will do, in a sentence with arguments in braces: `Pay {amount} to {name}`
    changed: str = ""  #: why a person must look at it again before it is called; the gate denies it until then

    @property
    def schema_digest(self) -> str:
        """Changes when the tool's name, description or parameters change."""
        return digest(canonical([self.name, self.description, self.parameters]))


class Call(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A tool call as a driver asked for it; `path` is its place in a procedure, `id` the model's name for it."""

    tool: str
    args: dict[str, object] = {}
    path: str = ""
    id: str = ""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What people answered to the far side's questions, by its names for them; and its own state, sent back as it was.

    An answer is `{"action": "accept", "content": {…}}`, or `{"action": "decline"}`.
    """

    answers: Mapping[str, object]
    state: str = ""


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool call ready to be performed; `input` where the far side asked for some before it would begin."""

    spec: ToolSpec
    args: Mapping[str, object]
    input: Input | None = None


Aloud = Callable[[Literal["text", "reasoning"], str], None]  #: hears the next piece of a model's reply, as it comes
AskPeople = Callable[[str, Form], Awaitable[dict[str, object]]]  #: puts a form of a server to people, in mid-call


class _Sealed(type):
    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(f"{cls.__qualname__!r} has no public constructor; pass the gate")


@final
class Intent(metaclass=_Sealed):
    """Proof that an effect was allowed, paid for and journaled; every outward port asks for one.

    `key` is the effect's id and the idempotency key; `deadline` is in seconds from dispatch; nothing is sent once
    the clock that counts suspended time passes `dispatch_by`. What the far side asks in mid-call goes to `ask`, which
    returns `{"action": "accept", "content": {…}}` or why not, before the deadline. What a model says before its reply
    is complete goes to `aloud`, if there is one: for eyes alone, and never journaled.
    """

    __slots__ = (
        "agent", "aloud", "ask", "attempt", "deadline", "dispatch_by", "key", "on_behalf_of", "request", "run",
        "version",
    )  # fmt: skip
    run: str
    key: str
    attempt: int
    agent: str
    version: str
    on_behalf_of: str
    request: ToolRequest | Prompt
    deadline: float
    dispatch_by: float
    ask: AskPeople
    aloud: Aloud | None


class Done(msgspec.Struct, frozen=True, gc=False):
    """It happened: its value (of JSON's types), its true cost; `label` where the adapter knows better than the spec."""

    value: object
    cost: Cost = NOTHING
    label: Label | None = None


class Failed(msgspec.Struct, frozen=True, gc=False):
    """It certainly did not happen, or the tool itself said that it failed."""

    code: str
    message: str
    cost: Cost = NOTHING
    retry: bool = False  #: whether the same request may work a moment later (for calls that are safe to repeat)
    wait: float = 0.0  #: seconds that the far side asks to wait before that


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """It may or may not have happened: the deadline passed or the line was cut after sending."""

    message: str


class InputRequired(msgspec.Struct, frozen=True):
    """It has not begun: the far side wants answers first, and then the same call again with them and its `state`."""

    asker: str  #: the server
    forms: Mapping[str, Form]  #: by the far side's name for each
    state: str = ""


Ending = Done | Failed | Unknown
Result = Ending | InputRequired


def approval_digest(
    *, principal: str, on_behalf_of: str, tool: str, schema: str, args: Mapping[str, object], recipients: str = ""
) -> str:
    """What an answer is bound to: change any of it and the answer no longer fits."""
    return digest(canonical([principal, on_behalf_of, tool, schema, args, recipients]))
