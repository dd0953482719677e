"""Code from stored texts: found as in a folder, in several versions at once, and wrong ones named by file and line."""

import asyncio
import importlib
import sys
import traceback
from pathlib import Path
from typing import Any, cast

import pytest

from deputy.adapters.tool.function import FunctionTools
from deputy.adapters.tool.source import load_functions, load_module
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError

ROOT = Path("/nowhere/acme")
TOOL = "import deputy\n@deputy.tool(effect='read')\n"

BUNDLE = {
    "tools/money.py": f"""
import json, tools.ubl
import tools.ubl as whole
from . import ubl
from .ubl import RATE
from tools import ubl as again
import ubl as plain
{TOOL}
def convert(amount: float) -> float:
    '''Convert.'''
    import ubl as inside
    assert tools.ubl is whole is ubl is again is plain is inside
    return json.loads(json.dumps(amount)) * RATE
""",
    "tools/ubl.py": "from tools.sub.deep import RATE\n",
    "tools/sub/deep.py": "from ..base import RATE\n",
    "tools/base.py": "RATE = 2.0\n",
    "tools/json.py": "import json\nloads, dumps = json.loads, json.dumps\nOURS = True\n",
    "tools/README.md": "not code",
    "agents/pay-ables.v1/procedure.py": """
from tools import money
import helper
async def run(task, desk):
    return money.convert(task) + helper.MORE
""",
    "agents/pay-ables.v1/helper.py": "MORE = 1\n",
}


def test_files_of_a_bundle_find_each_other_however_they_are_imported():
    tools = load_functions(BUNDLE, ROOT)
    assert list(tools) == ["convert"]
    assert tools["convert"](3.0) == 6.0
    procedure = load_module(BUNDLE, "agents/pay-ables.v1/procedure.py", ROOT)
    assert asyncio.run(procedure.run(3.0, None)) == 7.0
    assert procedure.money.convert is tools["convert"]
    assert procedure.__file__ == "/nowhere/acme/agents/pay-ables.v1/procedure.py"


def test_two_versions_live_side_by_side_and_one_is_loaded_once():
    newer = BUNDLE | {"tools/base.py": "RATE = 3.0\n"}
    old, new, same = load_functions(BUNDLE, ROOT), load_functions(newer, ROOT), load_functions(dict(BUNDLE), ROOT)
    assert (old["convert"](1.0), new["convert"](1.0)) == (2.0, 3.0)
    assert same["convert"] is old["convert"]


def test_the_rest_of_the_interpreter_sees_nothing_of_it():
    before = set(sys.modules)  # where another test may have put modules of these names
    load_functions(BUNDLE, ROOT)
    assert not {"money", "ubl", "tools", "helper", "tools.ubl"} & (set(sys.modules) - before)
    assert not hasattr(importlib.import_module("json"), "OURS")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("money")


def test_only_what_is_asked_for_is_executed():
    ran: list[str] = []
    sys.modules["_test_ran"] = cast("Any", type("Ran", (), {"ran": ran}))
    note = "import _test_ran; _test_ran.ran.append(__name__.rpartition('.')[2])\n"
    files = {"tools/a.py": note + "from . import b\n", "tools/b.py": note, "tools/c.py": note, "tools/sub/d.py": note}
    load_module(files, "tools/a.py", ROOT)
    assert ran == ["a", "b"]
    load_functions(files, ROOT)
    assert ran == ["a", "b", "c"]


def test_the_stored_text_is_run_and_not_the_file_on_the_disk(tmp_path: Path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "value.py").write_text("VALUE = 'disk'\n")
    (tmp_path / "tools" / "extra.py").write_text("VALUE = 'disk'\n")
    module = load_module({"tools/value.py": "VALUE = 'stored'\n"}, "tools/value.py", tmp_path)
    assert (module.VALUE, module.__file__) == ("stored", str(tmp_path / "tools" / "value.py"))
    with pytest.raises(ConfigError, match="cannot import name 'extra' from 'tools'"):
        load_module({"tools/value.py": "from . import extra\n"}, "tools/value.py", tmp_path)


