"""Equal effects are found as a look through all of them would find them."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from deputy.domain.effect import Call
from deputy.domain.likeness import Likeness

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, 2.5]) | st.sampled_from(["", "1", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
ARGS = st.dictionaries(st.sampled_from(["iban", "amount", "note"]), VALUES, max_size=3)
CALLS = st.tuples(st.sampled_from(["pay", "book"]), ARGS)
AUTHORITY = st.sampled_from([(), ("iban",), ("iban", "amount")])


class Made(NamedTuple):
    n: int
    call: Call


def the_same(tool: str, authority: tuple[str, ...], args: dict[str, Any], made: Made) -> bool:
    if made.call.tool != tool:
        return False
    return all(made.call.args.get(a) == args.get(a) for a in authority) if authority else made.call.args == args


@given(st.lists(st.tuples(CALLS, AUTHORITY), max_size=8))
def test_equal_effects_are_found_however_the_run_grew(story: list[tuple[tuple[str, dict[str, Any]], tuple[str, ...]]]):
    likeness, effects = Likeness(), dict[int, Made]()
    for n, ((tool, args), authority) in enumerate(story, start=1):
        expected = {made.n for made in effects.values() if the_same(tool, authority, args, made)}
        assert set(likeness.of(effects, tool, authority, args)) == expected
        effects[n] = Made(n, Call(tool, args))
        assert set(likeness.of(effects, tool, authority, args)) == expected | {n}


def test_an_amount_written_with_a_point_is_the_same_amount():
    effects = {1: Made(1, Call("pay", {"amount": 100}))}
    assert list(Likeness().of(effects, "pay", ("amount",), {"amount": 100.0})) == [1]
    assert list(Likeness().of(effects, "pay", ("amount",), {"amount": "100"})) == []
