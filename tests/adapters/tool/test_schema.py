"""Checking arguments: one sentence for a model to correct, and nothing a stranger's schema can do to us."""

import time
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest

from deputy.adapters.wire.schema import Validator, compile_schema
from deputy.base.errors import ConfigError

LINE = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "minimum": 0},
        "to": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "line": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/line"}]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 2},
        "iban": {"type": "string", "pattern": "^[A-Z]{2}(?!00)"},
        "how": {"enum": ["fast", "slow"]},
    },
    "required": ["amount"],
    "additionalProperties": False,
    "$defs": {"line": LINE},
}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({}, "`amount` is missing."),
        ({"amount": "1"}, "`amount` must be a number."),
        ({"amount": -1}, "`amount` is less than the minimum of 0."),
        ({"amount": 1, "to": 5}, "`to` must be a string or null."),
        ({"amount": 1, "line": 5}, "`line` must be null or an object."),
        ({"amount": 1, "line": {}}, "`line.text` is missing."),
        ({"amount": 1, "lines": [{"text": "a"}, {"text": 1}]}, "`lines[1].text` must be a string."),
        ({"amount": 1, "lines": [{"text": "a"}] * 3}, "`lines` has more than 2 items."),
        ({"amount": 1, "iban": "DE00"}, '`iban` does not match "^[A-Z]{2}(?!00)".'),
        ({"amount": 1, "how": "never"}, '`how` is not one of "fast" or "slow".'),
        ({"amount": 1, "extra": 1}, "`extra` is not known here."),
        ({"amount": True}, "`amount` must be a number."),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_place(args: dict[str, object], says: str):
    assert Validator(SCHEMA).problem(args) == says


def test_what_is_right_is_no_problem():
    check = compile_schema(SCHEMA)
    assert check({"amount": 1, "to": None, "line": {"text": "x", "more": 1}, "iban": "DE12"}) is None
    assert check(MappingProxyType({"amount": 1.5})) is None


def test_a_sentence_stays_short_whatever_the_arguments():
    check = compile_schema(SCHEMA)
    for args in ({"amount": "x" * 100_000}, {"amount": 1, "k" * 100_000: 1}, {"amount": 1, "how": ["x" * 100_000]}):
        problem = check(args)
        assert problem is not None
        assert len(problem) <= 300


def test_arguments_that_are_no_json_are_a_problem_and_no_crash():
    check = compile_schema({"properties": {"a": {"type": "string"}}, "additionalProperties": False})
    for args in ({"a": object()}, {1: 2}):
        assert str(check(args)).startswith("The arguments are not JSON")  # pyright: ignore


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"properties": {"a": {"pattern": "("}}},
        {"$ref": "#/$defs/nobody"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "other.json"}}},
        {"$schema": "http://127.0.0.1:1/meta"},
        {"properties": {"a": {"$id": "x", "type": "string"}}},
        {"default": object()},
        {"default": float("nan")},
        {"enum": ["x" * 1_000_000]},
    ],
)
def test_a_schema_that_is_none_or_leads_elsewhere_is_refused(schema: dict[str, object]):
    with pytest.raises(ConfigError, match="JSON Schema") as caught:
        Validator(schema)
    assert len(caught.value.message) < 600
    assert caught.value.remedy


def nested(depth: int, leaf: object = None) -> Any:
    value: Any = leaf or {}
    for _ in range(depth):
        value = {"a": value}
    return value


def test_deep_schemas_and_arguments_end_nobody():
    for depth in (300, 20_000):
        schema: Any = {"type": "object"}
        for _ in range(depth):
            schema = {"properties": {"a": schema}}
        with pytest.raises(ConfigError):
            Validator(schema)
    recursive = Validator({"type": "object", "properties": {"a": {"$ref": "#"}}})
    assert recursive.problem(nested(90)) is None
    for depth in (200, 100_000):
        assert recursive.problem(nested(depth)) == "The arguments are nested more than 100 levels deep."
    assert Validator({"$ref": "#"}).problem({}) is None


def test_of_arguments_that_are_too_many_none_is_looked_at():
    class Watched(list[object]):
        looked = 0

        def __iter__(self) -> Iterator[object]:
            Watched.looked += 1
            return super().__iter__()

    many = Watched([0] * 2_000_000)
    assert Validator({"type": "object"}).problem({"all": many}) == "The arguments are of more than 100,000 values."
    assert Watched.looked == 0


def test_references_and_patterns_that_run_away_are_bounded():
    doubling = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    began = time.monotonic()
    with pytest.raises(ConfigError, match="multiply"):
        Validator({"$defs": doubling | {"d40": {"type": "object"}}, "$ref": "#/$defs/d0"})
    for pattern in ("^(a+)+$", "(?<=a)(a|a)*b(?=c)", "^(?=(a+)+$)b", r"(a*)*\1$"):
        check = Validator({"properties": {"a": {"type": "string", "pattern": pattern}}})
        check.problem({"a": "a" * 100_000 + "!"})
    assert time.monotonic() - began < 5
