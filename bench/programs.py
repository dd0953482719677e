"""Which programs there are, and how one is run: in a process of its own, under the interpreter that has its libraries.

A program prints one JSON line, the last of its output. Peers are named here. Deputy's are found: every
`bench/deputy_*.py` is one, and `deputy_steps.py` is the one that takes turns with the peers; it also runs with two
worker processes, as a row of its own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.job import Job

ROOT = Path(__file__).resolve().parent.parent
TURN_TAKER = "deputy-steps"

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program that measures."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    is_peer: bool = False
    every_round: bool = False  #: whether it runs in each round; a program without a peer runs once


PEERS = (
    Program(name="langgraph", module="bench.peers.langgraph_sqlite", is_peer=True),
    Program(name="dbos", module="bench.peers.dbos_sqlite", is_peer=True),
    Program(name="restate", module="bench.peers.restate", arguments=("--sdk=typescript",), is_peer=True),
    Program(name="restate-python", module="bench.peers.restate", arguments=("--sdk=python",), is_peer=True),
)
STEPS_OF_TWO = Program(
    name="deputy-steps-2", module="bench.deputy_steps", arguments=("--processes=2",), every_round=True
)
STARTUP = Program(name="startup", module="bench.startup")
MODEL_CLIENT = Program(name="model-client", module="bench.model_client")
CONSOLE = Program(name="console", module="bench.console")


def programs() -> dict[str, Program]:
    """Return all programs by name: peers first, then Deputy's."""
    found = (
        Program(name=path.stem.replace("_", "-"), module=f"bench.{path.stem}")
        for path in sorted(Path(__file__).parent.glob("deputy_*.py"))
    )
    return {program.name: program for program in (*PEERS, STEPS_OF_TWO, *found, MODEL_CLIENT, CONSOLE, STARTUP)}


@dataclass(frozen=True, kw_only=True)
class Interpreters:
    """The interpreter that has the peers' libraries, and the one that has Deputy's."""

    peers: Path
    own: Path

    def of(self, program: Program) -> Path:
        """Return the interpreter of a program."""
        return self.peers if program.is_peer else self.own


def default_interpreter(environment: str) -> Path:
    """Return the interpreter of an environment at the root, or this one where there is no such environment."""
    path = ROOT / environment / "bin" / "python"
    return path if path.is_file() else Path(sys.executable)


def run(program: Program, job: Job, *, interpreters: Interpreters, timeout: float) -> Line:
    """Run a program to its end and return its line; one that fails or hangs yields a line that says so."""
    command = [str(interpreters.of(program)), "-m", program.module, *program.arguments, *job.arguments()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its children can be ended with it
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return _failed(program, f"not finished after {timeout:.0f} s")
        finally:
            _end_group(process)
    lines = output.strip().splitlines()
    if process.returncode or not lines:
        return _failed(program, last_line(errors) or f"exit status {process.returncode}")
    try:
        line: object = json.loads(lines[-1])
    except ValueError:
        line = None
    if not isinstance(line, dict):
        return _failed(program, f"its last line is no JSON object: {lines[-1]:.100}")
    return {**cast(Line, line), "program": program.name}


def _end_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended, and took its children along
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_line(text: str) -> str:
    """Return the last line that says something, without the folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].replace(str(ROOT), "").replace(str(Path.home()), "~")[:300] if lines else ""


def _failed(program: Program, reason: str) -> Line:
    return {"program": program.name, "peer": "deputy" if not program.is_peer else program.name, "failed": reason}


def choose(names: Sequence[str]) -> list[Program]:
    """Return the programs of these names, or all; an unknown name is a `KeyError` with that name."""
    known = programs()
    return [known[name] for name in names] if names else list(known.values())
