"""kill -9 at every moment of every kind of effect, and a thousand times at random: the far side counts one."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.killing import KINDS

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
KILLS, SHARES = 1000, 4


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a kill, unlike a power cut, loses nothing that was written."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as found:
        yield Path(found)


def lives(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(ROOT / "tests/chaos/killing.py"), str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge(worlds: list[dict[str, Any]]) -> None:
    assert [w for w in worlds if w["wrong"] or w["waiting"] or w["state"] not in ("done", "failed")] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_moment_of_an_effect_leaves_it_done_once_or_settled(kind: str, folder: Path) -> None:
    worlds = lives(folder, "every", kind)
    assert max(w["moment"] for w in worlds if w["driver"] == "procedure") >= 5
    judge(worlds)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_thousand_random_kills_leave_every_effect_done_once_or_settled(share: int, folder: Path) -> None:
    worlds = lives(folder, "random", str(1 + 10_000 * share), str(KILLS // SHARES))
    assert sum(w["kills"] for w in worlds) >= KILLS // SHARES
    assert {w["state"] for w in worlds} >= {"done", "failed"}
    judge(worlds)
