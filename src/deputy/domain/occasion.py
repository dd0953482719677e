"""What happened that starts a run, and what came with it: data, whoever wrote it, and never instructions."""

from datetime import datetime
from typing import Literal

import msgspec

from deputy.domain.label import TRUSTED, Label

__all__ = ["Attachment", "Occasion", "blobs_of_occasion", "occasion_from"]


class Attachment(msgspec.Struct, frozen=True):
    """A file that came along: its name in the run's folder, and the blob that holds it."""

    name: str
    digest: str
    size: int


class Occasion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One occurrence or arrival; `id` tells it apart from all others of its trigger.

    `text` is inline or in the blob `blob`, never both; `label` is that of the text and the files.
    """

    kind: Literal["schedule", "webhook", "folder", "run", "mail", "hand"]
    trigger: str  #: its trigger's key, `agent/name`
    id: str
    at: datetime  #: when it was due, or arrived
    title: str = ""  #: one line for people
    text: str = ""
    blob: str = ""
    label: Label = TRUSTED
    files: tuple[Attachment, ...] = ()
    missed: int = 0  #: occurrences that nobody heeded, and that this one stands for, itself included
    queued: bool = False  #: waits its turn whatever the overlap policy says: it is one of several that were missed
    by: str = ""  #: the person who fired it by hand


_decoder = msgspec.json.Decoder(Occasion)


def occasion_from(body: bytes) -> Occasion:
    """Read a stored occasion; raises `msgspec.DecodeError` for bytes that are none."""
    return _decoder.decode(body)


def blobs_of_occasion(occasion: Occasion) -> list[str]:
    """The digests of everything it keeps as blobs."""
    return [name for name in (occasion.blob, *(file.digest for file in occasion.files)) if name]
