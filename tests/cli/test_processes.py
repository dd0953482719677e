"""The real command in processes of its own: how it starts, how it shares a workspace, how it stops."""

import asyncio
import contextlib
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import DEPUTY, ENTRY, Shell, make, started

from deputy.app import driving
from deputy.app.bootstrap import office


@contextlib.contextmanager
def worker(folder: Path, *args: str) -> Generator["subprocess.Popen[str]"]:
    """A worker that has begun to work, stopped at the end if the test did not."""
    process = started("worker", *args, folder=folder)
    try:
        assert process.stderr is not None
        assert "Working" in process.stderr.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def deputy(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*ENTRY, *args], cwd=folder, capture_output=True, text=True, check=False)


def loaded(*args: str) -> set[str]:
    """The modules that a command loads."""
    code = f"import sys; from deputy.cli.main import main; main({list(args)!r}); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


# -- starting


def test_the_version_is_said_at_once():
    assert not {"rich", "typer", "msgspec", "asyncio", "deputy.app", "deputy.domain"} & loaded("--version")


def test_help_loads_nothing_of_a_workspace():
    assert not {"msgspec", "apsw", "mcp", "deputy.app.bootstrap", "deputy.kernel"} & loaded("run", "--help")


def test_the_version_takes_less_than_a_moment():
    def once() -> float:
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*ENTRY, "--version"], capture_output=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime

    assert min(once() for _ in range(3)) < 0.2, "seconds of the processor: others may keep it busy"


def test_the_shell_is_offered_commands_agents_and_items(shell: Shell):
    def offered(line: str) -> list[str]:
        environment = {**os.environ, "COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")),
                       "_DEPUTY_COMPLETE": "complete_bash"}  # fmt: skip
        command = [Path(sys.executable).parent / "deputy"]
        ran = subprocess.run(command, cwd=shell.folder, env=environment, capture_output=True, text=True, check=True)
        return ran.stdout.split()

    shell.run("payer", "7")
    assert {"run", "show"} <= set(offered("deputy "))
    assert offered("deputy run gre") == ["greeter"]
    (item,) = offered("deputy approve ")
    assert shell("approve", item, "--as", "lin").code == 0


# -- together


def test_a_run_is_left_to_a_live_worker_and_followed(shell: Shell):
    with worker(shell.folder) as process:
        ran = deputy(shell.folder, "run", "greeter", "Ada")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "Good day, Ada." in ran.stdout
        ran = deputy(shell.folder, "run", "payer", "7", "--json")
        assert (ran.returncode, json.loads(ran.stdout)["state"]) == (3, "waiting")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "greeter for wei: done" in out
        assert "payer for wei: waits for an approval" in out


def test_what_is_approved_goes_on_with_a_live_worker(shell: Shell):
    with worker(shell.folder):
        run = json.loads(deputy(shell.folder, "run", "payer", "7", "--json").stdout)["id"]
        (item,) = shell.inbox()
        said = shell("approve", item["id"], "--as", "lin")
        assert "--follow" in said.out
        followed = deputy(shell.folder, "show", run, "--follow", "--json")
        assert (followed.returncode, json.loads(followed.stdout)["answer"]) == (0, "paid 7")
    assert (shell.folder / "paid.txt").read_text() == "7\n"


def test_two_processes_with_one_run_do_everything_once(shell: Shell):
    run = shell("run", "payer", "7", "--json").json["id"]
    (item,) = shell.inbox()
    shell("approve", item["id"], "--as", "lin")
    workers = [started("worker", "--until-idle", folder=shell.folder) for _ in range(2)]
    followed = deputy(shell.folder, "show", run, "--follow")
    assert followed.returncode == 0
    for process in workers:
        process.communicate(timeout=10)
    assert (shell.folder / "paid.txt").read_text() == "7\n"


