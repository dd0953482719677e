"""The wire of OpenAI-compatible chat completions: a prompt as a request, and the chunks of a stream as a reply.

Pure: it opens no connection, reads no clock, and believes no server.
"""

from deputy.adapters.wire.chat.dialect import PLAIN, Dialect
from deputy.adapters.wire.chat.errors import CutStream, ErrorChunk, ReplyTooLarge, WireError
from deputy.adapters.wire.chat.events import Events
from deputy.adapters.wire.chat.names import ToolNames, wire_name
from deputy.adapters.wire.chat.reply import ReplyBuilder
from deputy.adapters.wire.chat.request import CLOSING, RESERVED, encoded, places, request

__all__ = [
    "CLOSING", "PLAIN", "RESERVED", "CutStream", "Dialect", "ErrorChunk", "Events", "ReplyBuilder", "ReplyTooLarge",
    "ToolNames", "WireError", "encoded", "places", "request", "wire_name",
]  # fmt: skip
