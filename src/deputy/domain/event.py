"""What has happened: the closed, versioned union of journal entries.

Every event says when (`at`); `v` is the version of its shape, left out while it is 1. What can be large is either
inline or named by the digest of a blob (`blob`), never both. Numbers `n` count the effects of one run; a model
reply's tool calls take the numbers after its own, in the order the model wrote them.
"""

from datetime import datetime
from typing import Literal

import msgspec

from deputy.domain.agent import Check
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.delivery import Delivery
from deputy.domain.effect import Call, EffectClass, Repeat
from deputy.domain.elicitation import Form
from deputy.domain.label import TRUSTED, UNTRUSTED, Label, Origin
from deputy.domain.message import ModelCall, Usage
from deputy.domain.occasion import Occasion

__all__ = [
    "BudgetRaised", "BudgetShort", "Compacted", "Conversation", "Doubted", "Elicited", "Ended", "Event", "Explained",
    "Fault", "ModelIntent", "ModelReply", "Note", "Outcome", "Received", "Said", "Settled", "Started", "TimerSet",
    "ToolIntent", "VerdictGiven", "Workspace", "event_from",
]  # fmt: skip


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    at: datetime
    v: int = 1


Conversation = Literal["no", "open", "listens"]


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why something failed: a stable code and a sentence."""

    code: str
    message: str


class Started(_Event, tag="Started", frozen=True, kw_only=True):
    """A run began: which agent, on whose behalf, with which task; always the first event."""

    agent: str
    version: str
    driver: Literal["loop", "procedure"]
    on_behalf_of: str  #: id of the person
    by: str  #: principal who started it
    asserted: str = "files"  #: how that identity was established; "files": by access to the workspace's files
    task: str = ""
    blob: str = ""
    label: Label = TRUSTED
    trigger: str = "person"
    occasion: Occasion | None = None  #: what happened that started it, where no person or run did
    done: tuple[Check, ...] = ()  #: what its trigger demands to be true in the end, beside what its agent does
    parent: str = ""  #: id of the run that started this one
    parent_n: int = 0  #: number of the effect there
    trial: bool = False  #: whether it only tries: it reads by the version's own mandate, and nothing outside happens
    background: bool = False  #: whether no person waits for it: others go before it where a model has too little room
    ancestors: tuple[str, ...] = ()  #: ids of all runs above this one, the root first: they pay with it
    conversation: Conversation = "no"  #: whether it stays open after an answer; or begins with its person's first word


class ModelIntent(_Event, tag="ModelIntent", frozen=True, kw_only=True):
    """A model is about to be asked; the conversation is the fold of what came before."""

    n: int
    attempt: int = 1
    route: str
    max_tokens: int
    hold: Cost = NOTHING
    offered: str = ""  #: blob of instructions and tools offered, where they differ from the last; a question's shape
    path: str = ""  #: place in a procedure
    question: str = ""  #: what a procedure asked; a loop's question is its conversation
    blob: str = ""  #: the question, where it is large
    deadline: float = 0.0
    unconfirmed: Cost = NOTHING  #: what the attempt that was lost is booked at


class Said(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The words and tool calls of a model's reply."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[ModelCall, ...] = ()


class ModelReply(_Event, tag="ModelReply", frozen=True, kw_only=True):
    """A model answered."""

    n: int
    said: Said | None = None
    blob: str = ""
    usage: Usage = Usage()
    cost: Cost = NOTHING
    model: str = ""
    finish: str = ""
    label: Label = UNTRUSTED
    rehearsal: bool = False


class VerdictGiven(_Event, tag="Verdict", frozen=True, kw_only=True):
    """Policy did not simply allow an effect: it asks people, denies, or only shadows it."""

    n: int
    verdict: Literal["ask", "deny", "shadow"]
    rule: str
    reason: str = ""
    cls: EffectClass = "irreversible"
    call: Call | None = None  #: the call, where no earlier event holds it
    blob: str = ""
    item: str = ""  #: id of the inbox item, for an ask
    approvers: tuple[str, ...] = ()
    expires: datetime | None = None
    digest: str = msgspec.field(name="approval_digest", default="")  #: what an answer is bound to
    untrusted: tuple[Origin, ...] = ()
    shown: str = ""  #: digest of all that the inbox item shows


class ToolIntent(_Event, tag="ToolIntent", frozen=True, kw_only=True):
    """A tool is about to be called; durable before anything is sent."""

    n: int
    attempt: int = 1
    rule: str
    cls: EffectClass
    repeat: Repeat
    schema: str = ""  #: digest of the tool's name, description and parameters
    call: Call | None = None
    blob: str = ""
    hold: Cost = NOTHING
    grant: str = ""  #: id of the approval that this intent uses up
    deadline: float = 0.0  #: seconds
    keyed_for: float = 0.0  #: seconds the far side remembers our key
    child: str = ""  #: id of the run this effect creates
    item: str = ""  #: id of the inbox item this effect creates (a question)
    shown: str = ""  #: digest of all that the item it creates shows (a question or a message)


class Outcome(_Event, tag="Outcome", frozen=True, kw_only=True):
    """What came of an effect; for a pure read also the only trace of it, so it then holds call and rule."""

    n: int
    attempt: int = 1
    status: Literal["done", "failed", "unknown"]
    result: object = None
    blob: str = ""
    error: Fault | None = None
    cost: Cost = NOTHING
    label: Label | None = None
    ms: int = 0
    call: Call | None = None
    call_blob: str = ""
    rule: str = ""
    cls: EffectClass = "read"


class Doubted(_Event, tag="Doubted", frozen=True, kw_only=True):
    """Nobody can tell whether an effect happened; a person is asked."""

    n: int
    item: str
    reason: str = ""
    shown: str = ""  #: digest of all that the inbox item shows


class Elicited(_Event, tag="Elicited", frozen=True, kw_only=True):
    """The far side of a call asks people: before it begins, or (`live`) in its middle; or that question is over."""

    n: int
    attempt: int = 1
    item: str  #: id of the inbox item
    asker: str  #: the server
    forms: dict[str, Form] | None = None  #: by the server's names for them
    blob: str = ""
    state: str = ""  #: the server's own, sent back as it was
    live: bool = False  #: whether it asks in the middle of the call
    over: str = ""  #: why the question was taken back, where this ends it
    shown: str = ""  #: digest of all that the inbox item shows
    call: Call | None = None  #: the call, where no earlier event holds it
    call_blob: str = ""
    rule: str = ""
    cls: EffectClass = "irreversible"
    repeat: Repeat = "never"  #: what may be done where the call is lost


class Settled(_Event, tag="Settled", frozen=True, kw_only=True):
    """An effect in doubt is so no more: a read-back or a person says whether it happened."""

    n: int
    happened: bool
    by: str  #: principal, or `verify:TOOL`
    result: object = None
    blob: str = ""
    row: str = ""
    via: str = ""  #: how a person's word came, if not by a command


class Received(_Event, tag="Received", frozen=True, kw_only=True):
    """Something arrived for this run: the inbox row of that id became part of its history."""

    row: str
    by: str
    delivery: Delivery | None = None
    blob: str = ""
    label: Label = TRUSTED
    shown: dict[str, str] = {}  #: digests of all that items show from then on, by item, where it changed them


class Explained(_Event, tag="Explained", frozen=True, kw_only=True):
    """The agent answered what a person asked back about an item, or will not; the answer is of model call `n`."""

    item: str
    aside: str  #: id of the question
    n: int = 0
    error: Fault | None = None  #: why there is no answer
    shown: dict[str, str] = {}  #: digests of all that items show from then on, by item


class TimerSet(_Event, tag="TimerSet", frozen=True, kw_only=True):
    """The run asked to be woken."""

    timer: str
    due: datetime
    path: str = ""


class Compacted(_Event, tag="Compacted", frozen=True, kw_only=True):
    """The first `upto` messages after the task are replaced, in prompts from here on, by this summary."""

    upto: int
    summary: str = ""
    blob: str = ""
    n: int = 0  #: the model call that wrote the summary, if one did


class BudgetShort(_Event, tag="BudgetShort", frozen=True, kw_only=True):
    """What is left does not cover the next effect's worst case; a person is asked."""

    item: str
    account: str  #: the account of the ledger that is short; the run's own where it is empty
    unit: Literal["money", "tokens", "steps", "wall"]
    need: Cost = NOTHING
    shown: str = ""  #: digest of all that the inbox item shows


