"""The ledger: what commits hold, spend, give back and may not pass, however many of them come at once."""

from deputy.base.errors import OverBudget
from deputy.domain.cost import NOTHING, UNITS, Cost, Limits, Unit
from deputy.ports.store import Account, Move
from deputy.testing.conformance.world import Hand, World, answers_of, scenario

__all__ = ["Books"]

TEN = Limits(money=10)


async def _refusal(hand: Hand, *moves: Move) -> OverBudget:
    (answer,) = await answers_of(hand.commit(moves=moves))
    assert isinstance(answer, OverBudget), answer
    return answer


class Books:
    """Accounts, their limits, and what raises them."""

    @scenario
    async def test_an_account_nobody_used_is_empty(self, world: World) -> None:
        assert await world.store.account("day") == Account("day", NOTHING, NOTHING)
        assert list(await world.store.accounts()) == []

    @scenario
    async def test_holds_and_spending_add_up(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(5, 4, 3, 2)), Move("run", Cost(1), Cost(2))])
        await hand.commit(moves=[Move("day", Cost(-2, -1), Cost(7, 0, 1)), Move("day", Cost(1))])
        day = Account("day", Cost(4, 3, 3, 2), Cost(7, 0, 1))
        assert await world.store.account("day") == day
        assert list(await world.store.accounts()) == [day, Account("run", Cost(1), Cost(2))]

    @scenario
    async def test_the_ledger_lasts(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(5), Cost(1), TEN, Cost(2))])
        store = await world.reopened()
        assert await store.account("day") == Account("day", Cost(5), Cost(1), Cost(2))
        hand = await world.hand("r-2")
        assert (await _refusal(hand, Move("day", Cost(7)))).account == "day"
        await hand.commit(moves=[Move("day", Cost(6))])

    @scenario
    async def test_what_just_fits_is_held_and_one_more_is_not(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(4), Cost(2), TEN)])
        refusal = await _refusal(hand, Move("day", Cost(5)))
        assert (refusal.account, refusal.unit) == ("day", "money")
        await hand.commit(moves=[Move("day", Cost(4))])
        await _refusal(hand, Move("day", Cost(1)))
        assert await world.store.account("day") == Account("day", Cost(8), Cost(2))

    @scenario
    async def test_every_unit_has_its_limit(self, world: World) -> None:
        hand = await world.hand()
        for unit in UNITS:
            move = Move(unit, Cost(**{unit: 10}), limit=Limits(**{unit: 10}))
            await hand.commit(moves=[move])
            assert (await _refusal(hand, Move(unit, Cost(**{unit: 1})))).unit == unit
            others: list[Unit] = [other for other in UNITS if other != unit]
            await hand.commit(moves=[Move(unit, NOTHING, Cost(**dict.fromkeys(others, 1000)))])

    @scenario
    async def test_what_others_hold_may_come_back_and_what_is_spent_may_not(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(6), Cost(3), TEN)])
        assert not (await _refusal(hand, Move("day", Cost(7)))).spent
        assert (await _refusal(hand, Move("day", Cost(8)))).spent
        await hand.commit(moves=[Move("day", Cost(-6))])
        await hand.commit(moves=[Move("day", Cost(7))])

    @scenario
    async def test_the_unit_named_is_the_one_that_is_spent(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(money=9), Cost(tokens=10), Limits(money=10, tokens=10))])
        refusal = await _refusal(hand, Move("day", Cost(money=2, tokens=1)))
        assert (refusal.unit, refusal.spent) == ("tokens", True)

    @scenario
    async def test_spending_is_booked_however_much_it_was(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(10), limit=TEN)])
        await hand.commit(moves=[Move("day", Cost(-10), Cost(25))])
        assert await world.store.account("day") == Account("day", NOTHING, Cost(25))
        assert (await _refusal(hand, Move("day", Cost(1)))).spent
        await hand.commit(moves=[Move("day", NOTHING, Cost(1))])

    @scenario
    async def test_a_person_may_raise_what_an_account_may_use(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", NOTHING, Cost(10), TEN)])
        await hand.commit(moves=[Move("day", raised=Cost(money=5, tokens=3))])
        await hand.commit(moves=[Move("day", Cost(5))])
        await _refusal(hand, Move("day", Cost(1)))
        await hand.commit(moves=[Move("day", Cost(1), raised=Cost(1))])
        assert await world.store.account("day") == Account("day", Cost(6), Cost(10), Cost(money=6, tokens=3))

    @scenario
    async def test_limits_hold_until_others_are_given(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(moves=[Move("day", Cost(8), limit=TEN)])
        await _refusal(hand, Move("day", Cost(8)))
        await hand.commit(moves=[Move("day", Cost(8), limit=Limits(money=16))])
        assert not (await _refusal(hand, Move("day", Cost(1), limit=TEN))).spent
        await _refusal(hand, Move("day", Cost(1)))
        await hand.commit(moves=[Move("day", Cost(1000), limit=Limits())])

    @scenario
    async def test_moves_of_one_commit_count_together(self, world: World) -> None:
        hand = await world.hand()
        await _refusal(hand, Move("day", Cost(6), limit=TEN), Move("day", Cost(5)))
        assert list(await world.store.accounts()) == []
        await hand.commit(moves=[Move("day", Cost(6), limit=TEN), Move("day", Cost(-3)), Move("day", Cost(7))])

    @scenario
    async def test_of_many_commits_at_once_as_many_hold_as_fit(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(30)])
        commits = [hand.commit(b"2", moves=[Move("day", Cost(3), limit=Limits(money=31))]) for hand in hands]
        answers = await answers_of(*commits)
        assert [answer is None for answer in answers] == [True] * 10 + [False] * 20
        assert await world.store.account("day") == Account("day", Cost(30), NOTHING)
        assert sum([len(await world.store.rows(hand.run)) for hand in hands]) == 40

    @scenario
    async def test_stores_of_one_database_share_its_accounts(self, world: World) -> None:
        stores = [world.store, world.another(), world.another()]
        hands = [(await world.hold(f"r-{n}", store=store))[0] for n, store in enumerate(stores)]
        commits = [hand.commit(moves=[Move("day", Cost(1), limit=TEN)]) for _ in range(7) for hand in hands]
        answers = await answers_of(*commits)
        assert sum(answer is None for answer in answers) == 10
        assert (await world.store.account("day")).held == Cost(10)
