"""Any server of the OpenAI-compatible chat wire, asked once and always streaming; asking again is for the kernel.

What the server says is never trusted: its errors are told apart by status and code, its words are quoted shortened.
"""

from deputy.adapters.model.openai_chat.client import OpenAIChat
from deputy.adapters.model.openai_chat.endpoint import Endpoint
from deputy.adapters.model.openai_chat.listing import Listing, listing

__all__ = ["Endpoint", "Listing", "OpenAIChat", "listing"]
