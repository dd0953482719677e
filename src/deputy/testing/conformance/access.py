"""Those who come over the network: passes are good once or until they end, a key has one answer, runs are found."""

from datetime import timedelta

from deputy.domain.chain import link
from deputy.ports.access import Claim, Looked, Pass, PassKind
from deputy.ports.listing import COUNTED, Began, Sought
from deputy.ports.store import Commit, Row
from deputy.testing.conformance.world import NOON, World, answers_of, change, later, new_run, scenario

__all__ = ["Reaching"]

SOON = later(600)


def made(name: str, kind: PassKind = "session", person: str = "wei") -> Pass:
    """A pass that was made at noon, good for ten minutes."""
    return Pass(name, f"digest of {name}", kind, person, "", "", NOON, SOON, NOON)


class Reaching:
    """Passes, claims and looking through."""

    @scenario
    async def test_a_link_becomes_one_session_however_many_try(self, world: World) -> None:
        await world.store.access.issue(made("link", "link"))
        stores = [world.store, world.another()]
        tries = [stores[n % 2].access.redeem("digest of link", made(f"s-{n}", person="")) for n in range(8)]
        found = [one for one in await answers_of(*tries) if isinstance(one, Pass)]
        assert [one.person for one in found] == ["wei"]
        store = await world.reopened()
        assert await store.access.pass_of(found[0].digest) == found[0]
        assert await store.access.pass_of("digest of link") is None
        assert list(await store.access.passes("session")) == found

    @scenario
    async def test_what_is_no_link_or_has_ended_becomes_nothing(self, world: World) -> None:
        access = world.store.access
        await access.issue(made("link", "link"))
        await access.issue(made("token", "token"))
        late = made("late")._replace(created=SOON)
        assert await access.redeem("digest of link", late) is None
        assert await access.redeem("digest of token", made("s")) is None
        assert await access.redeem("digest of nothing", made("s")) is None
        assert list(await access.passes("session")) == []

    @scenario
    async def test_a_pass_is_touched_withdrawn_and_forgotten_after_its_end(self, world: World) -> None:
        access = world.store.access
        await access.issue(made("a", "token"))
        await access.touch("digest of a", later(60))
        assert await access.pass_of("digest of a") == made("a", "token")._replace(used=later(60))
        assert await access.withdraw("a")
        assert not await access.withdraw("a")
        assert await access.pass_of("digest of a") is None
        await access.issue(made("b"))
        await access.issue(made("c")._replace(created=SOON + timedelta(1), expires=SOON + timedelta(2)))
        assert [one.id for one in await access.passes("session")] == ["c"]

    @scenario
    async def test_a_persons_passes_of_a_kind_are_withdrawn_together(self, world: World) -> None:
        access = world.store.access
        for name, kind, person in (("a", "session", "wei"), ("b", "session", "wei"), ("c", "session", "wei"),
                                   ("d", "session", "lin"), ("e", "token", "wei")):  # fmt: skip
            await access.issue(made(name, "token" if kind == "token" else "session", person))
        assert await access.withdraw_all("wei", "session", "b") == 2
        assert [one.id for one in await access.passes("session")] == ["b", "d"]
        assert await access.withdraw_all("wei", "session") == 1
        assert [one.id for one in await access.passes("token")] == ["e"]

    @scenario
    async def test_a_key_is_claimed_once_and_keeps_its_answer(self, world: World) -> None:
        claim, before = Claim("wei", "k-1", "digest", NOON), later(-86_400)
        stores = [world.store, world.another()]
        told = await answers_of(*[stores[n % 2].access.claim(claim, before) for n in range(6)])
        assert [one is None for one in told].count(True) == 1
        await world.store.access.answer(claim._replace(status=201, body=b'{"id": "r-1"}'))
        store = await world.reopened()
        again = await store.access.claim(claim._replace(request="other", at=SOON), before)
        assert again == Claim("wei", "k-1", "digest", NOON, 201, b'{"id": "r-1"}')
        assert await store.access.claim(claim._replace(person="lin"), before) is None
        assert await store.access.claim(claim._replace(at=SOON), SOON) is None, "forgotten"

    @scenario
    async def test_runs_are_found_by_what_is_said_of_them_a_page_at_a_time(self, world: World) -> None:
        for number in range(5):
            task, cause = f"Pay Invoice {number} 发票 100%_", "desk/mails" if number == 2 else ""
            told = Began("person:wei", "mail" if cause else "person", cause, "", "" if number == 4 else task)
            run = new_run(f"r-{number}abc{number}", agent="payables" if number % 2 else "desk", told=told)
            await world.store.commit(Commit(run.id, None, children=[run._replace(created=later(number))]))
        access = world.another().access
        assert await access.counts() == {"ready": 5}

        async def found(sought: Sought) -> str:
            names = "".join(line.row.id[-1] for line in (await access.find(sought)).runs)
            counts = await access.count(sought)
            assert (counts.states.get("ready", 0), counts.more) == (len(names), False)
            return names

        assert await found(Sought()) == "43210"
        assert await found(Sought(agent="payables")) == "31"
        assert await found(Sought(text="invoice")) == "3210"
        assert await found(Sought(text=" ayab ")) == "31"
        assert await found(Sought(text="bc2")) == await found(Sought(text="r-2abc2")) == "2"
        assert await found(Sought(text="发票", agent="payables")) == "31"
        assert await found(Sought(text="0%_")) == "3210"
        assert await found(Sought(text="y_I")) == "", "no pattern"
        assert await found(Sought(states=["waiting"])) == ""
        assert await found(Sought(states=["ready"], since=NOON)) == "43210"
        assert await found(Sought(since=later(1), until=later(3))) == "21"
        assert await found(Sought(since=later(9))) == ""
        assert await found(Sought(on_behalf_of="nobody")) == ""
        assert await found(Sought(trigger="mail")) == await found(Sought(trigger="desk/mails")) == "2"
        assert await found(Sought(money=1)) == ""
        first = await access.find(Sought(most=2))
        assert ([line.row.id[-1] for line in first.runs], first.after) == (["4", "3"], "r-3abc3")
        assert first.runs[1].told == Began("person:wei", "person", "", "", "Pay Invoice 3 发票 100%_")
        rest = await access.find(Sought(before=first.after, most=3))
        assert ([line.row.id[-1] for line in rest.runs], rest.after) == (["2", "1", "0"], "")
        some = await access.find(Sought(agent="desk", before="r-4abc4", most=1))
        assert ([line.row.id for line in some.runs], some.after) == (["r-2abc2"], "r-2abc2")
        assert (await access.find(Sought(before="none"))).runs == []

    @scenario
    async def test_a_run_in_a_list_says_what_it_cost_and_what_it_waits_for(self, world: World) -> None:
        (held,) = await world.hold("r-1")
        waits = change("waiting", "approval")._replace(money=1_500_000)
        await held.commit(b'{"a":1}', items=[held.item("i-1")], state=waits)
        (line,) = (await world.another().access.find(Sought(states=["waiting"], money=1_500_000))).runs
        assert (line.row, line.money) == (await world.store.run("r-1"), 1_500_000)
        assert [one.id for one in line.items] == ["i-1"]
        assert (await world.store.access.find(Sought(money=1_500_001))).runs == []

    @scenario
    async def test_of_very_many_runs_that_fit_the_newest_are_counted(self, world: World) -> None:
        for start in range(0, COUNTED + 100, 2_020):
            runs = [new_run(f"r-{start + n}", told=Began(task="alike")) for n in range(2_020)]
            await world.store.commit(Commit(runs[0].id, None, children=runs))
        assert await world.store.access.count(Sought(text="alike")) == ({"ready": COUNTED}, True)
        assert await world.store.access.count(Sought(states=["ready"])) == ({"ready": COUNTED + 100}, False)
        assert len((await world.store.access.find(Sought(text="LIK", states=["ready"]))).runs) == 50

    @scenario
    async def test_events_are_fed_in_the_order_of_their_commits(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        at = await world.store.access.position()
        await two.commit(b'{"a":1}')
        await one.commit(b'{"b":1}', b'{"c":1}')
        fed = list(await world.another().access.feed(at, 10))
        assert [(one.run, one.body) for one in fed] == [("r-2", b'{"a":1}'), ("r-1", b'{"b":1}'), ("r-1", b'{"c":1}')]
        assert list(await world.store.access.feed(fed[0].position, 1)) == fed[1:2]
        assert await world.store.access.position() == fed[-1].position
        assert list(await world.store.access.feed(fed[-1].position, 10)) == []

    @scenario
    async def test_events_are_told_in_the_order_of_commits_and_looked_for_from_the_newest(self, world: World) -> None:
        access = world.store.access
        start, body = await access.position(), b'{"by":"person:lin","type":"Workspace"}'
        await world.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
        first, second = new_run("r-1"), new_run("r-2")
        for run in (first, second):
            await world.store.commit(Commit(run=run.id, lease=None, children=[run]))
        told = await access.told(start, 10)
        assert [(one.run, one.seq) for one in told][1:] == [("r-1", 1), ("r-2", 1)]
        assert told[1].agent == first.agent
        assert (told[2].link, told[2].body) == (second.started.link, second.started.body)
        assert [one.position for one in told] == sorted(one.position for one in told)
        newest, onward = await access.looked(Looked(most=2))
        assert [one.run for one in newest] == ["r-2", "r-1"]
        assert onward == newest[-1].position
        (noted,), _ = await access.looked(Looked(before=onward, person="lin"))
        assert noted.run == "workspace"
        assert [one.run for one in (await access.looked(Looked(run="r-1")))[0]] == ["r-1"]
        assert (await access.looked(Looked(agent="nobody")))[0] == []
        assert (await access.looked(Looked(holding=[b'"type":"Workspace"'], most=1)))[0] == [noted]
        assert (await access.looked(Looked(also=b"nothing holds this")))[0] == []
        assert (await access.looked(Looked(look=1)))[1] == newest[0].position
