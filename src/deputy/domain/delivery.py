"""What others put into a run's inbox: answers, settlements, messages, endings of children, timers.

An inbox row's id is chosen by its sender and unique, so that the first answer wins and a repeated one is known.
"""

from datetime import datetime

import msgspec

from deputy.domain.cost import NOTHING, Cost
from deputy.domain.label import TRUSTED, Label
from deputy.domain.occasion import Attachment

__all__ = [
    "Approve", "AskBack", "Cancel", "ChildEnded", "Delegate", "Delivery", "Expire", "Halt", "InboxRow", "Place",
    "Raise", "Refuse", "Reply", "Settle", "Tell", "TimerFired", "delivery_from",
]  # fmt: skip


class Approve(msgspec.Struct, tag="approve", frozen=True, omit_defaults=True):
    """Agreement to the effect of an item, bound to the digest that was shown; `edit` is an RFC 7396 merge patch."""

    item: str
    digest: str
    edit: dict[str, object] | None = None
    via: str = ""  #: how it came, if not here: the channel, and what vouched for the sender


class Refuse(msgspec.Struct, tag="deny", frozen=True, omit_defaults=True):
    """Refusal of an item, with the reason."""

    item: str
    reason: str
    via: str = ""


class Expire(msgspec.Struct, tag="expire", frozen=True):
    """Nobody answered in time."""

    item: str


class Reply(msgspec.Struct, tag="reply", frozen=True, omit_defaults=True):
    """The answer to a question."""

    item: str
    text: str
    via: str = ""


class Settle(msgspec.Struct, tag="settle", frozen=True, omit_defaults=True):
    """A person says whether an effect in doubt happened."""

    item: str
    happened: bool
    via: str = ""


class Raise(msgspec.Struct, tag="raise", frozen=True):
    """A person lets the run consume more."""

    item: str
    amount: Cost


class Cancel(msgspec.Struct, tag="cancel", frozen=True, omit_defaults=True):
    """A person (or the parent) wants the run stopped."""

    reason: str = ""


class Tell(msgspec.Struct, tag="tell", frozen=True, omit_defaults=True):
    """A message to the run."""

    text: str
    label: Label = TRUSTED


class Place(msgspec.Struct, tag="files", frozen=True):
    """A person put files into the run's folder; their label says who, and that anybody may have written them."""

    files: tuple[Attachment, ...]
    label: Label


class Halt(msgspec.Struct, tag="halt", frozen=True, omit_defaults=True):
    """A person lets a conversation begin nothing more until they speak again, or end it for good."""

    end: bool = False


class ChildEnded(msgspec.Struct, tag="child", frozen=True, omit_defaults=True):
    """A child run is over; what it returns carries the join of its labels."""

    run: str
    n: int
    state: str
    answer: str = ""
    error: str = ""
    cost: Cost = NOTHING
    label: Label = TRUSTED


class TimerFired(msgspec.Struct, tag="timer", frozen=True):
    """A timer is due."""

    timer: str


class AskBack(msgspec.Struct, tag="ask_back", frozen=True, omit_defaults=True):
    """A question about an open item, before it is decided: to the agent (`agent`), or to a person (`person:ID`)."""

    item: str
    text: str
    to: str
    via: str = ""


class Delegate(msgspec.Struct, tag="delegate", frozen=True, omit_defaults=True):
    """An item is handed to somebody else who may decide it."""

    item: str
    to: str  #: id of a person
    reason: str = ""
    via: str = ""


Delivery = (
    Approve | Refuse | Expire | Reply | Settle | Raise | Cancel | Tell | Place | Halt | ChildEnded | TimerFired
    | AskBack | Delegate
)  # fmt: skip


class InboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery on its way to a run; `id` is unique per workspace, `by` the principal who sent it."""

    id: str
    run: str
    by: str
    at: datetime
    delivery: Delivery


_decoder: msgspec.json.Decoder[Delivery] = msgspec.json.Decoder(Delivery)


def delivery_from(body: bytes) -> Delivery:
    """Read a stored delivery; raises `msgspec.DecodeError` for bytes that are none."""
    return _decoder.decode(body)
