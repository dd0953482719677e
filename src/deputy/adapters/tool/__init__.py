"""Hosts of tools, and what they share: nothing that comes back is boundless, or gives a lent secret away."""

from deputy.adapters.wire.outside import MAX_BYTES, excess, scrubbed, sentence

__all__ = ["MAX_BYTES", "excess", "scrubbed", "sentence"]
