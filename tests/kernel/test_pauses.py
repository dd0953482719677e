"""How long the gate waits before it asks a model again."""

import asyncio
from pathlib import Path

import pytest
from tests.kernel.bench_of import PAY, READ, WRITE, agent, state

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.effect import Failed
from deputy.kernel import turns
from deputy.kernel.gate import LONGEST_PAUSE
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel, says


class Noting(SystemClock):
    """A clock whose long pauses pass at once, and are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: list[float] = []

    async def sleep(self, seconds: float) -> None:
        if seconds > 5:
            self.paused.append(seconds)
            seconds = 0.0
        await super().sleep(seconds)


def test_a_wait_that_a_server_asks_for_is_kept_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_CLOSED", 0.05)  # the line before the model stays closed by the real clock

    async def main() -> None:
        clock = Noting()
        store = SqliteStore.open(tmp_path / "deputy.db", clock)
        later = (Failed("model_rate_limited", "later", retry=True, wait=wait) for wait in (7.0, 10_000.0))
        answers = iter([*later, says("done")])
        model = StubModel(lambda _: next(answers))
        work = Workbench(store, clock, agents=[agent()], tools=CountingTools((READ, WRITE, PAY)), model=model)
        run = await work.start("clerk")
        await work.work()
        ended = (await state(work, run)).ended
        await store.close()
        assert ended is not None and ended.answer == "done"
        assert [pause for pause in clock.paused if pause in (7.0, LONGEST_PAUSE)] == [7.0, LONGEST_PAUSE]
        assert max(clock.paused) == LONGEST_PAUSE

    asyncio.run(main())
