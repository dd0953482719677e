"""What happens in the process that talks to a database: choose by kind."""

from collections.abc import Callable

import msgspec

from deputy.adapters.tool.sql.asking import Ask

__all__ = ["answer"]

_decoder = msgspec.json.Decoder(Ask)


def answer(request: bytes, tell: Callable[[bytes], None]) -> bytes:
    """An Ask in, an Answer out."""
    ask = _decoder.decode(request)
    if ask.source.kind == "sqlite":
        from deputy.adapters.tool.sql.sqlite import answered
    else:
        from deputy.adapters.tool.sql.postgres import answered
    return msgspec.json.encode(answered(ask, tell))
