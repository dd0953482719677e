"""A `Store` in memory: every precondition and every meaning of the real ones, and nothing that lasts."""

from deputy.testing.memory.store import MemoryStore
from deputy.testing.memory.tables import MemoryDatabase

__all__ = ["MemoryDatabase", "MemoryStore"]
