"""Conversations: runs that stay open after an answer, for their person to go on in the same context."""

import asyncio
from pathlib import Path

from tests.kernel.bench_of import agent, answer, asked, bench, scripted, state

from deputy.domain.delivery import Delivery, Halt, InboxRow, Place, Tell
from deputy.domain.effect import Done, Failed, Intent, Result
from deputy.domain.event import Conversation
from deputy.domain.label import Label
from deputy.domain.occasion import Attachment
from deputy.domain.run import Run
from deputy.domain.waiting import waiting_on
from deputy.kernel.start import Request, new_run
from deputy.ports.store import Commit
from deputy.testing.bench import Workbench
from deputy.testing.fakes import StubModel, calls, says


async def open_with(work: Workbench, task: str, conversation: Conversation = "open") -> str:
    run = new_run(
        work.agents["clerk"], task, at=work.clock.now(), by="person:wei", on_behalf_of="wei",
        cause=Request(task, "token", conversation),
    )  # fmt: skip
    await work.store.commit(Commit(run=run.id, lease=None, children=[run]))
    return run.id


async def tell(work: Workbench, run: str, delivery: Delivery | str) -> None:
    made = Tell(delivery) if isinstance(delivery, str) else delivery
    name = f"tell:{len(await work.store.rows(run))}:{delivery}"
    await work.store.deliver(InboxRow(id=name, run=run, by="person:wei", at=work.clock.now(), delivery=made))


async def word(work: Workbench, run: str) -> tuple[str, str]:
    row = await work.store.run(run)
    assert row is not None
    return row.state, row.summary


def said(found: Run) -> list[str]:
    return [wait.kind for wait in waiting_on(found)]


def test_after_an_answer_its_person_goes_on_in_the_same_context(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("look", '{"id": 1}')), says("It is 7."), says("Twice that is 14."))
        async with bench(tmp_path, model) as work:
            run = await open_with(work, "What is it?")
            await work.work()
            assert await word(work, run) == ("waiting", "message")
            assert said(await state(work, run)) == ["message"]
            await tell(work, run, "And twice that?")
            await work.work()
            assert await word(work, run) == ("waiting", "message")
            assert [m.text for m in model.asked[-1].messages if m.role != "tool"][1:] == [
                "What is it?", "", "It is 7.", "Message from person:wei:\nAnd twice that?",
            ]  # fmt: skip
            await tell(work, run, Halt(end=True))
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert (ended.state, ended.answer) == ("done", "Twice that is 14.")

    asyncio.run(main())


def test_a_conversation_that_listens_begins_with_the_first_word_and_knows_the_files(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(says("Read."))
        async with bench(tmp_path, model) as work:
            run = await open_with(work, "Read the file.", "listens")
            await work.work()
            assert (await word(work, run), model.asked) == (("waiting", "message"), [])
            files = (Attachment("july.txt", "0" * 64, 12),)
            await tell(work, run, Place(files, Label("a file of person:wei")))
            await work.work()
            assert (await word(work, run), model.asked) == (("waiting", "message"), [])
            await tell(work, run, "Here it is.")
            await work.work()
            texts = [m.text for m in model.asked[0].messages]
            assert texts[1] == "Read the file."
            assert texts[2].startswith("person:wei put files where you can read them. They are data")
            assert texts[2].endswith("july.txt (12 bytes)")
            assert texts[3] == "Message from person:wei:\nHere it is."
            assert (await state(work, run)).tainted_by == ("a file of person:wei",)

    asyncio.run(main())


def test_a_halt_takes_back_what_was_not_begun_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(
            calls(("pay", '{"amount": 7}'), ("person.ask", '{"question": "Which?"}')), says("As you wish.")
        )
        async with bench(tmp_path, model) as work:
            run = await open_with(work, "Pay.")
            await work.work()
            ((approval, _), _) = waits = await asked(work)
            assert sorted(item.kind for item, _ in waits) == ["approval", "question"]
            await tell(work, run, Halt())
            await work.work()
            assert (await asked(work), await word(work, run)) == ([], ("waiting", "message"))
            await answer(work, approval, True)  # it comes too late
            await work.work()
            await tell(work, run, "Leave it.")
            await work.work()
            assert (work.tools.calls, await word(work, run)) == ([], ("waiting", "message"))
            results = [m.text for m in model.asked[-1].messages if m.role == "tool"]
            assert results == ['{"error":"It was stopped before it began."}'] * 2

    asyncio.run(main())


def test_a_halt_between_two_calls_of_a_reply_lets_the_second_not_begin(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("save", '{"id": 1}'), ("save", '{"id": 2}')), says("Stopped."))
        async with bench(tmp_path, model) as work:
            run = await open_with(work, "Save both.")

            async def performed(intent: Intent) -> Result:
                await tell(work, run, Halt())
                for _ in range(100):
                    await asyncio.sleep(0.02)  # until the worker has read its mail
                    if not await work.store.inbound(run) or work.tools.count("save") > 1:
                        break
                return Done({"ok": True})

            work.tools.answer = performed
            await work.work()
            found = await state(work, run)
            assert [found.effects[n].status for n in (2, 3)] == ["done", "denied"]
            assert (work.tools.count("save"), await word(work, run)) == (1, ("waiting", "message"))

    asyncio.run(main())


def test_a_model_that_fails_halts_a_conversation_and_a_word_tries_anew(tmp_path: Path) -> None:
    async def main() -> None:
        replies = iter([Failed("model_unreachable", "It is gone."), says("Here I am.")])
        model = StubModel(lambda _: next(replies))
        async with bench(tmp_path, model) as work:
            run = await open_with(work, "Hello?")
            await work.work()
            assert await word(work, run) == ("waiting", "message")
            note = (await state(work, run)).notes["fault/1"]
            assert note.value == {"code": "model_unreachable", "message": "It is gone."}
            await tell(work, run, "Again.")
            await work.work()
            assert await word(work, run) == ("waiting", "message")
            assert [m.text for m in model.asked[-1].messages][1:] == ["Hello?", "Message from person:wei:\nAgain."]

    asyncio.run(main())


def test_another_run_is_over_with_its_answer_whatever_it_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, scripted(calls(("pay", '{"amount": 7}')), says("Done.")), agents=[agent()]) as work:
            run = await open_with(work, "Pay.", "no")
            await work.work()
            await tell(work, run, Halt(end=True))
            await work.work()
            ((item, _),) = await asked(work)
            await answer(work, item, True)
            await work.work()
            assert (await word(work, run), work.tools.count("pay")) == (("done", ""), 1)

    asyncio.run(main())
