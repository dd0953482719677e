"""Write the parts of the reference that the code itself knows: layers, commands, events, errors.

    make docs                      write them into the pages, between their markers
    make docs ARGS=--check         only say which pages are behind; exit code 1 if any is

A marked part begins with `<!-- generated: NAME -->` and ends with `<!-- end of NAME -->`; everything around it is
written by people.
"""

import argparse
import ast
import inspect
import json
import os
import re
import sys
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from deputy.app.rights import RIGHTS
from deputy.base.errors import DeputyError, UsageError
from deputy.cli.application import application
from deputy.domain import delivery, event
from deputy.domain.principal import ROLES
from deputy.web.api.document import document
from deputy.web.api.routes import ENDPOINTS

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "deputy"
DOCS = ROOT / "docs"
WIDTH = 100  #: columns for which the help of commands is set


# --- architecture: from the import contracts --------------------------------------------------------------------------


def contracts() -> list[dict[str, Any]]:
    """The import contracts, as import-linter checks them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return project["tool"]["importlinter"]["contracts"]


def contract(name: str) -> dict[str, Any]:
    return next(one for one in contracts() if one["id"] == name)


def members(layer: str) -> list[str]:
    """The modules of a layer: parentheses mean that a module may be missing, `|` that they ignore each other."""
    return [part.strip().strip("()") for part in layer.split("|")]


def exists(name: str, under: Path) -> bool:
    return (under / name).is_dir() or (under / f"{name}.py").is_file()


def boxes(layers: list[str], under: Path) -> str:
    """Layers as boxes, highest first; what is not written yet stands in parentheses."""
    rows = [[name if exists(name, under) else f"({name})" for name in members(layer)] for layer in layers]
    inner = max(sum(len(name) + 2 for name in row) + len(row) - 1 for row in rows)
    inner = max(inner, 46)
    cells = [spread(row, inner) for row in rows]
    lines: list[str] = []
    for place, row in enumerate(cells):
        above = cells[place - 1] if place else []
        lines.append(border(above, row, "┌┐" if place == 0 else "├┤"))
        lines.append("│" + "│".join(row) + "│")
    lines.append(border(cells[-1], [], "└┘"))
    return "\n".join(["```text", *lines, "```"])


def spread(row: list[str], inner: int) -> list[str]:
    """The names of a row, centred in cells that fill it."""
    room = inner - (len(row) - 1)
    widths = [room // len(row) + (place < room % len(row)) for place in range(len(row))]
    short = any(len(name) + 2 > width for name, width in zip(row, widths, strict=True))
    if short:
        widths = [len(name) + 2 for name in row]
        widths[-1] += room - sum(widths)
    return [name.center(width) for name, width in zip(row, widths, strict=True)]


def border(above: list[str], below: list[str], ends: str) -> str:
    """The line between two rows of cells."""
    inner = sum(map(len, above or below)) + len(above or below) - 1

    def walls(row: list[str]) -> set[int]:
        found, at = set[int](), -1
        for cell in row[:-1]:
            at += len(cell) + 1
            found.add(at)
        return found

    up, down = walls(above), walls(below)
    signs = {(True, True): "┼", (True, False): "┴", (False, True): "┬", (False, False): "─"}
    middle = "".join(signs[column in up, column in down] for column in range(inner))
    return ends[0] + middle + ends[1]


def layers() -> str:
    return boxes(contract("layers")["layers"], SRC)


def kernel() -> str:
    return boxes(contract("kernel")["layers"], SRC / "kernel")


def fences() -> str:
    """Every contract: its name, and what of the configuration says it."""
    lines = ["| contract | kind | what it says |", "|---|---|---|"]
    for one in contracts():
        lines.append(f"| `{one['id']}` | {one['type']} | {one['name']}. |")
    return "\n".join(lines)


def charter(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    match = re.match(r"(.+?[.!?])(?:\s|$)", first)
    return match[1] if match else first


SHOWN = ("kernel", "adapters", "ports")  #: the layers whose modules the page lists; the rest is found by its name


def modules() -> str:
    """What the modules of some layers are for, in their own words."""
    lines: list[str] = []
    for name in SHOWN:
        lines += ["", f"**`{name}`** — {charter(SRC / name / '__init__.py')}", "", "| module | what it is |"]
        lines += ["|---|---|", *(f"| `{module}` | {text} |" for module, text in parts(SRC / name))]
    return "\n".join(lines[1:])


def parts(folder: Path) -> Iterator[tuple[str, str]]:
    """The modules of a layer, two levels deep: an adapter is `tool.mcp_stdio`, whatever it consists of."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.name != "__init__.py":
            yield path.stem, charter(path)
        elif (path / "__init__.py").is_file():
            yield path.name, charter(path / "__init__.py")
            for inner in sorted(path.iterdir()):
                file = inner / "__init__.py" if inner.is_dir() else inner
                if file.is_file() and file.suffix == ".py" and inner.name != "__init__.py":
                    yield f"{path.name}.{inner.stem}", charter(file)


