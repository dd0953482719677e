"""Looking: runs, items and blobs as people and programs ask for them, and the chain of seals over everything."""

from deputy.base.canonical import canonical, digest
from deputy.domain.chain import GENESIS, seal_link
from deputy.domain.delivery import Refuse
from deputy.ports.store import Blob, Commit
from deputy.testing.conformance.world import World, answers_of, change, later, mail, new_run, note, scenario

__all__ = ["Looking", "Seals"]


class Looking:
    """What a store says when asked."""

    @scenario
    async def test_runs_are_listed_newest_first(self, world: World) -> None:
        for name in ("r-2", "r-3", "r-1"):
            await world.create(name)
        assert [run.id for run in await world.store.runs()] == ["r-1", "r-3", "r-2"]
        assert [run.id for run in await world.store.runs(most=2)] == ["r-1", "r-3"]
        assert [await world.store.run(run.id) for run in await world.store.runs()] == await world.store.runs()

    @scenario
    async def test_runs_are_listed_by_state_parent_and_root(self, world: World) -> None:
        await world.create("r-1", "r-2")
        for name, parent in (("r-a", "r-1"), ("r-aa", "r-a"), ("r-b", "r-1")):
            await world.store.commit(Commit(parent, None, children=[new_run(name, parent=parent, root="r-1")]))
        lease = await world.store.join("worker")
        await world.store.claim(lease, 2)
        store = world.store
        assert [run.id for run in await store.runs(states=["ready"])] == ["r-b", "r-aa", "r-a"]
        assert [run.id for run in await store.runs(states=["running", "done"])] == ["r-2", "r-1"]
        assert [run.id for run in await store.runs(parent="r-1")] == ["r-b", "r-a"]
        assert [run.id for run in await store.runs(root="r-1")] == ["r-b", "r-aa", "r-a", "r-1"]
        assert [run.id for run in await store.runs(states=["ready"], root="r-1", most=1)] == ["r-b"]
        assert list(await store.runs(states=["failed"])) == []

    @scenario
    async def test_a_run_is_found_by_its_id_or_the_end_of_it(self, world: World) -> None:
        await world.create("r-xabc", "r-yabc", "r-zabd", "abd", "r-1", "r-2", "r-3abd", "r-4abd", "r-5abd")
        store = world.store
        assert list(await store.matching("run", "r-xabc")) == ["r-xabc"]
        assert list(await store.matching("run", "xabc")) == ["r-xabc"]
        assert sorted(await store.matching("run", "abc")) == ["r-xabc", "r-yabc"]
        assert list(await store.matching("run", "abd")) == ["abd"]
        assert list(await store.matching("run", "nope")) == []
        assert len(await store.matching("run", "bd")) == 0
        assert list(await store.matching("run", "r-1")) == ["r-1"]
        assert list(await store.matching("run", "workspace")) == []

    @scenario
    async def test_an_item_is_found_by_its_id_or_the_end_of_it_even_when_answered(self, world: World) -> None:
        hand = await world.hand()
        names = ["r-1.1", "0r-1.1", "1r-1.1", "2r-1.1", "r-9.2"]
        await hand.commit(items=[hand.item(name) for name in names])
        store = world.store
        assert list(await store.matching("item", "r-1.1")) == ["r-1.1"]
        assert list(await store.matching("item", "9.2")) == ["r-9.2"]
        assert list(await store.matching("item", "run")) == []
        await store.deliver(mail(hand.run, "answer:r-9.2", Refuse("r-9.2", "no")))
        await store.deliver(mail(hand.run, "answer:r-7.3", Refuse("r-7.3", "no")))
        await hand.commit(items_off=["r-9.2"])
        assert list(await store.matching("item", "9.2")) == ["r-9.2"]
        assert list(await store.matching("item", "r-7.3")) == ["r-7.3"]
        assert list(await store.matching("item", "swer:r-7.3")) == []

    @scenario
    async def test_items_are_listed_oldest_first(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        await one.commit(items=[one.item("i-3", created=later(3)), one.item("i-1", created=later(1))])
        await two.commit(items=[two.item("i-2", created=later(2), expires=later(9), kind="question")])
        assert [item.id for item in await world.store.items()] == ["i-1", "i-2", "i-3"]
        assert [item.id for item in await world.store.items("r-1")] == ["i-1", "i-3"]
        assert await world.store.item("i-2") == two.item("i-2", created=later(2), expires=later(9), kind="question")
        assert await world.store.item("i-none") is None

    @scenario
    async def test_an_item_waits_until_its_run_takes_it_off(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(items=[hand.item("i-1"), hand.item("i-2")])
        await world.store.deliver(mail(hand.run, "answer:i-1", Refuse("i-1", "no")))
        assert len(await world.store.items()) == 2
        await hand.commit(b"2", items_off=["i-1"])
        assert [item.id for item in await world.store.items()] == ["i-2"]
        await hand.commit(items=[hand.item("i-1")])
        assert len(await world.store.items()) == 2

    @scenario
    async def test_a_run_that_is_over_asks_nothing_more_but_its_messages_stay(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3", "r-4")
        for hand, state in zip(hands, ("done", "failed", "cancelled", "waiting"), strict=True):
            items = [hand.item(f"{kind}-{hand.run}", kind=kind) for kind in ("approval", "question", "message")]
            await hand.commit(b"2", items=items)
            await hand.commit(b"3", state=change(state))
        assert [len(await world.store.items(hand.run)) for hand in hands] == [1, 1, 1, 3]
        assert {item.kind for item in await world.store.items("r-1")} == {"message"}

    @scenario
    async def test_blobs_are_found_by_their_digest(self, world: World) -> None:
        bodies = [b"", b"x", b"y" * 100_000, bytes(range(256))]
        for body in bodies[:2]:
            await world.store.put_blob(Blob(digest(body), body))
        hand = await world.hand()
        await hand.commit(b"2", blobs=[Blob(digest(body), body) for body in bodies])
        names = [digest(body) for body in bodies]
        assert await world.store.blobs([*names, digest(b"none")]) == dict(zip(names, bodies, strict=True))
        assert await world.store.blobs([]) == {}
        assert list(await world.store.check()) == []

    @scenario
    async def test_a_blob_that_exists_is_left_as_it_is(self, world: World) -> None:
        name = digest(b"first")
        await world.store.put_blob(Blob(name, b"first"))
        await world.store.put_blob(Blob(name, b"second"))
        hand = await world.hand()
        await hand.commit(b"2", blobs=[Blob(name, b"third"), Blob(name, b"fourth")])
        assert await world.store.blobs([name]) == {name: b"first"}

    @scenario
    async def test_a_blob_that_is_not_what_its_name_says_is_reported(self, world: World) -> None:
        await world.store.put_blob(Blob(digest(b"one"), b"two"))
        (sentence,) = await world.store.check()
        assert digest(b"one")[:12] in sentence
        assert sentence.endswith(".")


class Seals:
    """The chain over the heads of all journals."""

    @scenario
    async def test_where_nothing_changed_there_is_nothing_to_seal(self, world: World) -> None:
        assert not await world.store.seal(world.clock.now())
        await world.create("r-1")
        assert await world.store.seal(world.clock.now())
        assert not await world.store.seal(world.clock.now())
        hand = (await world.hold("r-2"))[0]
        await world.store.seal(world.clock.now())
        await hand.commit(items=[hand.item("i-1")])
        assert not await world.store.seal(world.clock.now())
        assert len(await world.store.seals()) == 2

    @scenario
    async def test_a_seal_names_the_heads_of_the_journals_that_changed(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        await one.commit(b"2", b"3")
        await world.store.note(note)
        await world.store.seal(later(1))
        await two.commit(b"2")
        await world.store.seal(later(2))
        first, second = await world.store.seals()
        own = (await world.store.rows("workspace"))[0]
        heads: list[object] = [["r-2", 1, new_run("r-2").started.link.hex()], ["r-1", 3, one.head[1].hex()]]
        heads.append(["workspace", 1, own.link.hex()])
        assert first.body == canonical({"at": "2026-11-23T12:00:01.000000+00:00", "heads": heads, "n": 1})
        heads = [["r-2", 2, two.head[1].hex()]]
        assert second.body == canonical({"at": "2026-11-23T12:00:02.000000+00:00", "heads": heads, "n": 2})
        assert (first.at, second.at) == (later(1), later(2))

    @scenario
    async def test_seals_are_chained_and_last(self, world: World) -> None:
        hand = await world.hand()
        for n in range(5):
            await hand.commit(b"%d" % n)
            await world.store.seal(later(n))
        await world.reopened()
        await world.create("r-2")
        await world.store.seal(later(5))
        last = GENESIS
        for n, seal in enumerate(await world.store.seals(), 1):
            last = seal_link(last, n, seal.body)
            assert (seal.n, seal.link) == (n, last)
        assert [seal.n for seal in await world.store.seals(4)] == [5, 6]

    @scenario
    async def test_of_many_sealers_one_seals(self, world: World) -> None:
        await world.create("r-1", "r-2")
        stores = [world.store, *[world.another() for _ in range(3)]]
        answers = await answers_of(*[store.seal(later(1)) for store in stores])
        assert sorted(answer for answer in answers if isinstance(answer, bool)) == [False, False, False, True]
        assert len(await world.store.seals()) == 1
