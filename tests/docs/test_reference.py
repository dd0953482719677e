"""Every setting, command, event, error and public name of the code stands in the reference, and nothing else does."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from tests.docs.snippets import DOCS, ROOT

import deputy
from deputy.adapters.tool.files import FILES
from deputy.app.audit.report import Code
from deputy.cli.application import application
from deputy.domain.builtin import BUILT_IN
from deputy.domain.event import Event

SRC = ROOT / "src" / "deputy"
REFERENCE = DOCS / "reference"


def cells(page: str, *, under: str = "", column: int = 0) -> set[str]:
    """The words in backticks of one column of a page's tables, or of those under one heading."""
    found: set[str] = set()
    here = not under
    for line in (REFERENCE / page).read_text("utf-8").splitlines():
        if line.startswith("#"):
            here = not under or line.lstrip("# ").startswith(under)
        elif here and line.startswith("| "):
            found.update(re.findall(r"`([^`]+)`", line.split("|")[column + 1]))
    return found


# -- settings


def keys_read_by(modules: str) -> set[str]:
    """The keys that modules of the configuration let a table have, and those they read."""
    return {key for file in sorted((SRC / "app" / "config").glob(modules)) for key in keys_in(file)}


def keys_in(file: Path) -> set[str]:
    """The keys that one module lets a table have, and those it reads."""
    tree = ast.parse(file.read_text("utf-8"))
    constants: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts = {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
            constants[node.targets[0].id] = texts
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "both":
            constants["both"] = set(ast.literal_eval(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "only":
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    found.add(str(argument.value))
                elif isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
                    found |= constants.get(argument.value.id, set())
    return found


@pytest.mark.parametrize(
    ("modules", "page", "besides"),
    [
        (
            "workspace.py reaching.py connections/*.py",
            "deputy-toml.md",
            {
                "workspace",
                "models",
                "teams",
                "web",
                "auth",
                "telemetry",
                "oidc",
                "mcp",
                "concurrency",
                "requests",
                "tokens",
                "upto",
            },
        ),
        ("people.py", "people-toml.md", {"people", "groups", "approve"}),
        ("agents.py triggers.py", "agent-md.md", set[str]()),
    ],
)
def test_every_setting_stands_in_the_reference_and_nothing_else_does(modules: str, page: str, besides: set[str]):
    read = {key for part in modules.split() for key in keys_read_by(part)}
    shown = cells(page)
    assert read - shown - besides == set()
    shown = {word for word in shown if re.fullmatch(r"[a-z_]+", word)}
    assert shown - read - {"schedule", "mail", "webhook", "folder"} == set()
    text = (REFERENCE / page).read_text("utf-8")
    assert [word for word in besides if word not in text] == []


def test_every_key_of_a_rehearsal_stands_in_the_reference():
    from deputy.adapters.model.rehearsal import script

    keys = set(getattr(script, "_REPLY")) | set(getattr(script, "_CALL")) | {"replies", "asked"}  # noqa: B009 - private
    assert cells("rehearsal-yaml.md") == keys | {"task", "results", "arrival", "range"}


def test_every_variable_that_servers_see_stands_in_the_reference():
    tree = ast.parse((SRC / "app" / "config" / "environment.py").read_text("utf-8"))
    assigned = {ast.unparse(n.targets[0]): n.value for n in tree.body if isinstance(n, ast.Assign)}
    text = (REFERENCE / "deputy-toml.md").read_text("utf-8")
    said = text[text.index("A server sees of the worker's environment only:") :].split("and what")[0]
    assert set(re.findall(r"`([A-Z_]+)`", said)) == set(ast.literal_eval(assigned["_FOR_CHILDREN"]))


# -- commands


def commands(command: Any, path: str) -> Iterator[str]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def test_every_command_stands_in_the_reference_and_nothing_else_does():
    real = set(commands(typer.main.get_command(application()), "deputy"))
    text = (REFERENCE / "commands.md").read_text("utf-8")
    assert set(re.findall(r"^### `(deputy[^`]*)`$", text, flags=re.MULTILINE)) == real


def test_every_command_that_a_page_names_exists():
    real = set(commands(typer.main.get_command(application()), "deputy"))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")]:
        if page.parent.name == "adr":
            continue  # what was decided against has names, too
        for named in re.findall(r"(?:`|\$ )deputy ((?:policy |audit )?[a-z][a-z-]*)", page.read_text("utf-8")):
            assert f"deputy {named}" in real, f"{page.name}: deputy {named}"


def test_the_generated_parts_are_as_the_code_says():
    done = subprocess.run(
        [sys.executable, str(DOCS / "build.py"), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- events and errors


def test_every_event_stands_in_the_reference():
    names = {event.__struct_config__.tag for event in get_args(Event)}
    text = (REFERENCE / "events.md").read_text("utf-8")
    assert set(re.findall(r"^### `(\w+)`$", text, flags=re.MULTILINE)) == names


#: which argument of these names a code of an outcome
PLACES = {
    "Failed": 0, "Fault": 0, "Fail": 0, "failed": 1, "_fail": 3, "_failed": 0, "_refuse": 2, "Refusal": 0,
    "NotTaken": 0, "no": 0, "_Refusal": 0, "problem": 1,
}  # fmt: skip


def codes_of(path: Path) -> Iterator[str]:
    """The codes that a module gives to errors and outcomes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.ClassDef(body=body):
                for one in body:
                    if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "code":
                        yield str(ast.literal_eval(one.value))
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                yield code
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                if name in PLACES and len(args) > PLACES[name]:
                    yield from (str(n.value) for n in [args[PLACES[name]]] if isinstance(n, ast.Constant))
                if name == "Trouble":
                    yield from (str(k.value.value) for k in keywords if isinstance(k.value, ast.Constant))
            case ast.FunctionDef(name="_kind" | "_passing"):
                returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
                for value in returned:
                    if isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Constant):
                        yield str(value.elts[0].value)
            case _:
                pass


def test_every_error_code_stands_in_the_reference_and_nothing_else_does():
    given = {code for path in SRC.rglob("*.py") for code in codes_of(path) if re.fullmatch(r"[a-z_]+", str(code))}
    given |= {"bug", "not_sent", "child_failed", "child_cancelled", "result_too_large", "result_not_json"}
    given |= set(get_args(Code))
    assert "model_rate_limited" in given
    shown = {code for code in cells("errors.md") if re.fullmatch(r"[a-z_]+", code)}
    assert given - shown == set()
    assert shown - given == set()


# -- Python and JSON


def test_every_public_name_stands_in_the_reference_and_nothing_else_does():
    names = cells("python.md")
    assert {name for name in names if name.startswith("deputy.")} == {f"deputy.{name}" for name in deputy.__all__}


def test_every_keyword_of_a_tool_and_member_of_its_context_stands_in_the_reference():
    shown = cells("python.md", under="Tools")
    assert shown >= {*inspect.signature(deputy.tool).parameters, *deputy.EffectContext.__struct_fields__}


def test_every_call_of_the_desk_stands_in_the_reference_as_it_is():
    shown = cells("python.md", under="Procedures")
    calls = {name: one for name, one in vars(deputy.Desk).items() if not name.startswith("_")}
    assert {re.match(r"await desk\.(\w+)\(", call)[1] for call in shown if call.startswith("await desk")} == set(calls)  # pyright: ignore[reportOptionalSubscript]


def test_every_built_in_tool_stands_in_the_reference_with_its_arguments():
    page = (REFERENCE / "python.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `((?:person|agent|files)\.\w+)` \| ([^|]*) \|", page, flags=re.MULTILINE))
    specs = {**BUILT_IN, **{spec.name: spec for spec in FILES}}
    assert set(rows) == set(specs)
    for name, arguments in rows.items():
        assert set(re.findall(r"`(\w+)`", arguments)) == set(specs[name].parameters["properties"])  # pyright: ignore


def keys_of(function: str) -> set[str]:
    """The keys of the objects that a function of `app.views` makes."""
    tree = ast.parse((SRC / "app" / "views.py").read_text("utf-8"))
    made = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
    keys = [key for node in ast.walk(made) if isinstance(node, ast.Dict) for key in node.keys]
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


@pytest.mark.parametrize(
    ("function", "headings"),
    [
        ("run_view", ["A run:"]), ("head_view", ["A run:"]), ("effect_view", ["effects"]),
        ("run_line", ["A list of runs", "A run:"]),
        ("inbox_view", ["What waits for people"]), ("message_view", ["Messages", "What waits for people"]),
        ("account_view", ["The ledger"]),
    ],
)  # fmt: skip
def test_every_member_of_the_json_stands_in_the_reference(function: str, headings: list[str]):
    shown = set[str]().union(*(cells("json.md", under=heading) for heading in headings))
    text = (REFERENCE / "json.md").read_text("utf-8")
    missing = {key for key in keys_of(function) - shown if f"`{key}`" not in text}
    assert missing == set()
