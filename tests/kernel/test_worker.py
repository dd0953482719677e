"""Workers: they stop between effects, take over from the dead, and let one broken run be one broken run."""

import asyncio
import gc
from pathlib import Path
from typing import Any, cast

from tests.kernel.bench_of import agent, answer, asked, bench, scripted, state

from deputy.base.errors import ConfigError
from deputy.domain.chain import link
from deputy.domain.delivery import Cancel, InboxRow
from deputy.domain.effect import Done, Intent, Result, Unknown
from deputy.domain.event import Workspace
from deputy.domain.stow import stow
from deputy.kernel.desk import Desk
from deputy.kernel.journal import Journal
from deputy.kernel.recovery import Pinned
from deputy.ports.store import Row
from deputy.testing.fakes import calls, says


def test_a_worker_that_is_told_to_stop_begins_nothing_new(tmp_path: Path) -> None:
    async def procedure(_: str, desk: Desk) -> str:
        for n in range(6):
            await desk.call("save", id=n)
        return "all saved"

    async def main() -> None:
        async with bench(tmp_path, agents=[agent(driver="procedure")], procedures={"clerk": procedure}) as work:
            worker = work.worker()

            async def save(_: Intent) -> Result:
                if len(work.tools.calls) == 2:
                    worker.stop()
                return Done("saved")

            work.tools.answer = save
            run = await work.start("clerk")
            await worker.run()
            assert work.tools.count("save") == 2
            row = await work.store.run(run)
            assert row is not None
            assert row.state == "ready"
            await work.work()
            assert work.tools.count("save") == 6
            assert (await state(work, run)).ended is not None

    asyncio.run(main())


def test_a_new_run_whose_version_cannot_be_had_fails_and_tells_its_parent(tmp_path: Path) -> None:
    async def parent(_: str, desk: Desk) -> str:
        try:
            return await desk.spawn("child", "help")
        except Exception as exc:  # noqa: BLE001 - to see what a procedure sees
            return str(exc)

    async def main() -> None:
        agents = [agent("parent", driver="procedure"), agent("child")]
        async with bench(tmp_path, agents=agents, procedures={"parent": parent}) as work:
            pin = work.recovery._pin  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

            async def broken(name: str, version: str) -> Pinned:
                if name == "child":
                    raise ConfigError("no such module", file="tools/x.py", line=1)
                return await pin(name, version)

            work.recovery._pin = broken  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            run = await work.start("parent")
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert "tools/x.py:1: no such module" in ended.answer

    asyncio.run(main())


def test_a_defect_in_one_run_holds_that_run_until_a_worker_starts_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, scripted(says("fine")), agents=[agent(), agent("other")]) as work:
            routes = [0]

            def broken_once(name: str) -> object:
                routes[0] += 1
                if routes[0] == 1:
                    raise ZeroDivisionError
                return work.route

            work.recovery._rules = work.rules._replace(route=cast("Any", broken_once))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            first, second = await work.start("clerk"), await work.start("other")
            await work.worker().run(until_idle=True)
            assert [type(c) for c in work.crashes] == [ZeroDivisionError]
            states = {run: (await work.store.run(run)) for run in (first, second)}
            assert sorted(row.state for row in states.values() if row) == ["done", "waiting"]
            work.crashes.clear()
            await work.work()
            assert {row.state for row in await work.store.runs()} == {"done"}

    asyncio.run(main())


def test_a_cancelled_run_ends_only_when_it_is_known_what_came_of_its_payment(tmp_path: Path) -> None:
    async def lost(_: Intent) -> Result:
        return Unknown("the line was cut")

    async def main() -> None:
        async with bench(tmp_path, scripted(calls(("pay", '{"amount": 7}')), says("ok"))) as work:
            work.tools.answer = lost
            run = await work.start("clerk")
            await work.work()
            await answer(work, (await asked(work))[0][0], True)
            await work.work()
            stop = Cancel("enough")
            row = InboxRow(id=f"cancel:{run}", run=run, by="person:wei", at=work.clock.now(), delivery=stop)
            await work.store.deliver(row)
            await work.work()
            found = await work.store.run(run)
            assert found is not None
            assert (found.state, found.summary) == ("waiting", "in_doubt")
            await answer(work, (await asked(work))[0][0], False)
            await work.work()
            found = await work.store.run(run)
            assert found is not None
            assert found.state == "cancelled"
            assert work.tools.count("pay") == 1

    asyncio.run(main())


def test_a_frozen_agent_does_nothing_until_it_is_thawed(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, scripted(calls(("save", "{}")), says("ok"))) as work:

            async def freeze(on: bool) -> None:
                what = "frozen" if on else "thawed"
                body, _ = stow(Workspace(at=work.clock.now(), what=what, by="person:wei", subject="clerk"))
                await work.store.note(
                    lambda seq, last: Row(seq, link(last, "workspace", seq, body), body), ("clerk", on)
                )

            await freeze(True)
            run = await work.start("clerk")
            await work.work()
            assert work.tools.calls == []
            row = await work.store.run(run)
            assert row is not None
            assert (row.state, row.summary) == ("waiting", "frozen")
            await freeze(False)
            await work.work()
            row = await work.store.run(run)
            assert row is not None
            assert row.state == "done"

    asyncio.run(main())


def test_what_belonged_to_a_run_is_free_when_it_leaves_without_the_collector(tmp_path: Path) -> None:
    def kept() -> list[Journal]:
        return [each for each in gc.get_objects() if type(each) is Journal]

    async def main() -> None:
        async with bench(tmp_path, scripted(calls(("look", "{}")), says("done")), agents=[agent()]) as work:

            async def forgetful(_: Intent) -> Result:
                work.tools.calls.clear()  # the stand-in remembers its calls, and with them for whom they are
                return Done("seen")

            work.tools.answer = forgetful
            run = await work.start("clerk")
            gc.collect()
            gc.disable()
            try:
                before = len(kept())
                await work.work(run)
                assert len(kept()) == before
            finally:
                gc.enable()

    asyncio.run(main())
