"""The last look before something is sent, and the end of a wait for who never answers."""

import asyncio
from pathlib import Path

import pytest
from tests.kernel.bench_of import agent, bench, scripted

from deputy.base.clock import SystemClock
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, Unknown
from deputy.kernel import execute
from deputy.kernel.execute import Executor
from deputy.testing.fakes import CountingTools, calls, says


class Later(SystemClock):
    """A clock by which every lease ran out."""

    def boot(self) -> float:
        return super().boot() + 1_000


class Silent(CountingTools):
    """A host whose tools never answer and whose attempts never end."""

    async def invoke(self, intent: Intent) -> Result:
        await asyncio.Event().wait()
        return Done(None)

    async def quiesce(self, key: str) -> None:
        await asyncio.Event().wait()


async def an_intent(folder: Path) -> Intent:
    """An intent as the gate makes one."""
    seen: list[Intent] = []
    async with bench(folder, scripted(calls(("save", "{}")), says("done")), agents=[agent()]) as work:

        async def keep(intent: Intent) -> Result:
            seen.append(intent)
            return Done("saved")

        work.tools.answer = keep
        await work.work(await work.start("clerk"))
    return seen[0]


def test_nothing_is_sent_once_the_lease_ran_out(tmp_path: Path):
    async def main() -> None:
        host = CountingTools(())
        executor = Executor(Later(), model_for=lambda _: None, tool_for=lambda _version, _name: host)
        result = await executor(await an_intent(tmp_path))
        assert isinstance(result, Failed)
        assert (result.code, result.retry) == (NOT_SENT, True)
        assert host.calls == []

    asyncio.run(main())


def test_a_tool_that_nobody_hosts_fails_and_is_quiet(tmp_path: Path):
    async def main() -> None:
        executor = Executor(SystemClock(), model_for=lambda _: None, tool_for=lambda _version, _name: None)
        intent = await an_intent(tmp_path)
        assert await executor(intent) == Failed("unknown_tool", "There is no tool `save`.")
        assert await executor.quiesce(intent.version, "save", intent.key, 1.0)

    asyncio.run(main())


def test_who_does_not_keep_a_deadline_is_left_and_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(execute, "GRACE", 0.0)

    async def main() -> None:
        executor = Executor(SystemClock(), model_for=lambda _: None, tool_for=lambda _version, _name: Silent(()))
        intent = await an_intent(tmp_path)
        intent.deadline = 0.01
        assert await executor(intent) == Unknown("It did not end by its deadline.")
        assert not await executor.quiesce(intent.version, "save", intent.key, 0.01)

    asyncio.run(main())
