"""Take in a body as it comes, unpacking it on the way, and never more of it than agreed."""

import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

__all__ = ["Bomb", "unpacked"]

_AT_ONCE = 1 << 20


class Bomb(Exception):
    """It is more than agreed, or is packed in no way we know; the message completes a sentence about the server."""


async def unpacked(parts: AsyncGenerator[bytes], coding: str, limit: int) -> bytes:
    """All of a body, at most `limit` bytes of it; raises Bomb."""
    coding = coding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Bomb("packs its answer in a way it was not asked for")
    unpack = None if coding in ("", "identity") else zlib.decompressobj(47)  # gzip or zlib, by their first bytes
    body = bytearray()
    async with aclosing(parts):
        async for part in parts:
            if unpack is None:
                _add(body, part, limit)
                continue
            try:
                while part and not unpack.eof:
                    _add(body, unpack.decompress(part, _AT_ONCE), limit)
                    part = unpack.unconsumed_tail
            except zlib.error:
                raise Bomb("packs its answer in a way that cannot be unpacked") from None
    if unpack is not None and not unpack.eof:
        raise Bomb("sent only a part of its packed answer")
    return bytes(body)


def _add(body: bytearray, part: bytes, limit: int) -> None:
    body += part
    if len(body) > limit:
        raise Bomb(f"answers with more than {limit} bytes")
