"""Templates of a rehearsal: Jinja2 in a sandbox, where a single expression keeps its type and text stays text.

The results a template reads come from tools, so it is bounded in what it may reach, how long it may loop and how
much it may yield; and it is deterministic, because a resumed run asks for the same reply again.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, cast

from jinja2 import StrictUndefined, TemplateError, TemplateRuntimeError, Undefined, nodes, pass_context
from jinja2 import Template as Compiled
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError

__all__ = ["MAX_TEXT", "Template", "TemplateFault"]

MAX_SOURCE = 20_000  #: characters of a template
MAX_TEXT = 1_000_000  #: characters that one template yields
MAX_TURNS = 10_000  #: turns of all its loops together
MAX_BITS = 4_096  #: of a power

_METER = " meter"  # no template can write these two names
_TURNS = " turns"
# What fails inside a template: the sandbox's own errors, and those of Python's operators on a tool's data.
_FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_ATTRIBUTES: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (Mapping, frozenset(("get", "items", "keys", "values"))),
    ((list, tuple), frozenset(("count", "index"))),
    (
        str,
        frozenset((
            "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit",
            "islower", "isnumeric", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
            "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
            "title", "upper",
        )),
    ),
    (
        LoopContext,
        frozenset((
            "changed", "cycle", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex",
            "revindex0",
        )),
    ),
)  # fmt: skip
# Of Jinja's filters: none that draws lots, pads, or writes HTML.
_FILTERS = (
    "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
_STATEMENTS = (nodes.Output, nodes.If, nodes.For)


class TemplateFault(DeputyError):
    """A template cannot be read, or not be filled with what there is."""

    code = "rehearsal_error"


class Template:
    """Text with expressions; `value` keeps the type of a single expression, `text` is always text."""

    __slots__ = ("_compiled", "_expression", "single", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.single = False  #: whether it is one expression and nothing else
        self._compiled: Compiled | None = None
        if not any(mark in source for mark in ("{{", "{%", "{#")):
            return
        if len(source) > MAX_SOURCE:
            raise TemplateFault(f"a template of {len(source)} characters is longer than {MAX_SOURCE}")
        try:
            self._compile(_environment())
        except (*_FAULTS, MemoryError, SyntaxError) as error:  # a deep one is too much for the compiler
            raise self._fault(error) from error

    @property
    def literal(self) -> bool:
        """Whether it is plain text without any expression."""
        return self._compiled is None

    def value(self, scene: Mapping[str, object]) -> object:
        """What it stands for: the value of a single expression, of JSON's types, or else text."""
        if self._compiled is None:
            return self.source
        if not self.single:
            return self._render(self._compiled, scene)
        try:
            context = self._compiled.new_context({**scene, _METER: _Meter()})
            for _ in self._compiled.root_render_func(context):
                pass
            return _plain(context.vars["value"])
        except _FAULTS as error:
            raise self._fault(error) from error

    def text(self, scene: Mapping[str, object]) -> str:
        """What it stands for, as text; what is no text is written as JSON."""
        value = self.value(scene)
        text = value if isinstance(value, str) else canonical(value).decode()
        if len(text) > MAX_TEXT:
            raise TemplateFault(f"{self._shown()} yields more than {MAX_TEXT} characters")
        return text

    def _compile(self, environment: "_Sandbox") -> None:
        tree = environment.parse(self.source)
        for statement in tree.find_all(nodes.Stmt):
            if not isinstance(statement, _STATEMENTS) or (isinstance(statement, nodes.For) and statement.recursive):
                raise TemplateRuntimeError("a template has expressions, `if` and plain `for`, and no other statement")
        match tree.body:
            case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
                self.single = True
                tree.body = [nodes.Assign(nodes.Name("value", "store"), expression, lineno=1)]
            case _:
                for loop in tree.find_all(nodes.For):
                    loop.iter = nodes.Filter(loop.iter, _TURNS, [], [], None, None, lineno=loop.lineno)
        tree.set_environment(environment)
        self._compiled = environment.from_string(tree)

    def _render(self, compiled: Compiled, scene: Mapping[str, object]) -> str:
        pieces: list[str] = []
        room = MAX_TEXT
        try:
            for piece in compiled.generate({**scene, _METER: _Meter()}):
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    raise TemplateRuntimeError(f"it yields more than {MAX_TEXT} characters")
        except _FAULTS as error:
            raise self._fault(error) from error
        return "".join(pieces)

    def _fault(self, error: Exception) -> TemplateFault:
        message = getattr(error, "message", None) or str(error) or type(error).__name__
        return TemplateFault(f"{self._shown()}: {message.removesuffix('.')}")

    def _shown(self) -> str:
        source = " ".join(self.source.split())
        return f"`{source if len(source) <= 120 else source[:119] + '…'}`"


