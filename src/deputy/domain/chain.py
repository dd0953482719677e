"""The chain over stored events: each link covers the one before, the run, the place and the bytes."""

from hashlib import sha256

__all__ = ["GENESIS", "link", "seal_link"]

GENESIS = bytes(32)


def link(before: bytes, run: str, seq: int, body: bytes) -> bytes:
    """SHA-256 over: the link before (32 zero bytes for the first) ‖ run id, NUL, seq in decimal, NUL ‖ stored bytes."""
    return sha256(b"%b%b\0%d\0%b" % (before, run.encode(), seq, body)).digest()


def seal_link(before: bytes, n: int, body: bytes) -> bytes:
    """The same for the n-th seal, whose body names the heads of the journals that changed."""
    return link(before, "seal", n, body)
