"""Turn TOML and YAML text into documents: plain values with their lines, or one ConfigError.

YAML is read as JSON with indentation: only what JSON knows as a number, `true`, `false` or `null` is one, and
everything else is text (`no`, `2026-01-31`, `007`). No anchors, no tags, no second document, no repeated key.
"""

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import cast

import yaml

from deputy.app.config.document import Document, Where, cleaned, shown
from deputy.app.config.toml_lines import scan
from deputy.base.canonical import is_json
from deputy.base.errors import ConfigError

__all__ = ["parse_toml", "parse_yaml", "plain"]

_DEEPEST = 32
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?P<fraction>(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?)")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NO_CHARACTER = re.compile(r"\\U(?!00(?:0|10))")
_PLACE = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent is beyond all reason
        return Decimal("NaN")


def parse_toml(text: str, file: str) -> Document:
    """A TOML document with lines."""
    text = text.replace("\r\n", "\n")
    found = scan(text, file)
    try:
        value = tomllib.loads(text, parse_float=_decimal)
    except ValueError as error:
        if found.twice is not None:
            where, line = found.twice
            first = found.lines[where]
            name = ".".join(str(step) for step in where)
            message = f"`{cleaned(name)}` is given twice, first in line {first}."
            raise ConfigError(message, "Keep one of the two.", file=file, line=line) from None
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else found.stopped or 1
        reason = _PLACE.sub("", str(error)).replace("Illegal character '\\n'", "a text does not end on its line")
        message = f"This is not valid TOML: {reason[:1].lower()}{cleaned(reason[1:], 200)}."
        raise ConfigError(message, "Correct this line; text stands in quotes.", file=file, line=line) from None
    return Document(file=file, value=value, lines=found.lines, root=file, toml=True)


class _Frame:
    """A list or table that is still open."""

    def __init__(self, where: Where, value: "dict[str, object] | list[object]") -> None:
        self.where, self.value = where, value
        self.key: str | None = None


class _Builder:
    """Builds plain values from the events of a YAML parser, without recursion."""

    def __init__(self, file: str, first: int, root: str) -> None:
        self.file, self.first, self.root = file, first, root
        self.lines: dict[Where, int] = {}
        self.columns: dict[Where, int] = {}
        self.open: list[_Frame] = []
        self.value: object = None
        self.documents = 0

    def line(self, event: yaml.Event) -> int:
        return self.first + (event.start_mark.line if event.start_mark is not None else 0)

    def column(self, event: yaml.Event) -> int:
        return event.start_mark.column + 1 if event.start_mark is not None else 1

    def wrong(self, event: yaml.Event, message: str, remedy: str) -> ConfigError:
        return ConfigError(message, remedy, file=self.file, line=self.line(event), column=self.column(event))

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.AliasEvent():
                raise self.wrong(event, "YAML aliases are not allowed here.",
                                 "Write the value out, or put it in quotes if it is text.")  # fmt: skip
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self.wrong(event, "A second YAML document starts here.", "Keep one document.")
            case yaml.ScalarEvent() | yaml.CollectionStartEvent():
                self.refuse_marked(event)
                self.start(event)
            case yaml.CollectionEndEvent():
                self.open.pop()
            case _:
                pass

    def refuse_marked(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise self.wrong(event, "YAML anchors are not allowed here.",
                             "Write the value out where it is needed, or put it in quotes if it is text.")  # fmt: skip
        if event.tag is not None and event.tag != "!":
            raise self.wrong(event, "YAML tags are not allowed here.",
                             "Remove the tag, and put the value in quotes if it is text.")  # fmt: skip

    def start(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        frame = self.open[-1] if self.open else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            return self.name(frame, event)
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        else:
            value = cast("object", {} if isinstance(event, yaml.MappingStartEvent) else [])
        where: Where = ()
        if frame is None:
            self.value = value
            self.lines[()] = self.line(event)
        elif isinstance(frame.value, dict):
            assert frame.key is not None  # for the type checker: else this were its key
            where = (*frame.where, frame.key)
            frame.value[frame.key], frame.key = value, None
        else:
            where = (*frame.where, len(frame.value))
            frame.value.append(value)
            self.lines[where], self.columns[where] = self.line(event), self.column(event)
        if isinstance(value, dict | list):
            if len(self.open) == _DEEPEST:
                message = f"Values are nested more than {_DEEPEST} levels deep."
                raise self.wrong(event, message, "Make them flatter.")
            self.open.append(_Frame(where, cast("dict[str, object] | list[object]", value)))

    def name(self, frame: _Frame, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        key = self.scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(event, yaml.ScalarEvent) or not isinstance(key, str):
            found = f"not {shown(key)}" if isinstance(event, yaml.ScalarEvent) else "not a list or table"
            raise self.wrong(event, f"A key must be text, {found}.",
                             "Put it in quotes, and the whole value too if it starts with `{`.")  # fmt: skip
        where = (*frame.where, key)
        if where in self.lines:
            message = f"`{cleaned(key)}` is given twice, first in line {self.lines[where]}."
            raise self.wrong(event, message, "Keep one of the two.")
        self.lines[where], self.columns[where] = self.line(event), self.column(event)
        frame.key = key

    def scalar(self, event: yaml.ScalarEvent) -> object:
        text = str(event.value)
        if not event.implicit[0]:  # it stands in quotes
            if _CONTROL.search(text):
                raise self.wrong(event, "The text holds a control character.", "Remove it.")
            return text
        if text in _WORDS:
            return _WORDS[text]
        if (number := _NUMBER.fullmatch(text)) is None:
            return text
        if not number["fraction"]:
            return int(text)
        exact = Decimal(text)
        if exact and abs(exact.adjusted()) > 300:
            raise self.wrong(event, "The number is out of range.", "Put it in quotes if it is text.")
        return exact


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return yaml.parse(text, Loader=loader)


def parse_yaml(text: str, file: str, *, first: int = 1, root: str = "") -> Document:
    """A YAML document with lines; `first` is the line of the file on which this text starts."""
    if (control := _CONTROL.search(text)) is not None:
        line = text.count("\n", 0, control.start()) + first
        raise ConfigError("The text holds a control character.", "Remove it.", file=file, line=line)
    builder = _Builder(file, first, root or file)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        ends = error.problem_mark is None or error.problem_mark.index >= len(text.rstrip())
        mark = error.context_mark if ends and error.context_mark is not None else error.problem_mark
        reason = " ".join(filter(None, (error.problem, error.context)))
        remedy = "Correct this line; text with special characters stands in quotes."
        if error.context and "alias" in error.context:
            remedy = "Put text that starts with `*` in quotes."
        line = first + (min(mark.line, text.rstrip().count("\n")) if mark is not None else 0)
        column = mark.column + 1 if mark is not None else None
        message = f"This is not valid YAML: {cleaned(reason, 200)}."
        raise ConfigError(message, remedy, file=file, line=line, column=column) from None
    except (yaml.YAMLError, ValueError):  # the parser in Python has no place for an escape that names no character
        escape = _NO_CHARACTER.search(text)
        line = first + (text.count("\n", 0, escape.start()) if escape else 0)
        message = "This is not valid YAML: an escape names no character."
        raise ConfigError(message, "Correct the escape.", file=file, line=line) from None
    return Document(file=file, value=builder.value, lines=builder.lines, root=builder.root, columns=builder.columns)


def plain(value: object) -> object:
    """The same value with floats for exact decimals: of JSON's types alone, or None where that cannot be."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(member) for key, member in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [plain(member) for member in cast("list[object]", value)]
    return value if is_json(value) else None