class BudgetRaised(_Event, tag="BudgetRaised", frozen=True, kw_only=True):
    """A person let the run consume more."""

    by: str
    amount: Cost
    account: str = ""  #: the account of the ledger that was short; the run's own where it is empty
    row: str = ""


class Note(_Event, tag="Note", frozen=True, kw_only=True):
    """Something a driver wanted remembered: a remark, a value that must be the same when code runs again, what the
    model was told of a reply that was not taken (`repair`), what was found when it was checked (`proof`), or why a
    conversation halted (`fault`)."""

    kind: Literal["note", "now", "random", "code", "repair", "proof", "fault"]
    path: str = ""
    value: object = None


class Ended(_Event, tag="Ended", frozen=True, kw_only=True):
    """The run is over; nothing follows."""

    state: Literal["done", "failed", "cancelled"]
    answer: str = ""
    blob: str = ""
    error: Fault | None = None
    unconfirmed: Cost = NOTHING  #: what a model call that was lost is booked at


class Workspace(_Event, tag="Workspace", frozen=True, kw_only=True):
    """Something changed in the workspace itself (in the workspace's own journal)."""

    what: Literal[
        "created", "frozen", "thawed", "paused", "resumed", "deployed", "secret_set", "secret_removed", "pinned",
        "accepted", "logged_in", "missed", "skipped", "unreachable", "reachable", "signed_in", "signed_out",
        "token_created", "token_revoked",
    ]  # fmt: skip
    by: str
    subject: str = ""
    version: str = ""
    detail: str = ""  #: for people: what was missed or skipped, and what was done about it


Event = (
    Started
    | ModelIntent
    | ModelReply
    | VerdictGiven
    | ToolIntent
    | Outcome
    | Settled
    | Received
    | Explained
    | TimerSet
    | Compacted
    | BudgetShort
    | BudgetRaised
    | Doubted
    | Elicited
    | Note
    | Ended
    | Workspace
)

_decoder = msgspec.json.Decoder(Event)


def event_from(body: bytes) -> Event:
    """Read one stored event; raises `msgspec.DecodeError` for bytes that are none."""
    return _decoder.decode(body)
