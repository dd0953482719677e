"""Work counts as done when the system of record says so, and not before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.bench_of import PAY, READ, WRITE, agent, bench, scripted, state

from deputy.domain.agent import Agent, Check
from deputy.domain.effect import Done, Failed, Intent, Result, ToolRequest
from deputy.domain.run import Run
from deputy.kernel.desk import Desk, ToolFailed
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


def proofs(run: Run) -> list[tuple[bool, object]]:
    notes = [n.value for path, n in run.notes.items() if n.kind == "proof" and path.startswith("proof/")]
    return [(value["met"], value["found"]) for value in notes if isinstance(value, dict)]


def test_what_a_trigger_demands_is_read_beside_what_its_agent_demands(tmp_path: Path):
    async def scenario() -> None:
        from deputy.domain.occasion import Occasion
        from deputy.kernel.start import Fired, new_run
        from deputy.ports.store import Commit

        model = scripted(*(says("Done.") for _ in range(9)))
        booked = Check(tool="look", args={"id": "B"}, expect={"booked": True}, says="It is booked")
        async with bench(tmp_path, model, agents=[checking()]) as work:
            record(work, Done({"status": "paid", "booked": False}))
            at = work.clock.now()
            occasion = Occasion(kind="webhook", trigger="clerk/orders", id="1", at=at)
            run = new_run(checking(), "work", at=at, by="system", on_behalf_of="wei", cause=Fired(occasion, (booked,)))
            await work.store.commit(Commit(run=run.id, lease=None, children=[run]))
            ended = await end_of(work, run.id)
            assert ended.ended is not None and ended.ended.error is not None
            assert ended.ended.error.code == "not_done"
            assert "It is booked: `booked` must be true, and is false." in ended.ended.error.message
            assert proofs(ended) == [(True, {"status": "paid"}), (False, {"booked": False})] * TRIES
            by_hand = await end_of(work, await work.start("clerk"))
            assert by_hand.ended is not None and by_hand.ended.state == "done"

    asyncio.run(scenario())


def test_a_procedure_proves_in_mid_run_and_goes_on_only_if_it_is_so(tmp_path: Path):
    tried: list[str] = []

    async def procedure(task: str, desk: Desk) -> str:
        try:
            await desk.prove("look", {"id": "INV-7"}, {"status": "paid"}, says="The invoice is paid")
        except ToolFailed as exc:
            tried.append(f"{exc.code}: {exc.error}")
            await desk.call("save")
        found = await desk.prove("look", {"id": "INV-7"}, {"status": "paid", "lines[].ok": {"count": 2}})
        await desk.sleep(0.01)  # and from the top again: nothing is read twice
        return str(found["status"])

    async def scenario() -> None:
        async with bench(tmp_path, agents=[agent(driver="procedure")], procedures={"clerk": procedure}) as work:
            lines = [{"ok": True}, {"ok": True}]
            record(work, Done({"status": "open"}), Done({"status": "paid", "lines": lines}))
            name = await work.start("clerk")
            while (run := await end_of(work, name)).ended is None:
                await asyncio.sleep(0.01)
            assert (run.ended.state, run.ended.answer) == ("done", "paid")
            assert set(tried) == {'not_done: The invoice is paid: `status` must be "paid", and is "open".'}
            assert proofs(run) == [
                (False, {"status": "open"}), (True, {"status": "paid", "lines[].ok": [True, True]}),
            ]  # fmt: skip
            assert (work.tools.count("look"), work.tools.count("save")) == (2, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize(("tool", "expect", "code"), [
    ("look", {"status": "paid"}, "not_done"), ("save", {"ok": True}, "procedure"),
    ("look", {}, "procedure"), ("look", {"n": {"at_least": "2"}}, "procedure"),
    ("look", {"n": {"status": "paid"}}, "procedure"), ("look", {"n": {}}, "procedure"),
])  # fmt: skip
def test_a_proof_that_fails_or_cannot_be_made_ends_a_procedure_that_does_not_heed_it(
    tmp_path: Path, tool: str, expect: dict[str, object], code: str
):
    async def procedure(task: str, desk: Desk) -> str:
        await desk.prove(tool, {}, expect)
        return "so it is"

    async def scenario() -> None:
        async with bench(tmp_path, agents=[agent(driver="procedure")], procedures={"clerk": procedure}) as work:
            record(work, Done({"status": "open"}))
            run = await end_of(work, await work.start("clerk"))
            assert run.ended is not None and run.ended.error is not None and run.ended.error.code == code
            assert work.tools.count("save") == 0

    asyncio.run(scenario())


def test_what_was_found_is_noted_up_to_a_bound(tmp_path: Path):
    async def scenario() -> None:
        async with bench(tmp_path, scripted(says("Paid.")), agents=[
            checking(Check(tool="look", expect={"text": {"exists": True}}))
        ]) as work:  # fmt: skip
            record(work, Done({"text": "é" * 100_000}))
            ((met, found),) = proofs(await end_of(work, await work.start("clerk")))
            assert met and 400 < len(str(found)) < 1100

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
