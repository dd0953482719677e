"""The embedded store: one SQLite file that several processes of one machine share."""

from deputy.adapters.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