def test_a_run_whose_worker_was_killed_is_seen_through(shell: Shell):
    with worker(shell.folder) as process:
        following = started("run", "slow", "1", folder=shell.folder)
        assert following.stdout is not None
        while "→ slow" not in (line := following.stdout.readline()):
            assert line, following.communicate()
        process.kill()
    out, _ = following.communicate(timeout=20)
    assert following.returncode == 0, out
    assert "attempt 2" in out, "the tool is keyed, so the same call is made again"


def test_whoever_follows_what_nobody_drives_is_told(shell: Shell):
    run = shell("run", "greeter", "Ada", "--detach", "--json").json["id"]
    following = started("show", run, "--follow", folder=shell.folder)
    assert following.stderr is not None
    assert "No worker is running" in following.stderr.readline()
    assert deputy(shell.folder, "worker", "--until-idle").returncode == 0
    out, _ = following.communicate(timeout=10)
    assert following.returncode == 0
    assert "Good day, Ada." in out


# -- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_in_hand_end(shell: Shell, number: signal.Signals):
    with worker(shell.folder) as process:
        shell("run", "slow", "3", "--detach")
        wait_for(process, shell)
        process.send_signal(number)
        process.communicate(timeout=10)
        assert process.returncode == 0
    effects: list[Any] = shell("show", shell("ps", "--all", "--json").json[0]["id"], "--json").json["effects"]
    assert [effect["state"] for effect in effects] == ["done"]


def test_a_second_signal_stops_at_once(shell: Shell):
    with worker(shell.folder) as process:
        shell("run", "slow", "30", "--detach")
        wait_for(process, shell)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=5)
        assert process.returncode == 130
        assert "Traceback" not in err


def wait_for(process: "subprocess.Popen[str]", shell: Shell) -> None:
    """Return when an effect is under way."""
    for _ in range(100):
        (run,) = shell("ps", "--json").json
        if any(e["state"] == "claimed" for e in shell("show", run["id"], "--json").json["effects"]):
            return
        time.sleep(0.05)
    raise AssertionError(process.poll())


def test_ctrl_c_during_a_run_is_130_and_keeps_what_was_done(shell: Shell):
    process = started("run", "slow", "1", folder=shell.folder)
    assert process.stdout is not None
    while "→ slow" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert shell("worker", "--until-idle").code == 0


def test_a_reader_that_goes_away_is_no_error(shell: Shell):
    for _ in range(3):
        shell("run", "greeter", "Ada", "--detach")
    process = started("ps", folder=shell.folder)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(timeout=10)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    process.stderr.close()


def test_lines_of_a_run_come_as_it_happens(shell: Shell):
    process = started("run", "slow", "3", folder=shell.folder)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 2.5)
    assert ready
    assert process.stdout.readline().startswith("Run r")
    process.kill()
    process.communicate()


def test_a_terminal_is_given_colours(shell: Shell):
    ours, theirs = pty.openpty()
    command = [*ENTRY, "run", "greeter", "Ada"]
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, cwd=shell.folder, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    read = b""
    with contextlib.suppress(OSError):  # how a terminal says that its other end was closed
        while piece := os.read(ours, 4096):
            read += piece
    os.close(ours)
    assert process.wait(10) == 0
    assert b"\x1b[1mRun r" in read
    assert b"Good day, Ada." in read


def test_the_part_of_a_models_limits_that_a_dead_worker_had_comes_back(tmp_path: Path) -> None:
    model = '[models.default]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    make(tmp_path, deputy=DEPUTY + model + "limits = {concurrency = 8}\n")

    async def parts() -> list[int]:
        found: list[int] = []
        async with office(str(tmp_path)) as mine:
            stop = asyncio.Event()
            serving = asyncio.create_task(driving.serve(mine, stop))
            try:
                with worker(tmp_path) as other:
                    for count in (2, 1):
                        async with asyncio.timeout(30):
                            while mine.turns.processes != count:
                                await asyncio.sleep(0.05)
                        found.append(count)
                        other.kill()
            finally:
                stop.set()
                await serving
        return found

    assert asyncio.run(parts()) == [2, 1]
