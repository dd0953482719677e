"""Waits end by themselves, and only those that are over."""

import asyncio

import pytest

from deputy.kernel.patience import Patience


def test_a_call_that_is_quick_gives_its_answer():
    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    async def main() -> int:
        return await Patience().wait(answer(), 60)

    assert asyncio.run(main()) == 7


def test_a_call_that_hangs_is_given_up_and_others_go_on():
    async def main() -> None:
        patience, done = Patience(), list[str]()

        async def one(name: str, patient: float, takes: float) -> None:
            try:
                await patience.wait(asyncio.sleep(takes), patient)
                done.append(name)
            except TimeoutError:
                done.append(f"{name} gave up")

        async with asyncio.TaskGroup() as group:
            group.create_task(one("hangs", 0.05, 3600))
            group.create_task(one("slow", 3600, 0.5))
        assert done == ["hangs gave up", "slow"]

    asyncio.run(main())


def test_who_is_cancelled_is_not_told_of_a_deadline():
    async def main() -> None:
        patience = Patience()

        async def hang() -> None:
            await patience.wait(asyncio.sleep(3600), 3600)

        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_a_call_raises_is_raised():
    async def fail() -> None:
        raise TimeoutError("its own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="its own"):
            await Patience().wait(fail(), 60)

    asyncio.run(main())
