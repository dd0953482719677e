"""Small workspaces, the ways a run in them can come out, and a command line to work them with."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deputy.cli.main import main

__all__ = ["DEPUTY", "ENTRY", "Said", "Shell", "agent", "make", "started"]

ENTRY = (sys.executable, "-m", "deputy")

DEPUTY = '[workspace]\nname = "tiny"\ncurrency = "EUR"\nself_approval = false\n'

PEOPLE = """\
[people.wei]
name = "Wei Chen"
email = "wei@tiny.example"
manager = "lin"
roles = ["owner"]

[people.lin]
name = "Lin Hao"
roles = ["approver"]

[people.kim]
name = "Kim"
"""

TOOLS = '''\
import time
from pathlib import Path

import deputy

PAID = Path(__file__).resolve().parents[1] / "paid.txt"


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def look(name: str) -> str:
    """Look something up."""
    return "a page by " + name


@deputy.tool(effect="irreversible", repeat="never", authority=("amount",))
def pay(amount: int, note: str = "") -> str:
    """Pay."""
    with PAID.open("a") as file:
        file.write(f"{amount}\\n")
    return f"paid {amount}"


@deputy.tool(effect="irreversible", repeat="never")
def lose(amount: int) -> str:
    """Pay, and lose the line."""
    raise ConnectionResetError("the line was cut")


@deputy.tool(effect="write", repeat="keyed")
def slow(seconds: float, context: deputy.EffectContext) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "slept"
'''

_PROCEDURE = "import deputy\n\n\nasync def run(task: str, desk: deputy.Desk) -> str:\n    {body}\n"


def agent(
    name: str, *, tools: str = "", replies: str | None = None, procedure: str | None = None, budget: str = ""
) -> dict[str, str]:
    """The files of an agent: `tools` and `budget` as YAML after their key, `replies` as items of YAML."""
    front = f"name: {name}\ndescription: It is {name}.\nowner: wei\nmodel: rehearsal\n"
    front += f"tools: {tools}\n" if tools else ""
    front += f"budget: {budget}\n" if budget else ""
    files = {f"agents/{name}/AGENT.md": f"---\n{front}---\n\nDo it.\n"}
    if replies is not None:
        files[f"agents/{name}/rehearsal.yaml"] = f"replies:\n{replies}\n"
    if procedure is not None:
        files[f"agents/{name}/procedure.py"] = _PROCEDURE.format(body=procedure)
    return files


GREETER = agent("greeter", replies='  - say: "Good day, {{ task }}."')
PAYER = agent(
    "payer", tools="{pay: {autonomy: ask, approvers: [person:lin], limit: {amount: 100}}}",
    replies='  - call: [{tool: pay, args: {amount: "{{ task | int }}"}}]\n  - say: "{{ results[-1] }}"',
)  # fmt: skip
READER = agent(
    "reader", tools="{look: act, pay: {autonomy: ask, approvers: [person:lin]}}",
    replies=('  - call: [{tool: look, args: {name: "{{ task }}"}}]\n'
             '  - call: [{tool: pay, args: {amount: 5, note: "{{ results[-1] }}"}}]\n  - say: "Well."'),
)  # fmt: skip
ASKER = agent(
    "asker", tools="{person.ask: act, person.tell: act}",
    procedure=('said = await desk.ask_person("Red or blue?", options=["red", "blue"])\n'
               '    await desk.tell("wei", f"It became {said}.")\n    return said'),
)  # fmt: skip
LOSER = agent("loser", tools="{lose: act}", procedure='return await desk.call("lose", amount=5)')
DENIED = agent("denied", tools="{pay: {autonomy: ask, approvers: [person:lin]}}",
               procedure='return await desk.call("pay", amount=5)')  # fmt: skip
SILENT = agent("silent", replies='  - if: "{{ false }}"\n    say: "never"')
POOR = agent(
    "poor", tools="{look: act}", replies='  - call: [{tool: look, args: {name: "x"}}]\n  - say: "Done."',
    budget="{steps: 1}",
)  # fmt: skip
SLEEPER = agent("sleeper", procedure='await desk.sleep(3600)\n    return "awake"')
SLOW = agent("slow", tools="{slow: act}", procedure='return await desk.call("slow", seconds=float(task))')
PARENT = agent(
    "parent", tools="{agent.run: act}", procedure="return await desk.spawn(task.split()[0], task.split()[1])"
)

ALL = GREETER | PAYER | READER | ASKER | LOSER | DENIED | SILENT | SLEEPER | SLOW | POOR | PARENT


def make(folder: Path, files: Mapping[str, str] = ALL, deputy: str = DEPUTY, people: str = PEOPLE) -> Path:
    """Write a workspace."""
    for path, text in {"deputy.toml": deputy, "people.toml": people, "tools/tiny.py": TOOLS, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error it printed for programs."""
        return self.json["error"]


class Shell:
    """Gives commands in one workspace, in this process."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, *args: str) -> Said:
        self._capture.readouterr()
        code = main([*args, "--workspace", str(self.folder)])
        printed = self._capture.readouterr()
        return Said(code, printed.out, printed.err)

    def bare(self, *args: str) -> Said:
        """The same, without naming the workspace."""
        self._capture.readouterr()
        code = main(list(args))
        printed = self._capture.readouterr()
        return Said(code, printed.out, printed.err)

    def run(self, *args: str) -> Any:
        """What a run's contract says after `deputy run`."""
        return self("run", *args, "--json").json

    def inbox(self) -> list[Any]:
        """What waits for people."""
        return self("inbox", "--json").json


def started(*args: str, folder: Path) -> "subprocess.Popen[str]":
    """A command in a process of its own."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [*ENTRY, *args], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
