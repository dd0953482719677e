"""Several processes drive one workspace while they are killed, or stopped for longer than their lease."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.chaos.test_kills import ROOT


@pytest.mark.timeout(200)
def test_every_run_ends_and_every_effect_is_done_once_whatever_becomes_of_the_workers(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tests/chaos/crowd.py"), str(tmp_path), "7", "150"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["kills"] + found["stops"] >= 6
    assert found["stops"] >= 1
    assert (found["runs"], found["done"], found["wrong"], found["strays"]) == (150, 150, 0, 0)
    assert found["attempts"] > 150 * 20  # some were made again, with the same key
