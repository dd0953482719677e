"""Every fence is climbed once, in a copy of the source, to see that somebody shouts."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

Plant = Mapping[str, str]  #: code to append to modules of the package, by path; one that is not there is made
Planter = Callable[[Plant], Path]  #: a copy of the source in which this was planted


@pytest.fixture
def plant(tmp_path: Path) -> Planter:
    """A copy of the source, with code planted in it."""

    def planted(code: Plant) -> Path:
        shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        for path, text in code.items():
            module = tmp_path / "src" / "deputy" / path
            module.parent.mkdir(exist_ok=True)
            with module.open("a") as file:
                file.write(f"\n{text}\n")
        return tmp_path

    return planted


def broken_contracts(tree: Path) -> set[str]:
    """The ids of the contracts that import-linter finds broken in a tree."""
    contracts = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = subprocess.run(
        [TOOLS / "lint-imports", "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = {contract["id"] for contract in contracts if f"\n{contract['name']} BROKEN" in found.stdout}
    kept = {contract["id"] for contract in contracts if f"\n{contract['name']} KEPT" in found.stdout}
    assert len(broken) + len(kept) == len(contracts), f"import-linter did not finish:\n{found.stdout}{found.stderr}"
    assert (found.returncode == 0) == (not broken)
    return broken


def broken_bans(tree: Path, path: str) -> list[str]:
    """What ruff says of banned names in one module of a tree."""
    found = subprocess.run(
        [TOOLS / "ruff", "check", "--no-cache", "--output-format=json", "--select=TID251", f"src/deputy/{path}"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return [fault["message"] for fault in json.loads(found.stdout)]


def type_errors(tree: Path, path: str) -> set[str]:
    """The rules of pyright that one module of a tree breaks."""
    found = subprocess.run(
        [TOOLS / "pyright", "--pythonpath", sys.executable, "--outputjson", f"src/deputy/{path}"],
        cwd=tree,
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return {fault["rule"] for fault in json.loads(found.stdout)["generalDiagnostics"]}


LAZY = "def planted() -> None:\n    import {0}\n    print({0})"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {0}"

CLIMBS: dict[str, tuple[str, Plant]] = {
    "the domain imports app": ("layers", {"domain/cost.py": "import deputy.app"}),
    "the domain imports app inside a function": ("layers", {"domain/cost.py": LAZY.format("deputy.app")}),
    "the domain imports app for its types": ("layers", {"domain/cost.py": FOR_TYPES.format("deputy.app")}),
    "the base imports the domain": ("layers", {"base/errors.py": "import deputy.domain"}),
    "the kernel imports an adapter": ("layers", {"kernel/policy.py": "import deputy.adapters.store"}),
    "the kernel imports an adapter inside a function": (
        "layers",
        {"kernel/policy.py": LAZY.format("deputy.adapters.store")},
    ),
    "an adapter imports the kernel": ("layers", {"adapters/store/planted.py": "import deputy.kernel"}),
    "app imports a surface": ("layers", {"app/commands.py": "import deputy.cli"}),
    "a surface imports the test kit": ("layers", {"cli/planted.py": "import deputy.testing"}),
    "a module stands outside the layers": ("layers", {"helpers.py": "HELP = 1"}),
    "the policy imports the gate": ("kernel", {"kernel/gate.py": "", "kernel/policy.py": "import deputy.kernel.gate"}),
    "a driver imports the other driver": (
        "kernel",
        {"kernel/procedure.py": "", "kernel/loop.py": "import deputy.kernel.procedure"},
    ),
    "the kernel gets a module without a place": ("kernel", {"kernel/helpers.py": "HELP = 1"}),
    "the recovery imports the executor": (
        "one-door",
        {"kernel/execute.py": "", "kernel/recovery.py": "from deputy.kernel import execute\nprint(execute)"},
    ),
    "a driver imports the executor inside a function": (
        "one-door",
        {"kernel/execute.py": "", "kernel/loop.py": LAZY.format("deputy.kernel.execute")},
    ),
    "a command imports the executor": (
        "one-door",
        {"kernel/execute.py": "", "app/commands.py": "import deputy.kernel.execute"},
    ),
    "a command that calls itself gate imports the executor": (
        "one-door",
        {"kernel/execute.py": "", "app/gate.py": "import deputy.kernel.execute"},
    ),
    "the kernel offers the executor to everybody": (
        "one-door",
        {"kernel/execute.py": "", "kernel/__init__.py": "from deputy.kernel import execute\nprint(execute)"},
    ),
    "the gate imports the tool port": (
        "outward-ports",
        {"ports/tool.py": "", "kernel/gate.py": "from deputy.ports import tool\nprint(tool)"},
    ),
    "the gate imports the model port for its types": (
        "outward-ports",
        {"ports/model.py": "", "kernel/gate.py": FOR_TYPES.format("deputy.ports.model")},
    ),
    "a driver imports the port of a channel": (
        "outward-ports",
        {"ports/channel.py": "", "kernel/loop.py": "import deputy.ports.channel"},
    ),
    "a command imports the port of secrets": (
        "outward-ports",
        {"ports/secret.py": "", "app/commands.py": "import deputy.ports.secret"},
    ),
    "a driver imports a port nobody has thought of": (
        "outward-ports",
        {"ports/pigeon.py": "", "kernel/loop.py": "import deputy.ports.pigeon"},
    ),
    "the journal imports SQLite": ("world", {"kernel/journal.py": "import sqlite3"}),
    "a query imports a SQL driver inside a function": ("world", {"app/queries.py": LAZY.format("apsw")}),
    "the policy opens a socket": ("world", {"kernel/policy.py": "import socket"}),
    "the gate starts a process": ("world", {"kernel/gate.py": "from subprocess import run\nprint(run)"}),
    "a surface sends mail": ("world", {"cli/planted.py": "import smtplib"}),
    "a surface asks a web page": ("world", {"cli/planted.py": "import urllib.request"}),
    "a model opens an HTTP client of its own": ("one-client", {"adapters/model/planted.py": "import httpx2"}),
    "a tool opens another HTTP client": ("one-client", {"adapters/tool/planted.py": LAZY.format("requests")}),
    "a surface opens an HTTP client": ("one-client", {"web/__init__.py": '"""Planted."""\nimport httpx2'}),
    "the command line imports the kernel": ("surfaces", {"cli/planted.py": "import deputy.kernel"}),
    "the command line imports an adapter lazily": (
        "surfaces",
        {"cli/planted.py": LAZY.format("deputy.adapters.store")},
    ),
    "the console imports a port": ("surfaces", {"web/__init__.py": '"""Planted."""\nimport deputy.ports.store'}),
    "the gateway imports the kernel": ("surfaces", {"gateway/__init__.py": '"""Planted."""\nimport deputy.kernel'}),
    "a store imports a tool": (
        "vendors",
        {"adapters/tool/planted.py": "", "adapters/store/planted.py": "import deputy.adapters.tool.planted"},
    ),
    "a model imports its neighbour": (
        "vendors",
        {"adapters/model/one.py": "", "adapters/model/two.py": "from deputy.adapters.model import one\nprint(one)"},
    ),
    "two siblings import each other": (
        "cycles",
        {"domain/heads.py": "import deputy.domain.tails", "domain/tails.py": LAZY.format("deputy.domain.heads")},
    ),
}


def test_a_copy_in_which_nothing_is_planted_passes(plant: Planter):
    assert broken_contracts(plant({})) == set()


@pytest.mark.parametrize("climb", CLIMBS)
def test_an_import_that_climbs_a_fence_is_caught(climb: str, plant: Planter):
    contract, code = CLIMBS[climb]
    assert contract in broken_contracts(plant(code))


ALLOWED: Plant = {
    "adapters/egress.py": "import httpx2",
    "adapters/store/planted.py": "import sqlite3\nimport deputy.adapters.egress\nimport deputy.ports.store",
    "adapters/tool/planted.py": "import subprocess\nimport deputy.adapters.wire\nimport deputy.ports.tool",
    "app/bootstrap.py": "import deputy.adapters.store\nimport deputy.kernel.execute\nimport deputy.ports.tool",
    "cli/planted.py": "import deputy.app.bootstrap\nimport deputy.domain",
    "kernel/execute.py": "import deputy.ports.tool",
    "kernel/gate.py": "import deputy.kernel.execute\nimport deputy.kernel.journal",
    "kernel/journal.py": "import deputy.ports.store",
    "testing/planted.py": "import deputy.adapters.store\nimport deputy.kernel.gate\nimport deputy.ports.tool",
}


def test_a_gate_in_a_fence_opens_for_those_whose_it_is(plant: Planter):
    assert broken_contracts(plant(ALLOWED)) == set()


def test_every_contract_is_climbed_at_least_once():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _ in CLIMBS.values()}


BANNED = {
    "the time of day": ("import time\nprint(time.time())", "take a Clock"),
    "a date": ("from datetime import UTC, datetime\nprint(datetime.now(UTC))", "take a Clock"),
    "a date under another name": ("import datetime as dt\nprint(dt.datetime.now(dt.UTC))", "take a Clock"),
    "a stopwatch": ("from time import monotonic\nprint(monotonic())", "take a Clock"),
    "a die": ("import random\nprint(random.random())", "take a Clock"),
    "a random name": ("from uuid import uuid4\nprint(uuid4())", "take a Clock"),
    "a random name of a library": ("import uuid_utils\nprint(uuid_utils.uuid7())", "take a Clock"),
    "random bytes": ("import os\nprint(os.urandom(8))", "take a Clock"),
    "the environment": ("import os\nprint(os.environ)", "app.config is the only reader of the environment"),
    "unowned tasks": ("import asyncio\nprint(asyncio.gather())", "use asyncio.TaskGroup"),
    "a pickle": ("import pickle\nprint(pickle.dumps(1))", "base.canonical is the only durable encoding"),
    "a child process": ("import asyncio\nprint(asyncio.create_subprocess_exec)", "only an adapter starts a process"),
    "a socket": ("import asyncio\nprint(asyncio.open_connection)", "only an adapter opens a socket"),
    "an HTTP client": ("import urllib.request\nprint(urllib.request)", "adapters.egress is the only HTTP client"),
    "a credulous XML parser": ("from xml.etree import ElementTree\nprint(ElementTree)", "use defusedxml"),
}


@pytest.mark.parametrize("module", ["kernel/gate.py", "kernel/planted.py", "adapters/tool/planted.py"])
def test_a_module_without_bans_broken_passes(module: str, plant: Planter):
    assert broken_bans(plant({module: ""}), module) == []


@pytest.mark.parametrize("what", BANNED)
@pytest.mark.parametrize("module", ["kernel/gate.py", "adapters/tool/planted.py"])
def test_the_kernel_and_the_adapters_may_not_take_what_is_a_parameter(what: str, module: str, plant: Planter):
    code, cure = BANNED[what]
    assert any(message.endswith(cure) for message in broken_bans(plant({module: code}), module))


PORT_CALL = """
from deputy.domain.effect import Intent
from deputy.ports.tool import Tool


async def planted(tool: Tool, intent: Intent) -> None:
    await tool.invoke({argument})
"""


@pytest.mark.parametrize(
    ("argument", "faults"),
    [("intent", set[str]()), ('{"iban": "DE02"}', {"reportArgumentType"}), ("", {"reportCallIssue"})],
)
def test_a_port_takes_an_intent_and_nothing_else(argument: str, faults: set[str], plant: Planter):
    tree = plant({"adapters/tool/planted.py": PORT_CALL.replace("{argument}", argument)})
    assert type_errors(tree, "adapters/tool/planted.py") == faults
