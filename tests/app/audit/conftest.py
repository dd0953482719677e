"""A database that was made once, and a copy of it for whoever wants to change something in it."""

from pathlib import Path

import pytest
from tests.app.audit.company import build
from tests.app.audit.tampering import copied


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database with something of everything; to be looked at only."""
    folder = tmp_path_factory.mktemp("company")
    build(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copied(original, tmp_path / "copy")
