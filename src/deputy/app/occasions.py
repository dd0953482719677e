"""Make what the store keeps of an occasion: small texts inside it, large ones beside it."""

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.domain.occasion import Occasion
from deputy.ports.arrivals import Arrival

__all__ = ["arrival_of", "with_text"]

INLINE = 2_048  #: bytes of text that an occasion carries itself


def with_text(occasion: Occasion, text: str) -> tuple[Occasion, list[tuple[str, bytes]]]:
    """An occasion that brings a text, and the blob of one that is long."""
    body = text.encode("utf-8", "replace")
    if len(body) <= INLINE:
        return msgspec.structs.replace(occasion, text=body.decode()), []
    return msgspec.structs.replace(occasion, blob=digest(body)), [(digest(body), body)]


def arrival_of(occasion: Occasion, *blobs: tuple[str, bytes], skipped: str = "") -> Arrival:
    """What the store keeps of an occasion."""
    return Arrival(occasion.trigger, occasion.id, occasion.at, canonical(occasion), tuple(blobs), skipped)
