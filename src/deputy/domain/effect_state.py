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


class Effect(msgspec.Struct, eq=False, gc=False):
    """One effect of a run, as far as the journal tells."""

    n: int
    kind: Literal["model", "tool"]
    call: Call
    original: Call | None = None  #: what was proposed before a person edited it
    status: EffectStatus = "proposed"
    cls: EffectClass = "read"
    repeat: Repeat = "safe"
    rule: str = ""
    verdict: str = ""
    attempt: int = 0
    asks: int = 0  #: how many inbox items it has had
    first_at: datetime | None = None  #: of the first intent
    at: datetime | None = None  #: of the latest intent
    hold: Cost = NOTHING
    cost: Cost = NOTHING
    item: str = ""  #: what waits in people's inbox for this effect, if anything
    asked: VerdictGiven | None = None
    answer: Answer | None = None
    expires: datetime | None = None
    keyed_for: float = 0.0
    lost: bool = False  #: whether an attempt before the latest gave no answer, and may have done it
    child: str = ""
    elicited: Elicited | None = None  #: what the far side asked people last, whether they answered or not
    result: object = None
    error: Fault | None = None
    label: Label = TRUSTED
    ms: int = 0

    def doubt(self, item: str) -> None:
        """Nobody can tell whether it happened; people are asked."""
        self.status, self.item, self.asks = "in_doubt", item, self.asks + 1

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
