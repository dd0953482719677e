"""Procedures over a real store: code that runs again from the top and repeats nothing."""

import asyncio
from pathlib import Path

from tests.kernel.bench_of import agent, answer, asked, bench, state

from deputy.domain.effect import Done, Failed, Intent, Result, Unknown
from deputy.kernel.desk import Denied, Desk, ToolFailed

CLERK = agent(driver="procedure")


def test_a_procedure_that_waits_runs_again_and_repeats_nothing(tmp_path: Path) -> None:
    starts: list[str] = []

    async def procedure(task: str, desk: Desk) -> str:
        starts.append(task)
        now, chance = await desk.now(), await desk.random()
        first = await desk.call("look", id=1)
        paid = await desk.call("pay", amount=7)
        word = await desk.ask_person("Which word?", to="lin")
        await desk.note("nearly there")
        return f"{first['ok']} {paid['ok']} {word} {now.isoformat()} {chance}"

    async def main() -> None:
        async with bench(tmp_path, agents=[CLERK], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk", "the task")
            await work.work()
            await answer(work, (await asked(work, "approval"))[0][0], True)
            await work.work()
            await answer(work, (await asked(work, "question"))[0][0], "blue")
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.answer.startswith("True True blue ")
            assert [name for name, _, _ in work.tools.calls] == ["look", "pay"]
            assert starts == ["the task"] * 3
            notes = {note.kind: note.value for note in found.notes.values()}
            assert found.ended.answer == f"True True blue {notes['now']} {notes['random']}"

    asyncio.run(main())


def test_branches_together_wait_for_themselves_alone(tmp_path: Path) -> None:
    async def pay(desk: Desk, amount: int) -> str:
        await desk.call("save", id=amount)
        try:
            await desk.call("pay", amount=amount)
        except Denied as exc:
            return f"{amount} denied: {exc.reason}"
        return f"{amount} paid"

    async def procedure(_: str, desk: Desk) -> str:
        return "; ".join(await desk.together(*(pay(desk, amount) for amount in (1, 2, 3))))

    async def main() -> None:
        async with bench(tmp_path, agents=[CLERK], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk")
            await work.work()
            items = {int(str(shown.args["amount"])): item for item, shown in await asked(work)}
            assert sorted(items) == [1, 2, 3]
            await answer(work, items[2], True)
            await work.work()
            assert [a for n, _, a in work.tools.calls if n == "pay"] == [{"amount": 2}]
            await answer(work, items[1], False)
            await answer(work, items[3], True)
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.answer == "1 denied: no; 2 paid; 3 paid"
            assert work.tools.count("save") == 3

    asyncio.run(main())


def test_an_uncaught_denial_and_an_uncaught_failure_end_the_run_with_their_codes(tmp_path: Path) -> None:
    async def denied(_: str, desk: Desk) -> str:
        return await desk.call("nothing_grants_this")

    async def failing(_: str, desk: Desk) -> str:
        await desk.call("save", id=1)
        return ""

    async def broken(_: str, desk: Desk) -> str:
        raise ValueError("the code is wrong")

    async def main() -> None:
        agents = [agent(name, driver="procedure") for name in ("denied", "failing", "broken")]
        procedures = {"denied": denied, "failing": failing, "broken": broken}
        async with bench(tmp_path, agents=agents, procedures=procedures) as work:

            async def no(_: Intent) -> Result:
                return Failed("tool_error", "the disk is full")

            work.tools.answer = no
            runs = {name: await work.start(name) for name in procedures}
            await work.work()
            errors = {}
            for name, run in runs.items():
                ended = (await state(work, run)).ended
                assert ended is not None
                assert ended.error is not None
                errors[name] = (ended.error.code, ended.error.message)
            assert errors["denied"][0] == "unknown_tool"
            assert errors["failing"] == ("tool_error", "save: the disk is full")
            assert errors["broken"][0] == "procedure_error"
            assert "test_procedure.py" in errors["broken"][1]

    asyncio.run(main())


def test_code_that_no_longer_matches_its_journal_is_an_error_that_names_the_version(tmp_path: Path) -> None:
    amounts = [7, 8]

    async def procedure(_: str, desk: Desk) -> str:
        await desk.call("save", id=amounts.pop(0))
        return await desk.ask_person("Go on?")

    async def main() -> None:
        async with bench(tmp_path, agents=[CLERK], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk")
            await work.work()
            await answer(work, (await asked(work))[0][0], "yes", by="wei")
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert ended.error is not None
            assert ended.error.code == "procedure"
            assert "000000000000" in ended.error.message
            assert work.tools.count("save") == 1

    asyncio.run(main())


def test_a_stray_task_and_a_desk_in_a_finally_are_errors(tmp_path: Path) -> None:
    async def stray(_: str, desk: Desk) -> str:
        return await asyncio.create_task(desk.call("look"))

    async def clinging(_: str, desk: Desk) -> str:
        try:
            await desk.call("pay", amount=1)
        finally:
            await desk.call("save", id=1)
        return ""

    async def swallowing(_: str, desk: Desk) -> str:
        try:
            await desk.call("pay", amount=1)
        except BaseException:  # noqa: BLE001 - what a careless author writes
            return "went on"
        return ""

    async def main() -> None:
        names = {"stray": stray, "clinging": clinging, "swallowing": swallowing}
        agents = [agent(name, driver="procedure") for name in names]
        async with bench(tmp_path, agents=agents, procedures=names) as work:
            for name in names:
                run = await work.start(name)
                await work.work()
                ended = (await state(work, run)).ended
                assert ended is not None, name
                assert ended.error is not None, name
                assert ended.error.code == "procedure", name
            assert work.tools.calls == []

    asyncio.run(main())


def test_a_sleep_survives_and_ends(tmp_path: Path) -> None:
    async def procedure(_: str, desk: Desk) -> str:
        await desk.sleep(0.2)
        return "awake"

    async def main() -> None:
        async with bench(tmp_path, agents=[CLERK], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk")
            await work.work()
            row = await work.store.run(run)
            assert row is not None
            assert (row.state, row.summary) == ("waiting", "timer")
            await asyncio.sleep(0.25)
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert ended.answer == "awake"

    asyncio.run(main())


def test_a_tool_that_never_answers_fails_after_a_bounded_number_of_attempts(tmp_path: Path) -> None:
    async def procedure(_: str, desk: Desk) -> str:
        try:
            await desk.call("look")
        except ToolFailed as exc:
            return exc.code
        return "answered"

    async def main() -> None:
        async with bench(tmp_path, agents=[CLERK], procedures={"clerk": procedure}) as work:

            async def silence(_: Intent) -> Result:
                return Unknown("no answer")

            work.tools.answer = silence
            run = await work.start("clerk")
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert ended.answer == "no_answer"

    asyncio.run(main())


def test_a_child_run_is_created_once_and_its_answer_comes_back(tmp_path: Path) -> None:
    async def parent(_: str, desk: Desk) -> str:
        return await desk.spawn("child", "count")

    async def child(task: str, desk: Desk) -> str:
        await desk.call("save", id=1)
        return f"{task}ed"

    async def main() -> None:
        agents = [agent("parent", driver="procedure"), agent("child", driver="procedure")]
        async with bench(tmp_path, agents=agents, procedures={"parent": parent, "child": child}) as work:

            async def saved(_: Intent) -> Result:
                return Done("ok")

            work.tools.answer = saved
            run = await work.start("parent")
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert ended.answer == "counted"
            assert len(await work.store.runs()) == 2

    asyncio.run(main())
