"""Putting an agent's files in place: all of them or none, whoever reads, links or dies meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deputy.adapters.agent_folder import at_once, held, put, writable
from deputy.base.clock import SystemClock
from deputy.base.errors import UsageError

DIE = """\
import asyncio, os, sys
from pathlib import Path
from deputy.adapters import agent_folder as here

real = {name: getattr(os, name) for name in ("fsync", "replace", "fchmod")}
count = [0]
def counted(name):
    def call(*args, **keywords):
        count[0] += 1
        if count[0] == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return real[name](*args, **keywords)
    return call
for name in real:
    setattr(os, name, counted(name))
asyncio.run(here.put(Path(sys.argv[1]), "one", {"AGENT.md": "new", "rehearsal.yaml": "new", "old.txt": None}))
"""


def made(folder: Path) -> Path:
    agent = folder / "agents" / "one"
    agent.mkdir(parents=True)
    for name in ("AGENT.md", "rehearsal.yaml", "old.txt"):
        (agent / name).write_text("old")
    (folder / ".deputy").mkdir()
    return agent


def texts(agent: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in agent.iterdir() if not file.name.startswith(".")}


OLD = {"AGENT.md": "old", "rehearsal.yaml": "old", "old.txt": "old"}
NEW = {"AGENT.md": "new", "rehearsal.yaml": "new"}


def test_files_come_and_go_together(tmp_path: Path):
    agent = made(tmp_path)
    (agent / "AGENT.md").chmod(0o640)
    asyncio.run(put(tmp_path, "one", {"AGENT.md": "new", "rehearsal.yaml": "new", "old.txt": None}))
    assert texts(agent) == NEW
    assert (agent / "AGENT.md").stat().st_mode & 0o777 == 0o640, "who may read it stays as it was"
    assert [one.name for one in (tmp_path / "agents").iterdir()] == ["one"]


def test_whoever_is_killed_on_the_way_leaves_all_or_nothing(tmp_path: Path):
    seen: list[dict[str, str]] = []
    for step in range(1, 20):
        folder = tmp_path / str(step)
        agent = made(folder)
        done = subprocess.run([sys.executable, "-c", DIE, str(folder), str(step)], check=False)
        assert done.returncode in (0, -signal.SIGKILL)
        assert texts(agent) in (OLD, NEW)
        seen.append(texts(agent))
        asyncio.run(put(folder, "one", {"AGENT.md": "newer"}))
        assert os.listdir(folder / "agents") == ["one"], "what was left on the way is gone"
        assert [name for name in os.listdir(agent) if name.startswith(".")] == []
        if done.returncode == 0:
            break
    assert seen[0] == OLD
    assert seen[-1] == NEW
    assert len(seen) > 4


def test_no_name_and_no_link_leads_out_of_the_folder(tmp_path: Path):
    agent = made(tmp_path)
    (tmp_path / "secret").write_text("old")
    (agent / "link.md").symlink_to(tmp_path / "secret")
    (agent / "sub").symlink_to(tmp_path)
    for path in ("link.md", "sub/secret.md", "../two/AGENT.md", "/etc/passwd.md", "a/../../x.md", ".hidden.md"):
        with pytest.raises(UsageError):
            asyncio.run(put(tmp_path, "one", {path: "new"}))
        with pytest.raises(UsageError):
            asyncio.run(put(tmp_path, "one", {path: "new", "AGENT.md": "new"}))
    assert (agent / "AGENT.md").read_text() == "old"
    assert (tmp_path / "secret").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == [".deputy", "agents", "secret"]


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path):
    made(tmp_path)
    (tmp_path / "agents" / "two").symlink_to(tmp_path / "agents" / "one")
    with pytest.raises(UsageError, match="not a folder of its own"):
        asyncio.run(put(tmp_path, "two", {"AGENT.md": "new"}))


def test_texts_may_be_written_and_code_may_not():
    assert writable("AGENT.md")
    assert writable("notes/prices.csv")
    for path in ("procedure.py", "run.sh", "x.PY", ".env", "x", "../x.md", "a//b.md", "x.md~"):
        assert not writable(path), path


def test_one_writes_at_a_time_and_the_others_wait(tmp_path: Path):
    made(tmp_path)
    order: list[str] = []

    async def write(name: str) -> None:
        async with held(tmp_path, SystemClock()):
            order.append(f"{name} in")
            with at_once(tmp_path) as mine:
                assert not mine
            await asyncio.sleep(0)
            order.append(f"{name} out")

    async def all_at_once() -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in ("a", "b", "c"):
                tasks.create_task(write(name))

    asyncio.run(all_at_once())
    assert [step.split()[1] for step in order] == ["in", "out"] * 3
