"""Work counts as done when the system of record says so, and not before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.bench_of import PAY, READ, WRITE, agent, bench, scripted, state

from deputy.domain.agent import Agent, Check
from deputy.domain.effect import Done, Failed, Intent, Result, ToolRequest
from deputy.domain.run import Run
from deputy.kernel.desk import Desk
from deputy.kernel.proof import TRIES, missing
from deputy.testing.bench import Workbench
from deputy.testing.fakes import calls, says

PAID = Check(tool="look", args={"id": "INV-7"}, expect={"status": "paid"}, says="The invoice is paid")


def checking(*checks: Check, **changes: Any) -> Agent:
    return agent(done=checks or (PAID,), **changes)


def record(work: Workbench, *results: Result) -> None:
    """What the system of record says, read by read; the last again and again."""
    left = list(results)

    async def answer(intent: Intent) -> Result:
        assert isinstance(intent.request, ToolRequest)
        if intent.request.spec.name != "look":
            return Done({"ok": True})
        return left.pop(0) if len(left) > 1 else left[0]

    work.tools.answer = answer


async def end_of(work: Workbench, run: str) -> Run:
    await work.work()
    return await state(work, run)


def test_a_run_whose_work_is_done_is_done_and_shows_what_was_read(tmp_path: Path):
    async def scenario() -> None:
        async with bench(tmp_path, scripted(says("Paid.")), agents=[checking()]) as work:
            record(work, Done({"status": "paid"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and (run.ended.state, run.ended.answer) == ("done", "Paid.")
            (check,) = [e for e in run.effects.values() if e.call.path.startswith("done/")]
            assert (check.call.tool, check.call.args, check.result) == ("look", {"id": "INV-7"}, {"status": "paid"})

    asyncio.run(scenario())


def test_a_model_that_is_not_done_is_told_what_is_missing_and_goes_on(tmp_path: Path):
    async def scenario() -> None:
        model = scripted(says("Paid."), calls(("save", "{}")), says("Now it is."))
        async with bench(tmp_path, model, agents=[checking()]) as work:
            record(work, Done({"status": "open"}), Done({"status": "paid"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and (run.ended.state, run.ended.answer) == ("done", "Now it is.")
            told = model.asked[1].messages[-1].text
            assert 'The invoice is paid: `status` must be "paid", and is "open".' in told
            assert work.tools.count("save") == 1 and work.tools.count("look") == 2

    asyncio.run(scenario())


def test_a_model_that_only_says_so_fails_in_words_that_a_clerk_understands(tmp_path: Path):
    async def scenario() -> None:
        model = scripted(*(says(f"Done, really {n}.") for n in range(9)))
        async with bench(tmp_path, model, agents=[checking()]) as work:
            record(work, Done({"status": "open"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.state == "failed" and run.ended.error is not None
            assert run.ended.error.code == "not_done"
            assert run.ended.error.message == (
                'It says that it is done, and it is not. The invoice is paid: `status` must be "paid", and is "open".'
            )
            assert len(model.asked) == TRIES and work.tools.count("look") == TRIES

    asyncio.run(scenario())


def test_what_cannot_be_read_proves_nothing(tmp_path: Path):
    async def scenario() -> None:
        model = scripted(*(says("Done.") for _ in range(9)))
        async with bench(tmp_path, model, agents=[checking()]) as work:
            record(work, Failed("tool_error", "the books are closed"))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.error is not None and run.ended.error.code == "not_done"
            assert "could not be read (the books are closed)" in run.ended.error.message

    asyncio.run(scenario())


@pytest.mark.parametrize(("tool", "says_so"), [
    ("save", "`save` is not declared a read"), ("nothing", "`nothing` is no tool"), ("peek", "could not be read"),
])  # fmt: skip
def test_a_check_must_only_read_and_be_granted(tmp_path: Path, tool: str, says_so: str):
    async def scenario() -> None:
        from msgspec.structs import replace

        model = scripted(*(says("Done.") for _ in range(9)))
        peek = replace(READ, name="peek")
        declared = checking(Check(tool=tool, expect={"ok": True}))
        async with bench(tmp_path, model, agents=[declared], tools=(READ, WRITE, PAY, peek)) as work:
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.error is not None and says_so in run.ended.error.message
            assert work.tools.count(tool) == 0

    asyncio.run(scenario())


def test_a_procedure_that_returns_before_the_work_is_done_fails(tmp_path: Path):
    async def procedure(task: str, desk: Desk) -> str:
        await desk.call("save")
        return "Paid."

    async def scenario() -> None:
        declared = checking(driver="procedure")
        async with bench(tmp_path, agents=[declared], procedures={"clerk": procedure}) as work:
            record(work, Done({"status": "open"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.error is not None and run.ended.error.code == "not_done"
            record(work, Done({"status": "paid"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.state == "done"

    asyncio.run(scenario())


def test_a_worker_that_dies_after_a_check_goes_on_where_it_was(tmp_path: Path):
    """The journal is cut off before the ending: the check is not made again, and the end is the same."""

    async def scenario() -> None:
        async with bench(tmp_path, scripted(says("Paid.")), agents=[checking(PAID, PAID)]) as work:
            reads = 0
            died = asyncio.Event()

            async def answer(intent: Intent) -> Result:
                nonlocal reads
                reads += 1
                if reads == 2 and not died.is_set():
                    died.set()
                    await asyncio.Event().wait()
                return Done({"status": "paid"})

            work.tools.answer = answer
            run = await work.start("clerk")
            first = asyncio.create_task(work.work())
            await died.wait()
            await asyncio.sleep(0.2)  # the first read is durable by then
            first.cancel()
            await asyncio.wait([first])
            ended = await end_of(work, run)
            assert ended.ended is not None and ended.ended.state == "done"
            assert reads == 3  # the first once, the second twice

    asyncio.run(scenario())


@pytest.mark.parametrize(("expect", "result", "fits"), [
    ({"a.b": 1}, {"a": {"b": 1}}, True), ({"a.b": 1}, {"a": {}}, False), ({"a": True}, {"a": 1}, False),
    ({"": "x"}, "x", True), ({"lines[].ok": True}, {"lines": [{"ok": True}, {"ok": True}]}, True),
    ({"lines[].ok": True}, {"lines": [{"ok": True}, {"ok": False}]}, False),
    ({"lines[].ok": True}, {"lines": []}, False),
    ({"a": {"exists": True}}, {"a": 0}, True), ({"a": {"exists": True}}, {"a": None}, False),
    ({"a": {"exists": False}}, {}, True), ({"lines": {"count": 2}}, {"lines": [1, 2]}, True),
    ({"lines[]": {"count": 1}}, {"lines": [1, 2]}, False), ({"[].id": {"count": 1}}, [{"id": 1}], True),
    ({"n": {"at_least": 2}}, {"n": 2}, True), ({"n": {"at_most": 1.5}}, {"n": 2}, False),
    ({"n": {"at_least": 2}}, {"n": "3"}, False), ({"a": {"equals": {"b": 1}}}, {"a": {"b": 1}}, True),
])  # fmt: skip
def test_what_is_expected_is_compared_by_path(expect: dict[str, object], result: object, fits: bool):
    assert (not missing(Check(tool="look", expect=expect), result)) is fits
