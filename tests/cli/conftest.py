"""A workspace for each test, and a shell in it."""

from pathlib import Path

import pytest
from tests.cli.offices import Shell, make


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("COLUMNS", "110")
    return Shell(make(tmp_path / "tiny"), capsys)