class _Meter:
    """Counts the turns of all loops of one rendering."""

    def __init__(self) -> None:
        self.turns = 0

    def turn(self) -> None:
        self.turns += 1
        if self.turns > MAX_TURNS:
            raise TemplateRuntimeError(f"its loops turn more than {MAX_TURNS} times")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Names, attributes, filters and operators that a rehearsal may use; of an object, its data come first."""

    intercepted_binops = frozenset(("*", "**", "%"))

    def getattr(self, obj: object, attribute: str) -> object:
        if isinstance(obj, Mapping) and attribute in obj:
            return cast("Mapping[str, object]", obj)[attribute]
        if isinstance(obj, Undefined | Mapping) or _offered(obj, attribute):
            return super().getattr(obj, attribute)
        return self.unsafe_undefined(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        if isinstance(argument, str) and not isinstance(obj, Undefined | Mapping) and not _offered(obj, argument):
            return self.unsafe_undefined(obj, argument)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return _offered(obj, attr) and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TemplateRuntimeError(f"`{operator}` takes numbers, not {_kind(left)} and {_kind(right)}")
        if operator == "**" and isinstance(left, int) and left.bit_length() * abs(right) > MAX_BITS:
            raise TemplateRuntimeError("this power is too large")
        return super().call_binop(context, operator, left, right)


_environments: list[_Sandbox] = []


def _environment() -> _Sandbox:
    if not _environments:
        made = _Sandbox(undefined=StrictUndefined, finalize=_text, cache_size=0)
        names, filters = cast("dict[str, object]", made.globals), cast("dict[str, object]", made.filters)
        offered = {name: filters[name] for name in _FILTERS}
        names.clear()
        filters.clear()
        names["range"] = _range
        filters.update(offered, join=_join, replace=_replace, tojson=_tojson)
        filters[_TURNS] = _turns
        _environments.append(made)
    return _environments[0]


def _offered(obj: object, attribute: str) -> bool:
    return any(attribute in names for kind, names in _ATTRIBUTES if isinstance(obj, kind))


def _kind(value: object) -> str:
    return f"`{type(value).__name__}`"


def _plain(value: object) -> object:
    """A value as JSON's own types; raises for what JSON cannot carry."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is undefined
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        if all(isinstance(key, str) for key in members):
            return {str(key): _plain(member) for key, member in members.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in cast("list[object]", value)]
    kind = _kind(cast(object, value))
    raise TemplateRuntimeError(f"it gives {kind}, which JSON cannot carry; a filter such as `list` may help")


def _text(value: object) -> str:
    """How a value is written inside text: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else canonical(_plain(value)).decode()


def _tojson(value: object) -> str:
    return canonical(_plain(value)).decode()


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > MAX_TURNS:
        raise TemplateRuntimeError(f"a range of more than {MAX_TURNS} numbers")
    return found


@pass_context
def _turns(context: Context, items: Iterable[object]) -> Iterator[object]:
    meter = cast(_Meter, context[_METER])
    for item in items:
        meter.turn()
        yield item


def _join(items: Iterable[object], between: object = "") -> str:
    parts, glue = [_text(item) for item in items], _text(between)
    return _bounded(sum(map(len, parts)) + len(glue) * len(parts)) and glue.join(parts)


def _replace(text: object, old: str, new: str) -> str:
    subject = _text(text)
    return _bounded(len(subject) + subject.count(old) * len(new)) and subject.replace(old, new)


def _bounded(size: int) -> Literal[True]:
    if size > MAX_TEXT:
        raise TemplateRuntimeError(f"it makes text of more than {MAX_TEXT} characters")
    return True
