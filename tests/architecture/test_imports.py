"""Importing does nothing: not to the machine, and not to the patience of whoever waits for a prompt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
MODULES = sorted(
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")
    for path in SRC.rglob("*.py")
    if path.name != "__main__.py"
)

WIRES = {"apsw", "httpx2", "jinja2", "jsonschema_rs", "mcp", "openai", "pydantic", "sqlite3", "ssl", "starlette"}
HEAVY = WIRES | {"asyncio", "msgspec", "rich", "typer", "yaml"}

TELL_LOADED = "\nimport json, sys\nprint(json.dumps([name for name in sys.modules if '.' not in name]))"

SAY_VERSION = """
import sys
sys.argv = ["deputy", "--version"]
from deputy.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""

# Everything that Python tells its auditors of and that would change the machine or leave it.
WATCH = """
import sys, threading

def watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    leaves = event.startswith(("socket.", "subprocess.", "sqlite3.connect", "os.fork", "os.posix_spawn", "os.system"))
    changes = event in ("os.mkdir", "os.rename", "os.remove", "os.chdir", "os.putenv", "os.unsetenv")
    if writes or leaves or changes:
        print("did", event, args)

sys.addaudithook(watch)
"""
TELL_THREADS = "\nfor thread in threading.enumerate()[1:]: print('started', thread)"


def output_of(code: str) -> str:
    """What a fresh interpreter prints that runs some code and leaves no byte code behind."""
    ran = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def loaded_by(code: str) -> set[str]:
    """The packages loaded after some code, beyond those an interpreter starts with."""
    loaded, bare = (set(json.loads(output_of(c + TELL_LOADED).splitlines()[-1])) for c in (code, ""))
    return loaded - bare


def test_importing_deputy_loads_nothing_heavy():
    assert loaded_by("import deputy") & HEAVY == set()


@pytest.mark.skipif("deputy.cli.main" not in MODULES, reason="there is no command line yet")
def test_asking_for_the_version_loads_no_wire():
    assert loaded_by(SAY_VERSION) & WIRES == set()


def test_no_module_loads_a_model_or_tool_library_before_it_is_used():
    assert loaded_by("\n".join(f"import {module}" for module in MODULES)) & {"mcp", "openai"} == set()


def test_importing_every_module_does_nothing_to_the_machine():
    imports = "\n".join(f"import {module}" for module in MODULES)
    assert output_of(WATCH + imports + TELL_THREADS) == ""


@pytest.mark.parametrize(
    "deed",
    [
        "open('/dev/null', 'w')",
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.environ['PLANTED'] = '1'",
        "thread = threading.Thread(target=threading.Event().wait, daemon=True); thread.start()",
    ],
)
def test_what_an_import_might_do_is_noticed(deed: str):
    assert output_of(WATCH + deed + TELL_THREADS) != ""
