"""In what servers of one wire differ, as the encoder of requests needs it; which server differs how is data."""

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["PLAIN", "Dialect"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How one server wants to be spoken to; the defaults are what every server understands."""

    body: Mapping[str, object] = {}  #: more of the request, such as the switch for thinking
    replay: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    parallel: bool | None = True  #: whether one reply may hold several calls; None says nothing of it
    forced: bool = False  #: whether a tool may be demanded, as a probe found


PLAIN = Dialect()
