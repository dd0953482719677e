"""Where the arguments of a call come from: found in one look at what the run has seen."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deputy.domain.effect import Call
from deputy.domain.effect_state import Effect
from deputy.domain.event import Started
from deputy.domain.label import UNTRUSTED, Label, Origin
from deputy.domain.run import Run
from deputy.kernel import flow


def test_what_a_run_has_seen_is_looked_through_once_however_many_arguments_a_call_has(monkeypatch: pytest.MonkeyPatch):
    looked: list[object] = []

    def leaves(value: object, label: Label) -> Iterator[object]:
        looked.append(value)
        yield value

    monkeypatch.setattr(flow, "untrusted_leaves", leaves)
    run = Run("r", str.encode)
    run.started = Started(
        at=datetime.now(UTC), agent="clerk", version="0" * 64, driver="loop", on_behalf_of="wei", by="person:wei"
    )
    for n in (1, 2):
        run.effects[n] = Effect(n, "tool", Call(f"look{n}"), status="done", result=f"value {n}", label=UNTRUSTED)
    args: dict[str, object] = {f"a{n}": "value 2" for n in range(500)}
    assert flow.origins(run, 3, args) == tuple(Origin(name, "look2") for name in args)
    assert looked == ["value 1", "value 2"]
