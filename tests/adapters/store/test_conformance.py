"""Both stores of ours keep what every store must."""

from pathlib import Path

import pytest

from deputy.adapters.store.sqlite import SqliteStore
from deputy.testing.conformance import OpenStore, StoreSuite
from deputy.testing.memory import MemoryDatabase, MemoryStore


class TestSqlite(StoreSuite):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda clock: SqliteStore.open(tmp_path / "deputy.db", clock)


class TestMemory(StoreSuite):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        database = MemoryDatabase()
        return lambda clock: MemoryStore(clock, database)
