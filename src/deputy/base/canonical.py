"""The only encoding of anything durable: canonical JSON, and the digest of bytes.

Canonical means: UTF-8, no white space, keys of objects sorted by code point, numbers as Python writes them
(shortest that reads back equal), no NaN and no infinity.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import cast

import msgspec

__all__ = ["canonical", "decode", "digest", "is_json"]

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def canonical(value: object) -> bytes:
    """Encode a value of JSON's types (and msgspec structs) as canonical JSON."""
    return _encoder.encode(value)


def decode(data: bytes | str) -> object:
    """Decode JSON; raises `msgspec.DecodeError` for anything else."""
    return _decoder.decode(data)


def digest(data: bytes) -> str:
    """The SHA-256 of these bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def is_json(value: object) -> bool:
    """Whether a value consists of JSON's types alone: string keys, finite numbers, text that UTF-8 can carry."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:  # half of a pair
                return False
        elif isinstance(item, float):
            if not math.isfinite(item):
                return False
        elif isinstance(item, Mapping):
            members = cast("Mapping[object, object]", item)
            pending.extend(members.keys() if all(isinstance(k, str) for k in members) else [object()])
            pending.extend(members.values())
        elif isinstance(item, list | tuple):
            pending.extend(cast("list[object]", item))
        elif not (item is None or isinstance(item, bool | int)):
            return False
    return True