def test_a_function_that_is_only_imported_is_no_tool_of_the_file():
    files = {"tools/a.py": f"{TOOL}def pay() -> None: ...\n", "tools/b.py": "from .a import pay\n"}
    assert list(load_functions(files, ROOT)) == ["pay"]


def test_annotations_and_classes_of_a_bundle_are_resolved():
    files = {
        "tools/a.py": "from __future__ import annotations\nimport dataclasses, deputy\n"
        "@dataclasses.dataclass\nclass Line:\n    text: str\n    parts: list[Line]\n"
        "@deputy.tool()\ndef pay(lines: list[Line], ctx: deputy.EffectContext) -> None: ...\n"
    }
    (spec,) = asyncio.run(FunctionTools(load_functions(files, ROOT), clock=SystemClock(), lend=str).catalogue())
    assert spec.parameters["required"] == ["lines"]
    assert list(cast("dict[str, object]", spec.parameters["$defs"])) == ["Line"]


def test_a_traceback_shows_the_real_path_and_the_stored_line():
    module = load_module({"tools/a.py": "def f():\n    raise ValueError('x')\n"}, "tools/a.py", ROOT)
    try:
        module.f()
    except ValueError:
        shown = traceback.format_exc()
    else:
        shown = ""
    assert 'File "/nowhere/acme/tools/a.py", line 2, in f\n    raise ValueError' in shown


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"tools/bad.py": "x = 1\ndef f(:\n"}, "tools/bad.py:2: It cannot be loaded: invalid syntax."),
        (
            {"tools/bad.py": "\nimport nosuch\n"},
            "tools/bad.py:2: It cannot be loaded: ModuleNotFoundError: No module named 'nosuch'.",
        ),
        ({"tools/bad.py": "from .nosuch import x\n"}, "No module named 'tools.nosuch'."),
        (
            {"tools/bad.py": "import worse\n", "tools/worse.py": "\n\n1 / 0\n"},
            "tools/worse.py:3: It cannot be loaded: ZeroDivisionError",
        ),
        (
            {"tools/bad.py": "import worse\n", "tools/worse.py": "(\n"},
            "tools/worse.py:1: It cannot be loaded: '(' was never closed.",
        ),
        ({"tools/bad.py": "import sys\nsys.exit(3)\n"}, "tools/bad.py:2: It cannot be loaded: SystemExit: 3."),
        ({"tools/bad.py": "x\0"}, "null bytes"),
        ({"tools/bad.py": "(" * 100_000}, "too many nested parentheses"),
        ({"tools/bad.py": "from ....x import y\n"}, "beyond top-level package"),
        ({"tools/bad.py": "def f(): f()\nf()\n"}, "tools/bad.py:1: It cannot be loaded: RecursionError"),
    ],
)
def test_code_that_cannot_be_loaded_is_one_sentence_with_file_and_line(files: dict[str, str], says: str):
    with pytest.raises(ConfigError) as caught:
        load_functions(files, ROOT)
    assert says in str(caught.value)
    assert "_deputy_" not in str(caught.value) + caught.value.remedy
    assert caught.value.remedy


def test_one_name_for_two_tools_is_refused():
    files = {path: f"{TOOL}def pay() -> None: ...\n" for path in ("tools/a.py", "tools/b.py")}
    with pytest.raises(ConfigError, match=r"tools/b.py:2: The tool 'pay' is also defined in tools/a.py."):
        load_functions(files, ROOT)


def test_a_path_that_is_not_of_the_bundle_is_refused():
    with pytest.raises(ConfigError, match=r"no 'tools/nosuch\.py'"):
        load_module(BUNDLE, "tools/nosuch.py", ROOT)


def test_a_failed_load_can_be_tried_again_and_fails_again():
    files = {"tools/a.py": "from . import b\n", "tools/b.py": "1 / 0\n"}
    for _ in range(3):
        with pytest.raises(ConfigError, match="ZeroDivisionError"):
            load_module(files, "tools/a.py", ROOT)
