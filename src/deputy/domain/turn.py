"""The turns of a conversation with a model, as the journal tells them; a prompt is made of them."""

import msgspec

from deputy.domain.event import Said
from deputy.domain.label import TRUSTED, Label
from deputy.domain.message import Usage
from deputy.domain.occasion import Attachment

__all__ = ["FilesTurn", "NoticeTurn", "ReplyTurn", "SummaryTurn", "TellTurn", "Turn"]


class ReplyTurn(msgspec.Struct, frozen=True, gc=False):
    """The model spoke: the number of its call, its words, and the number of its first tool call."""

    n: int
    said: Said
    usage: Usage


class TellTurn(msgspec.Struct, frozen=True, gc=False):
    """Somebody said something to the run; the label says whether that could have been anybody."""

    by: str
    text: str
    label: Label = TRUSTED


class FilesTurn(msgspec.Struct, frozen=True, gc=False):
    """Somebody put files into the run's folder; what they hold is data, whoever wrote it."""

    by: str
    files: tuple[Attachment, ...]


class SummaryTurn(msgspec.Struct, frozen=True, gc=False):
    """The conversation so far was compacted."""

    upto: int
    summary: str


class NoticeTurn(msgspec.Struct, frozen=True, gc=False):
    """The model was told that its last reply was not taken, and why."""

    text: str


Turn = ReplyTurn | TellTurn | FilesTurn | SummaryTurn | NoticeTurn
