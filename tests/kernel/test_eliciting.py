"""Questions of the far side: put to people, answered in their words, and the call made once more or gone on with."""

import asyncio
from pathlib import Path
from typing import cast

import msgspec
from tests.kernel.bench_of import READ, WRITE, agent, answer, asked, bench, scripted, state

from deputy.app.audit.verify import verify
from deputy.domain.delivery import Cancel, InboxRow
from deputy.domain.effect import Done, Failed, InputRequired, Intent, Result, ToolRequest, Unknown
from deputy.domain.elicitation import Form, Link, opening
from deputy.domain.run import Run
from deputy.domain.waiting import word_for
from deputy.testing.bench import Workbench
from deputy.testing.fakes import StubModel, calls, says

FORM = Form(
    message="Which warehouse?",
    schema={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
SEVERAL = {"a": FORM, "b": msgspec.structs.replace(FORM, message="And where to?")}
SLOW = msgspec.structs.replace(WRITE, deadline=30.0)


def input_of(intent: Intent) -> dict[str, object] | None:
    request = cast("ToolRequest", intent.request)
    return None if request.input is None else {**request.input.answers, "state": request.input.state}


async def wanting(intent: Intent) -> Result:
    """Asks first, and then says what it was answered."""
    given = input_of(intent)
    return InputRequired("erp", {"q": FORM}, "v1.sealed") if given is None else Done(given)


async def outcome(work: Workbench, run: str) -> Run:
    assert (await verify(work.store)).ok  # pyright: ignore[reportArgumentType]
    return await state(work, run)


def model(tool: str = "save") -> StubModel:
    return scripted(calls((tool, '{"id": 1}')), says("done"))


def test_a_call_that_asks_first_waits_and_is_made_again_with_the_answer(tmp_path: Path) -> None:
    async def main() -> None:
        for tool in ("save", "look"):
            folder = tmp_path / tool
            folder.mkdir()
            async with bench(folder, model(tool)) as work:
                work.tools.answer = wanting
                run = await work.start("clerk")
                await work.work()
                assert word_for(await outcome(work, run)) == "question"
                [(item, shown)] = await asked(work)
                assert shown.question == f"The server erp asks, for {tool}: Which warehouse?"
                assert shown.parameters == FORM.schema
                assert [origin.argument for origin in shown.untrusted] == ["question"]
                assert shown.people == ("wei",)
                await answer(work, item, "Hamburg", by="wei")
                await work.work()
                ended = await outcome(work, run)
                said = {"action": "accept", "content": {"place": "Hamburg"}}
                [effect] = [e for e in ended.effects.values() if e.kind == "tool"]
                assert (effect.status, effect.result) == ("done", {"q": said, "state": "v1.sealed"})
                assert {key for _, key, _ in work.tools.calls} == {f"{run}.{effect.n}"}
                assert not await asked(work)

    asyncio.run(main())


def test_who_declines_tells_the_server_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = wanting
            run = await work.start("clerk")
            await work.work()
            [(item, _)] = await asked(work)
            await answer(work, item, False, by="wei")
            await work.work()
            effect = (await outcome(work, run)).effect(2)
            said = {"action": "decline", "_meta": {"deputy/reason": "no"}}
            assert (effect.status, effect.result) == ("done", {"q": said, "state": "v1.sealed"})

    asyncio.run(main())


def test_several_forms_are_one_question(tmp_path: Path) -> None:
    async def several(intent: Intent) -> Result:
        given = input_of(intent)
        return InputRequired("erp", SEVERAL) if given is None else Done(given)

    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = several
            run = await work.start("clerk")
            await work.work()
            [(item, shown)] = await asked(work)
            assert "a: Which warehouse?\nb: And where to?" in shown.question
            await answer(work, item, '{"a": {"place": "X"}, "b": {"place": "Y"}}', by="wei")
            await work.work()
            effect = (await outcome(work, run)).effect(2)
            result = cast("dict[str, object]", effect.result)
            assert result["b"] == {"action": "accept", "content": {"place": "Y"}}

    asyncio.run(main())


def test_a_call_that_was_lost_after_the_answer_is_repeated_with_the_same_answer(tmp_path: Path) -> None:
    given: list[object] = []

    async def lossy(intent: Intent) -> Result:
        if (answers := input_of(intent)) is None:
            return InputRequired("erp", {"q": FORM}, "s")
        given.append(answers)
        return Unknown("The line was cut.") if len(given) == 1 else Done("saved")

    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = lossy
            run = await work.start("clerk")
            await work.work()
            [(item, _)] = await asked(work)
            await answer(work, item, "Hamburg", by="wei")
            await work.work()
            assert (await outcome(work, run)).effect(2).result == "saved"
            assert given[0] == given[1]

    asyncio.run(main())


def test_a_server_that_asks_without_end_is_refused(tmp_path: Path) -> None:
    async def endless(_: Intent) -> Result:
        return InputRequired("erp", {"q": FORM})

    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = endless
            run = await work.start("clerk")
            for _ in range(12):
                await work.work()
                if not (open_items := await asked(work)):
                    break
                await answer(work, open_items[0][0], "x", by="wei")
            effect = (await outcome(work, run)).effect(2)
            assert effect.error is not None
            assert effect.error.code == "input_refused"
            assert work.tools.count("save") == 10

    asyncio.run(main())


def test_a_run_that_is_cancelled_does_not_wait_for_the_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = wanting
            run = await work.start("clerk")
            await work.work()
            cancel = InboxRow(id="c", run=run, by="person:wei", at=work.clock.now(), delivery=Cancel("enough"))
            await work.store.deliver(cancel)
            await work.work()
            ended = await outcome(work, run)
            assert ended.ended is not None
            assert ended.ended.state == "cancelled"
            assert work.tools.count("save") == 1
            assert not await asked(work)

    asyncio.run(main())


def test_what_is_no_longer_permitted_is_not_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, model()) as work:
            work.tools.answer = wanting
            run = await work.start("clerk")
            await work.work()
            [(item, _)] = await asked(work)
            work.agents["clerk"] = msgspec.structs.replace(agent(), grants=())
            await answer(work, item, "Hamburg", by="wei")
            await work.work()
            effect = (await outcome(work, run)).effect(2)
            assert effect.status == "failed"
            assert work.tools.count("save") == 1

    asyncio.run(main())


# --- in mid-call


def test_a_server_that_asks_in_mid_call_is_answered_while_it_waits(tmp_path: Path) -> None:
    async def mid_call(intent: Intent) -> Result:
        return Done(await intent.ask("erp", FORM))

    async def main() -> None:
        for tool, spec in (("save", SLOW), ("look", msgspec.structs.replace(READ, deadline=30.0))):
            folder = tmp_path / tool
            folder.mkdir()
            async with bench(folder, model(tool), tools=[spec]) as work:
                work.tools.answer = mid_call
                run = await work.start("clerk")
                async with asyncio.TaskGroup() as group:
                    group.create_task(work.work())
                    while not (items := await asked(work)):
                        await asyncio.sleep(0.01)
                    assert (await verify(work.store)).ok  # pyright: ignore[reportArgumentType]
                    await answer(work, items[0][0], "Hamburg", by="wei")
                effect = (await outcome(work, run)).effect(2)
                assert effect.result == {"action": "accept", "content": {"place": "Hamburg"}}
                assert work.tools.count(tool) == 1
                assert not await asked(work)

    asyncio.run(main())


def test_where_nobody_answers_in_time_the_server_is_told_and_the_question_taken_back(tmp_path: Path) -> None:
    async def mid_call(intent: Intent) -> Result:
        return Failed("tool_error", str((await intent.ask("erp", FORM))["action"]))

    async def main() -> None:
        quick = msgspec.structs.replace(WRITE, deadline=0.3)
        async with bench(tmp_path, model(), tools=[quick]) as work:
            work.tools.answer = mid_call
            run = await work.start("clerk")
            await work.work()
            effect = (await outcome(work, run)).effect(2)
            assert effect.error is not None
            assert effect.error.message == "cancel"
            assert not await asked(work)

    asyncio.run(main())


def test_a_call_that_dies_while_people_are_asked_takes_its_question_back_and_is_in_doubt(tmp_path: Path) -> None:
    never = msgspec.structs.replace(SLOW, repeat="never")

    async def mid_call(intent: Intent) -> Result:
        return Done(await intent.ask("erp", FORM))

    async def main() -> None:
        async with bench(tmp_path, model(), tools=[never]) as work:
            work.tools.answer = mid_call
            run = await work.start("clerk")
            dying = asyncio.create_task(work.work())
            while not await asked(work, "question"):
                await asyncio.sleep(0.01)
            dying.cancel()
            await asyncio.wait({dying})
            await work.work()
            assert [item.kind for item, _ in await asked(work)] == ["in_doubt"]
            await outcome(work, run)

    asyncio.run(main())


def test_a_page_is_opened_by_a_person_and_the_call_goes_on_or_not(tmp_path: Path) -> None:
    page = opening("Confirm.", Link(url="https://bank.example/c", host="bank.example", again=True))

    async def first(intent: Intent) -> Result:
        given = input_of(intent)
        return InputRequired("bank", {"page 1": page}) if given is None else Done(given)

    async def main() -> None:
        for opens in (True, False):
            folder = tmp_path / str(opens)
            folder.mkdir()
            async with bench(folder, model()) as work:
                work.tools.answer = first
                run = await work.start("clerk")
                await work.work()
                [(item, shown)] = await asked(work)
                assert "The page is on bank.example." in shown.question and "https://bank.example/c" in shown.question
                await answer(work, item, "done" if opens else False, by="wei")
                await work.work()
                effect = (await outcome(work, run)).effect(2)
                if opens:
                    assert effect.result == {"page 1": {"action": "accept"}, "state": ""}
                else:
                    assert effect.status == "failed" and len(work.tools.calls) == 1

    asyncio.run(main())
