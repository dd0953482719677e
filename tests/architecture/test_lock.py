"""The locks install what the project asks for, from wherever one's own settings say."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED: dict[str, list[str]] = {
    "requirements.lock": PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"],
    "requirements-qwen.lock": PROJECT["dependency-groups"]["qwen"],
    "requirements-bench.lock": PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["bench"],
    "requirements-bootstrap.lock": PROJECT["dependency-groups"]["bootstrap"],
}


def name_of(requirement: str) -> str:
    """The normalized name of a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_pins_whatever_the_project_asks_for(lock: str):
    pinned = {name_of(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line}
    assert {name_of(requirement) for requirement in ASKED[lock]} - pinned == set(), "run `make lock`"


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_consists_of_pins_and_hashes_and_names_no_place(lock: str):
    pin = re.compile(r"[a-z0-9][a-z0-9.-]*==[^ /]+( ; [^/\\]+)? \\")
    checksum = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if not pin.fullmatch(line) and not checksum.fullmatch(line)] == []
