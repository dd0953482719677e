"""The ledger: reserved before, booked after, along the whole tree; spent waits for a person, held for others."""

import asyncio
from decimal import Decimal
from pathlib import Path

from tests.kernel.bench_of import agent, answer, asked, bench, scripted, state

from deputy.domain.catalogue import Price, Route, Tier
from deputy.domain.cost import Cost, Limits
from deputy.domain.effect import Done, Unknown
from deputy.domain.event import ModelIntent, event_from
from deputy.domain.message import Reply, Usage
from deputy.kernel.desk import Desk
from deputy.testing.fakes import calls, says

ROUTE = Route(name="default", max_tokens=100, price=Price(tiers=(Tier(input=Decimal(10), output=Decimal(1000)),)))


def test_a_run_that_spent_its_steps_waits_for_a_person_who_raises_them(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(*(calls(("look", f'{{"id": {n}}}')) for n in range(4)), says("done"))
        async with bench(tmp_path, model, agents=[agent(run_limits=Limits(steps=3))]) as work:
            run = await work.start("clerk")
            await work.work()
            row = await work.store.run(run)
            assert row is not None
            assert (row.state, row.summary) == ("waiting", "budget")
            ((item, shown),) = await asked(work)
            assert (item.kind, shown.args["unit"]) == ("budget", "steps")
            assert len(model.asked) == 3
            await answer(work, item, Cost(steps=10))
            await work.work()
            ended = (await state(work, run)).ended
            assert ended is not None
            assert ended.state == "done"
            assert (await state(work, run)).spent.steps == 5

    asyncio.run(main())


def test_a_budget_that_is_not_raised_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        model = scripted(calls(("look", "{}")), says("done"))
        async with bench(tmp_path, model, agents=[agent(run_limits=Limits(steps=1))]) as work:
            run = await work.start("clerk")
            await work.work()
            await answer(work, (await asked(work))[0][0], False)
            await work.work()
            row = await work.store.run(run)
            assert row is not None
            assert row.state == "cancelled"
            assert await asked(work) == []

    asyncio.run(main())


def test_the_worst_case_is_held_while_a_model_thinks_and_the_true_cost_booked_after(tmp_path: Path) -> None:
    async def main() -> None:
        reply = Reply(text="done", finish="stop", usage=Usage(input=10, output=5))
        async with bench(tmp_path, scripted(Done(reply, Cost(money=15_000, tokens=15)))) as work:
            work.route = ROUTE
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert (found.spent.money, found.spent.tokens, found.held) == (15_000, 15, Cost())
            (account,) = await work.store.accounts()
            assert account.name.startswith("day:")
            assert (account.spent.money, account.held) == (15_000, Cost())

    asyncio.run(main())


def test_model_calls_that_are_lost_are_booked_at_their_worst_case(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, scripted(Unknown("cut"))) as work:
            work.route = ROUTE
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            intents = [
                e for e in (event_from(row.body) for row in await work.store.rows(run)) if isinstance(e, ModelIntent)
            ]
            assert len(intents) == 5
            assert found.spent.money == sum(intent.hold.money for intent in intents) > 0
            assert found.held == Cost()

    asyncio.run(main())


def test_twenty_children_at_once_never_spend_more_than_their_parent_may(tmp_path: Path) -> None:
    async def parent(_: str, desk: Desk) -> str:
        answers = await desk.together(*(desk.spawn("child", f"part {n}") for n in range(20)))
        return f"{len(answers)} answered"

    async def main() -> None:
        agents = [agent("parent", driver="procedure", run_limits=Limits(money=1_250_000)), agent("child")]
        reply = Done(Reply(text="ok", finish="stop", usage=Usage(input=10, output=10)), Cost(money=100_000, tokens=20))
        async with bench(tmp_path, scripted(reply), agents=agents, procedures={"parent": parent}) as work:
            work.route = ROUTE
            run = await work.start("parent")
            for _ in range(40):  # what does not fit because others hold waits a moment, and looks again
                await work.work()
                if await asked(work):
                    break
                await asyncio.sleep(0.1)
            account = await work.store.account(f"run:{run}")
            assert account.spent.money <= 1_250_000
            assert account.spent.money > 1_000_000
            assert [shown.kind for _, shown in await asked(work)].count("budget") >= 1

    asyncio.run(main())


def test_the_shared_ledger_agrees_with_the_journals_when_calls_and_children_mix(tmp_path: Path) -> None:
    async def parent(_: str, desk: Desk) -> str:
        await desk.together(desk.call("look", id=1), desk.spawn("child", "part"), desk.call("save", id=2))
        return "ok"

    async def main() -> None:
        agents = [agent("parent", driver="procedure"), agent("child")]
        async with bench(tmp_path, scripted(says("ok")), agents=agents, procedures={"parent": parent}) as work:
            for _ in range(20):
                await work.start("parent")
            await work.work()
            held = [account for account in await work.store.accounts() if account.held]
            assert held == []

    asyncio.run(main())
