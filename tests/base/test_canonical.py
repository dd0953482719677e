"""What may be stored, and the one way it is written."""

import math
from types import MappingProxyType

import msgspec
import pytest

from deputy.base.canonical import canonical, decode, is_json

JSON: list[object] = [
    None,
    True,
    1,
    -0.5,
    "é\U0001f600\x00",
    [],
    {},
    [[1, {"a": None}]],
    (1, 2),
    MappingProxyType({"a": [1]}),
]
NOT: list[object] = [
    math.nan, math.inf, [-math.inf], "\ud800", ["a\udfff"], {"\ud800": 1}, {1: 2}, {"a": {2: 3}}, b"x", object(), 1j,
]  # fmt: skip


@pytest.mark.parametrize("value", JSON)
def test_values_of_jsons_types_can_be_stored_and_come_back(value: object):
    assert is_json(value)
    if not isinstance(value, MappingProxyType | tuple):
        assert decode(canonical(value)) == value


@pytest.mark.parametrize("value", NOT)
def test_nothing_else_can(value: object):
    assert not is_json(value)


def test_equal_values_have_equal_bytes_in_whatever_order_they_were_made():
    assert canonical({"b": 1, "a": {"d": [2], "c": "é"}}) == canonical({"a": {"c": "é", "d": [2]}, "b": 1})
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    with pytest.raises(msgspec.DecodeError):
        decode(b"{")