# --- commands: from their own help ------------------------------------------------------------------------------------


def commands() -> str:
    """Every command as its `--help` shows it."""
    os.environ["COLUMNS"] = str(WIDTH)
    root = typing.cast("Any", typer.main.get_command(application()))
    return "\n\n".join(pages(root, "deputy"))


def pages(command: Any, path: str) -> Iterator[str]:
    inner: dict[str, Any] = getattr(command, "commands", {})
    context = command.make_context(path, [], resilient_parsing=True, terminal_width=WIDTH)
    text = re.sub(r"[ \t]+$", "", context.get_help(), flags=re.MULTILINE).strip()
    yield f"### `{path}`\n\n```text\n{text}\n```"
    for name, one in inner.items():
        if not one.hidden:
            yield from pages(one, f"{path} {name}")


# --- events and errors: from their classes ----------------------------------------------------------------------------


def comments(path: Path) -> dict[tuple[str, str], str]:
    """What stands behind `#:` on the line of a class's field."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    found: dict[tuple[str, str], str] = {}
    for node in ast.walk(ast.parse(text)):
        for field in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found[node.name, field.target.id] = lines[field.lineno - 1].partition("#: ")[2]
    return found


def kind_of(hint: Any) -> str:
    """A type as a reader of JSON knows it."""
    if hint is type(None):
        return "null"
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind_of(one) for one in args if one is not type(None)))
    if origin is typing.Literal:
        return ", ".join(f"`{one}`" for one in args)
    if origin in (tuple, list):
        return f"list of {kind_of(args[0])}"
    if origin is dict:
        return "object"
    names = {
        "str": "text", "int": "whole number", "float": "number", "bool": "true or false", "datetime": "time",
        "object": "any JSON", "Call": "object", "Cost": "cost", "Fault": "object", "Label": "label", "Origin": "object",
        "Said": "object", "Usage": "object",
    }  # fmt: skip
    return names.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint)))


#: members that need no word in the code, for readers who do not have it before them
PLAIN = {
    "account": "the account of the ledger", "agent": "name of the agent", "amount": "how much more, as a cost",
    "answer": "what the run answered", "approvers": "who is asked, as entries", "at": "when",
    "attempt": "1, 2, …: how often this effect was begun", "blob": "digest of what is too large to stand here",
    "by": "principal who did it", "call": "the call: `tool`, `args`, `path`, `id`",
    "call_blob": "digest of the call, where it is large", "cls": "the effect's class", "cost": "what it cost",
    "deadline": "seconds that the attempt may take", "delivery": "what arrived",
    "digest": "what an approval is bound to", "driver": "who decides the next step", "due": "when",
    "error": "`code` and `message`", "expires": "when it counts as refused", "finish": "why the model stopped",
    "happened": "whether it happened", "hold": "the worst case that is reserved", "item": "id of the inbox item",
    "kind": "what is remembered", "label": "where it came from: `source`, `trust`, `paths`",
    "max_tokens": "the most tokens of the reply", "model": "as the server names it", "ms": "milliseconds it took",
    "n": "number of the effect", "need": "how much is needed, as a cost", "path": "place in a procedure",
    "reason": "why, in a sentence", "rehearsal": "whether a rehearsal played the model",
    "repeat": "what may be done when the outcome is lost", "result": "what came back",
    "route": "name of the model in deputy.toml", "row": "id of the inbox row", "rule": "the rule that decided",
    "said": "`text`, `reasoning` and `calls`", "state": "how the run ended", "status": "what came of it",
    "subject": "which agent; `*` is the whole workspace", "summary": "the summary", "task": "what the run is to do",
    "timer": "name of the timer", "trigger": "what started it", "unit": "what is short",
    "untrusted": "arguments that an outsider could have chosen", "upto": "how many messages",
    "usage": "tokens as the server counted them", "value": "the value", "verdict": "what policy answered",
    "version": "digest of the agent's version", "what": "what changed",
}  # fmt: skip


def events() -> str:
    """Every event: what it means, and its members."""
    told = comments(SRC / "domain" / "event.py")
    pages: list[str] = []
    for one in typing.get_args(event.Event):
        tag = one.__struct_config__.tag
        lines = [f"### `{tag}`", "", inspect.getdoc(one) or "", "", "| member | type | what it is |", "|---|---|---|"]
        for name, hint in typing.get_type_hints(one).items():
            if name in one.__struct_fields__ and name not in ("at", "v"):
                meaning = told.get((one.__name__, name)) or PLAIN[name]
                lines.append(f"| `{name}` | {kind_of(hint)} | {meaning} |")
        pages.append("\n".join(lines))
    return "\n\n".join(pages)


def deliveries() -> str:
    """What a `Received` can carry."""
    lines = ["| type | what arrived | members |", "|---|---|---|"]
    for one in typing.get_args(delivery.Delivery):
        fields = ", ".join(f"`{name}`" for name in one.__struct_fields__)
        lines.append(f"| `{one.__struct_config__.tag}` | {(inspect.getdoc(one) or '').splitlines()[0]} | {fields} |")
    return "\n".join(lines)


def errors() -> str:
    """The tree of errors with their codes."""
    lines = ["| code | error | what it means | exit code |", "|---|---|---|---|"]

    def walk(one: type[DeputyError], depth: int) -> None:
        usage = issubclass(one, UsageError)
        code = "2" if usage or one.code.startswith("store") else "1" if one is not DeputyError else ""
        said = (inspect.getdoc(one) or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"| `{one.code}` | {'&ensp;' * depth}`{one.__name__}` | {said} | {code} |")
        for child in sorted(one.__subclasses__(), key=lambda c: inspect.getsourcelines(c)[1]):
            if child.__module__ == "deputy.base.errors":
                walk(child, depth + 1)

    walk(DeputyError, 0)
    return "\n".join(lines)


# --- API: from the table of routes ------------------------------------------------------------------------------------


def routes() -> str:
    """Every route, with the roles that may, and what goes in and comes out."""
    lines = ["| route | what it does | roles | in | out |", "|---|---|---|---|---|"]
    for one in ENDPOINTS:
        roles = "all" if RIGHTS[one.action] == set(ROLES) else ", ".join(r for r in ROLES if r in RIGHTS[one.action])
        inward = (
            ", ".join(f"`{name}`" for name in (one.body or one.query).__struct_fields__)
            if (one.body or one.query)
            else ""
        )
        many = typing.get_args(one.answer)
        kind = (many[0] if many else one.answer).__name__
        outward = "lines of JSON" if kind == "str" else f"a list of {kind}" if many else kind
        lines.append(f"| `{one.method} {one.path}` | {one.summary} | {roles} | {inward} | {outward} |")
    return "\n".join(lines)


# --- pages ------------------------------------------------------------------------------------------------------------

PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "architecture.md": {"layers": layers, "kernel": kernel, "fences": fences, "modules": modules},
    "reference/commands.md": {"commands": commands},
    "reference/events.md": {"events": events, "deliveries": deliveries},
    "reference/errors.md": {"errors": errors},
    "reference/api.md": {"routes": routes},
}


def filled(page: str, text: str) -> str:
    """A page with its marked parts as the code says today."""
    for name, make in PAGES[page].items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"docs/{page} lacks the markers of `{name}`: put {begin} and {end} where it belongs.")
        text = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return text


def main() -> int:
    """Write the parts, or compare them."""
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; say which pages are behind")
    wanted = parser.parse_args()
    behind: list[str] = []
    for page in PAGES:
        path = DOCS / page
        old = path.read_text("utf-8")
        new = filled(page, old)
        if new != old:
            behind.append(page)
            if not wanted.check:
                path.write_text(new, "utf-8")
    openapi = DOCS / "reference" / "openapi.json"
    told = json.dumps(document(ENDPOINTS), indent=1, ensure_ascii=False) + "\n"
    if not openapi.exists() or openapi.read_text("utf-8") != told:
        behind.append("reference/openapi.json")
        if not wanted.check:
            openapi.write_text(told, "utf-8")
    if wanted.check and behind:
        print(f"Behind the code: {', '.join(behind)}. Run `make docs`.")
        return 1
    print("Every page is as the code says." if not behind else f"Written: {', '.join(behind)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
