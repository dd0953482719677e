"""The model loop over a real store: what is asked, performed, refused and remembered."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from tests.kernel.bench_of import agent, answer, asked, bench, scripted, state

from deputy.domain.agent import Grant
from deputy.domain.delivery import Approve
from deputy.domain.effect import Done, Failed, Intent, Result, Unknown
from deputy.testing.fakes import calls, says


def test_a_run_calls_its_tools_and_ends_with_the_models_answer(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("look", '{"id": 1}'), ("save", '{"id": 2}')), says("all done"))
        async with bench(tmp_path, model) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert (found.ended.state, found.ended.answer) == ("done", "all done")
            assert [name for name, _, _ in work.tools.calls] == ["look", "save"]
            assert [m.role for m in model.asked[-1].messages] == ["system", "user", "assistant", "tool", "tool"]

    asyncio.run(main())


def test_an_approved_payment_is_made_once_with_exactly_what_was_approved(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("pay", '{"amount": 7}')), says("paid"))
        async with bench(tmp_path, model) as work:
            run = await work.start("clerk")
            await work.work()
            assert work.tools.calls == []
            ((item, shown),) = await asked(work)
            assert (item.kind, shown.tool, shown.args, shown.approvers) == (
                "approval",
                "pay",
                {"amount": 7},
                ("person:lin",),
            )
            assert await answer(work, item, True)
            assert not await answer(work, item, True)
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.state == "done"
            assert [(n, a) for n, _, a in work.tools.calls] == [("pay", {"amount": 7})]
            assert await asked(work) == []

    asyncio.run(main())


def test_an_edit_changes_what_is_paid_and_the_model_sees_it(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("pay", '{"amount": 7}')), says("paid"))
        async with bench(tmp_path, model) as work:
            run = await work.start("clerk")
            await work.work()
            ((item, shown),) = await asked(work)
            await answer(work, item, lambda i: Approve(i.id, shown.digest, {"amount": 5}))
            await work.work()
            assert [a for _, _, a in work.tools.calls] == [{"amount": 5}]
            assert (await state(work, run)).effects[2].call.args == {"amount": 5}

    asyncio.run(main())


def test_a_refusal_reaches_the_model_as_a_result(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("pay", '{"amount": 7}')), says("not paid"))
        async with bench(tmp_path, model) as work:
            run = await work.start("clerk")
            await work.work()
            ((item, _),) = await asked(work)
            await answer(work, item, False)
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.state == "done"
            assert work.tools.calls == []
            assert model.asked[-1].script.results == ({"error": "no"},)

    asyncio.run(main())


def test_what_no_grant_names_is_denied(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("look", "{}")), says("well"))
        async with bench(tmp_path, model, agents=[agent(grants=())]) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert (found.effects[2].status, found.effects[2].rule) == ("denied", "default")
            assert work.tools.calls == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("amount", "why"), [("-1", "may not be negative"), ("100.01", "may be at most 100"), ('"1e2,0"', "may be at most")]
)
def test_an_amount_outside_its_limit_is_denied_and_nobody_is_asked(tmp_path: Path, amount: str, why: str) -> None:
    async def main() -> None:
        model = scripted(calls(("save", f'{{"amount": {amount}}}')), says("well"))
        limited = agent(grants=(Grant(pattern="save", autonomy="ask", limit={"amount": Decimal(100)}),))
        async with bench(tmp_path, model, agents=[limited]) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert (found.effects[2].status, found.effects[2].rule) == ("denied", "limit:amount")
            assert found.effects[2].error is not None
            assert why in found.effects[2].error.message
            assert work.tools.calls == []

    asyncio.run(main())


def test_a_payment_whose_answer_is_lost_waits_in_doubt_until_a_person_settles_it(tmp_path: Path) -> None:
    async def lost(_: Intent) -> Result:
        return Unknown("the line was cut")

    async def main() -> None:
        model = scripted(calls(("pay", '{"amount": 7}')), says("ok"))
        async with bench(tmp_path, model) as work:
            work.tools.answer = lost
            run = await work.start("clerk")
            await work.work()
            await answer(work, (await asked(work))[0][0], True)
            await work.work()
            ((item, shown),) = await asked(work)
            assert (item.kind, shown.tool) == ("in_doubt", "pay")
            await work.work()
            assert work.tools.count("pay") == 1
            await answer(work, item, True)
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.state == "done"
            assert work.tools.count("pay") == 1

    asyncio.run(main())


def test_a_keyed_write_is_repeated_with_the_same_key(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("save", '{"id": 1}')), says("ok"))
        async with bench(tmp_path, model) as work:

            async def second_time(_: Intent) -> Result:
                return Done("saved") if len(work.tools.calls) == 2 else Unknown("cut")

            work.tools.answer = second_time
            run = await work.start("clerk")
            await work.work()
            keys = [key for _, key, _ in work.tools.calls]
            assert keys == [f"{run}.2", f"{run}.2"]

    asyncio.run(main())


def test_a_refusal_says_nothing_of_an_attempt_before_it_that_gave_no_answer(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("save", '{"id": 1}')), says("ok"))
        async with bench(tmp_path, model) as work:
            happened: set[str] = set()

            async def first_time(intent: Intent) -> Result:
                if not happened:
                    happened.add(intent.key)
                    return Unknown("cut")
                return Done("saved") if len(work.tools.calls) == 3 else Failed("refused", "The line is busy.")

            work.tools.answer = first_time
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert len(work.tools.calls) == 3
            assert [e.status for e in found.effects.values() if e.kind == "tool"] == ["done"]

    asyncio.run(main())


def test_asking_for_the_same_payment_again_needs_a_person(tmp_path: Path) -> None:
    async def main() -> None:
        same = calls(("pay", '{"amount": 7}'))
        grants = agent().grants
        free = agent(grants=tuple(g if g.pattern != "pay" else type(g)(pattern="pay", autonomy="act") for g in grants))
        async with bench(tmp_path, scripted(same, same, says("ok")), agents=[free]) as work:
            await work.start("clerk")
            await work.work()
            assert work.tools.count("pay") == 1
            ((_, shown),) = await asked(work)
            assert shown.rule == "equal-effect"

    asyncio.run(main())


def test_asking_again_after_a_certain_failure_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        same = calls(("pay", '{"amount": 7}'))
        grants = agent().grants
        free = agent(grants=tuple(g if g.pattern != "pay" else type(g)(pattern="pay", autonomy="act") for g in grants))
        async with bench(tmp_path, scripted(same, same, says("ok")), agents=[free]) as work:

            async def refused_once(_: Intent) -> Result:
                return Failed("refused", "no connection") if len(work.tools.calls) == 1 else Done("paid")

            work.tools.answer = refused_once
            run = await work.start("clerk")
            await work.work()
            assert work.tools.count("pay") == 2
            assert (await state(work, run)).ended is not None

    asyncio.run(main())


def test_a_question_waits_for_its_answer_and_a_child_for_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(
            calls(("person.ask", '{"question": "Which?"}'), ("agent.run", '{"agent": "helper", "task": "help"}')),
            says("ok"),
        )
        helper = scripted(says("helped"))
        async with bench(tmp_path, model, agents=[agent(), agent("helper")]) as work:
            plain = model.complete

            async def by_agent(intent: Intent) -> Result:
                return await (helper.complete(intent) if intent.agent == "helper" else plain(intent))

            model.complete = by_agent
            run = await work.start("clerk")
            await work.work()
            ((item, shown),) = await asked(work)
            assert (item.kind, shown.question, shown.people) == ("question", "Which?", ("wei",))
            await answer(work, item, "that one", by="wei")
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            assert found.ended.state == "done"
            results = model.asked[-1].script.results
            assert results[0] == "that one"
            assert isinstance(results[1], dict)
            assert results[1]["answer"] == "helped"

    asyncio.run(main())
