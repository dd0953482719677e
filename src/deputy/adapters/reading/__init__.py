"""Make text of what the world writes: pages and documents, read in a process of their own."""

from deputy.adapters.reading.letters import visible
from deputy.adapters.reading.reader import Link, Reader, Text, Unreadable

__all__ = ["Link", "Reader", "Text", "Unreadable", "visible"]
