"""No module, function or signature outgrows a reader; what does is named here with a reason, and may only shrink."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"

# What is measured, as "path", "path:function" or "path:function()" for parameters: (its size today, why it may be so).
EXCEPTIONS: dict[str, tuple[int, str]] = {
    "deputy/domain/declaration.py:tool()": (9, "each is a keyword of the public decorator, as users read it"),
}


def oversized(text: str, where: str) -> dict[str, int]:
    """Everything in a module that is over its ceiling: 400 lines a module, 60 a function, 7 parameters."""
    found = {where: len(text.splitlines())} if len(text.splitlines()) > 400 else {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            parameters = len([name for name in names if name not in ("self", "cls")])
            found |= {f"{where}:{node.name}": lines} if lines > 60 else {}
            found |= {f"{where}:{node.name}()": parameters} if parameters > 7 else {}
    return found


def test_nothing_is_larger_than_a_reader_can_hold():
    modules = {path.relative_to(SRC).as_posix(): path.read_text() for path in SRC.rglob("*.py")}
    found = {name: size for where, text in modules.items() for name, size in oversized(text, where).items()}
    assert found == {name: size for name, (size, _) in EXCEPTIONS.items()}, "split it; an exception may only shrink"


def test_what_is_too_large_is_found():
    body = "    pass\n" * 60
    assert oversized("x = 1\n" * 401, "m") == {"m": 401}
    assert oversized(f"class C:\n  async def f(self):\n{body}", "m") == {"m:f": 61}
    assert oversized("def f(a, b, c, d, /, e, f, *, g, h): ...", "m") == {"m:f()": 8}
    assert oversized("def f(self, a, b, c, d, e, f, *, g): ...", "m") == {}
