"""What a run's journal tells of one effect, so far."""

from datetime import datetime
from typing import Literal

import msgspec

from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import NOT_SENT, Call, EffectClass, Repeat
from deputy.domain.event import Elicited, Fault, VerdictGiven
from deputy.domain.label import TRUSTED, Label

__all__ = ["Answer", "Effect", "EffectStatus"]

EffectStatus = Literal[
    "proposed", "asked", "approved", "shadowed", "denied", "claimed", "unknown", "in_doubt", "done", "failed"
]
FINAL: frozenset[EffectStatus] = frozenset(("shadowed", "denied", "done", "failed"))


class Answer(msgspec.Struct, frozen=True):
    """What people said to an ask, and who."""

    by: str
    edit: dict[str, object] | None = None


class Effect:
    """One effect of a run, as far as the journal tells."""

    __slots__ = (
        "answer", "asked", "asks", "at", "attempt", "call", "child", "cls", "cost", "elicited", "error", "expires",
        "first_at", "hold", "item", "keyed_for", "kind", "label", "lost", "ms", "n", "original", "repeat", "result",
        "rule", "status", "verdict",
    )  # fmt: skip

    def __init__(self, n: int, kind: Literal["model", "tool"], call: Call) -> None:
        self.n = n
        self.kind = kind
        self.call = call
        self.original: Call | None = None  #: what was proposed before a person edited it
        self.status: EffectStatus = "proposed"
        self.cls: EffectClass = "read"
        self.repeat: Repeat = "safe"
        self.rule = ""
        self.verdict = ""
        self.attempt = 0
        self.asks = 0  #: how many inbox items it has had
        self.first_at: datetime | None = None  #: of the first intent
        self.at: datetime | None = None  #: of the latest intent
        self.hold: Cost = NOTHING
        self.cost: Cost = NOTHING
        self.item = ""  #: what waits in people's inbox for this effect, if anything
        self.asked: VerdictGiven | None = None
        self.answer: Answer | None = None
        self.expires: datetime | None = None
        self.keyed_for = 0.0
        self.lost = False  #: whether an attempt before the latest gave no answer, and may have done it
        self.child = ""
        self.elicited: Elicited | None = None  #: what the far side asked people last, whether they answered or not
        self.result: object = None
        self.error: Fault | None = None
        self.label: Label = TRUSTED
        self.ms = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in FINAL

    @property
    def unanswered(self) -> bool:
        """Whether the latest attempt was sent, as far as is known, and nobody knows what came of it."""
        if self.status == "claimed":
            return self.elicited is None or self.elicited.live or self.elicited.attempt != self.attempt
        return self.status == "unknown" and (self.error is None or self.error.code != NOT_SENT)
