"""How an event is stored: its bytes, and what is too large for them as blobs of their own."""

from collections.abc import Callable
from typing import Any

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.domain.event import (
    Compacted,
    Elicited,
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Outcome,
    Received,
    Settled,
    Started,
    ToolIntent,
    VerdictGiven,
)  # fmt: skip

__all__ = ["INLINE", "blobs_of", "stow"]

INLINE = 4096  #: bytes up to which an event carries everything itself

_encode = msgspec.json.Encoder(order="deterministic").encode

#: for each event that can be large: its large members, and the members that name their blobs
_LARGE: dict[type[Any], tuple[tuple[str, str, Callable[[Any], bytes]], ...]] = {
    Started: (("task", "blob", str.encode),),
    ModelIntent: (("question", "blob", str.encode),),
    ModelReply: (("said", "blob", _encode),),
    VerdictGiven: (("call", "blob", _encode),),
    ToolIntent: (("call", "blob", _encode),),
    Outcome: (("result", "blob", canonical), ("call", "call_blob", _encode)),
    Elicited: (("forms", "blob", _encode), ("call", "call_blob", _encode)),
    Settled: (("result", "blob", canonical),),
    Received: (("delivery", "blob", _encode),),
    Compacted: (("summary", "blob", str.encode),),
    Ended: (("answer", "blob", str.encode),),
}


def stow(event: Event) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The bytes to store for an event, and the blobs (digest, content) they refer to."""
    body = _encode(event)
    if len(body) <= INLINE:
        return body, []
    blobs: list[tuple[str, bytes]] = []
    changes: dict[str, Any] = {}
    for member, name, encode in _LARGE.get(type(event), ()):
        value = getattr(event, member)
        if value and len(content := encode(value)) > INLINE // 4:
            blobs.append((digest(content), content))
            changes |= {name: blobs[-1][0], member: "" if isinstance(value, str) else None}
    return (_encode(msgspec.structs.replace(event, **changes)) if changes else body), blobs


def blobs_of(event: Event) -> list[str]:
    """The digests of the blobs an event refers to."""
    names = [getattr(event, name) for _, name, _ in _LARGE.get(type(event), ())]
    if isinstance(event, ModelIntent):
        names.append(event.offered)
    elif isinstance(event, Started) and event.occasion is not None:
        names.append(event.occasion.blob)
    return [name for name in names if name]
