"""Names of runs: unique across machines, sortable by time, short enough to type the end of.

A run's id is `r` and 20 characters of Crockford's base 32 (lower case): the 48 bits of milliseconds and the
last 52 random bits of a UUIDv7 (RFC 9562, section 5.7). An effect's id is the run's id, a dot and its number.
"""

import hashlib
import secrets
from datetime import datetime

import uuid_utils

__all__ = ["effect_id", "new_run_id", "new_secret", "run_id_of", "split_effect_id"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(width)))


def new_run_id() -> str:
    """A fresh run id."""
    number = uuid_utils.uuid7().int
    return "r" + _base32((number >> 80) << 52 | number & (1 << 52) - 1, 20)


def run_id_of(at: datetime, *origin: str) -> str:
    """The id of the one run that comes of something, told by its time and what tells it apart; always the same."""
    millis = max(0, int(at.timestamp() * 1000)) & (1 << 48) - 1
    chance = int.from_bytes(hashlib.sha256("\0".join(origin).encode()).digest()[:8], "big")
    return "r" + _base32(millis << 52 | chance & (1 << 52) - 1, 20)


def new_secret() -> str:
    """256 bits that nobody can guess, as 43 characters that a URL may hold."""
    return secrets.token_urlsafe(32)


def effect_id(run: str, n: int) -> str:
    """The id of the n-th effect of a run; the far side sees it as the idempotency key."""
    return f"{run}.{n}"


def split_effect_id(text: str) -> tuple[str, int] | None:
    """The run and number of an effect id, or None if the text is none."""
    run, dot, n = text.rpartition(".")
    return (run, int(n)) if dot and run and n.isascii() and n.isdigit() else None
