"""Journals: what a commit may continue, that all of it is there when its await returns, and in which order."""

from msgspec.structs import replace

from deputy.base.canonical import canonical, digest
from deputy.base.errors import CommitRefused, LeaseLost, OutOfSequence
from deputy.domain.chain import GENESIS, link
from deputy.domain.delivery import Approve
from deputy.ports.store import Blob, Commit, Row
from deputy.testing.conformance.world import (
    NOON,
    Hand,
    World,
    answers_of,
    change,
    mail,
    new_run,
    note,
    rows_after,
    scenario,
    timer,
)  # fmt: skip

__all__ = ["Journals"]


async def _bodies(world: World, run: str) -> list[bytes]:
    return [row.body for row in await world.store.rows(run)]


class Journals:
    """Events, their chain, and how commits keep out of each other's way."""

    @scenario
    async def test_a_new_run_is_ready_and_has_its_first_event(self, world: World) -> None:
        new = new_run("r-child", parent="r-parent", root="r-root", agent="helpdesk")
        await world.store.commit(Commit("r-parent", None, children=[new]))
        row = await world.store.run("r-child")
        assert row is not None
        assert (row.id, row.agent, row.version, row.driver) == ("r-child", "helpdesk", "v1", "loop")
        assert (row.on_behalf_of, row.parent, row.root) == ("wei", "r-parent", "r-root")
        assert (row.state, row.summary, row.created, row.changed) == ("ready", "", NOON, NOON)
        assert (row.seq, row.link) == (1, new.started.link)
        assert await world.store.rows("r-child") == [new.started]

    @scenario
    async def test_a_run_that_does_not_exist_has_no_row_and_no_events(self, world: World) -> None:
        assert await world.store.run("r-none") is None
        assert list(await world.store.rows("r-none")) == []
        assert list(await world.store.inbound("r-none")) == []

    @scenario
    async def test_a_commit_is_there_when_its_await_returns(self, world: World) -> None:
        hand, other = await world.hand(), world.another()
        await hand.commit(b'{"n":2}', b'{"n":3}')
        assert [row.seq for row in await other.rows(hand.run)] == [1, 2, 3]
        row = await other.run(hand.run)
        assert row is not None
        assert (row.seq, row.link) == hand.head

    @scenario
    async def test_what_was_committed_is_there_after_everything_was_closed(self, world: World) -> None:
        hand = await world.hand()
        body = b"x" * 9000
        await hand.commit(b'{"n":2}', blobs=[Blob(digest(body), body)], items=[hand.item("i-1")], deliveries=[])
        before = (await world.store.run(hand.run), await world.store.rows(hand.run))
        store = await world.reopened()
        assert (await store.run(hand.run), await store.rows(hand.run)) == before
        assert await store.blobs([digest(body)]) == {digest(body): body}
        assert [item.id for item in await store.items()] == ["i-1"]

    @scenario
    async def test_closing_finishes_what_was_submitted(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(20)])
        assert await answers_of(*[hand.commit(b"{}") for hand in hands], world.close()) == [None] * 21
        store = world.another()
        assert [len(await store.rows(hand.run)) for hand in hands] == [2] * 20

    @scenario
    async def test_events_come_back_byte_for_byte_and_in_order(self, world: World) -> None:
        hand = await world.hand()
        bodies = [bytes([n]) * (n * 37) for n in range(1, 200)]
        await hand.commit(*bodies[:150])
        for body in bodies[150:]:
            await hand.commit(body)
        assert (await _bodies(world, hand.run))[1:] == bodies

    @scenario
    async def test_every_event_is_chained_to_the_one_before(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b'{"n":2}')
        await hand.commit(b'{"n":3}', b'{"n":4}')
        last = GENESIS
        for n, row in enumerate(await world.store.rows(hand.run), 1):
            last = link(last, hand.run, n, row.body)
            assert (row.seq, row.link) == (n, last)

    @scenario
    async def test_reading_after_an_event_gives_those_above_it(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", b"3", b"4")
        assert [row.seq for row in await world.store.rows(hand.run, 2)] == [3, 4]
        assert list(await world.store.rows(hand.run, 4)) == []

    @scenario
    async def test_a_commit_may_change_things_without_adding_an_event(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(items=[hand.item("i-1")])
        assert len(await world.store.rows(hand.run)) == 1
        assert [item.id for item in await world.store.items()] == ["i-1"]
        await hand.commit(b"2")
        assert len(await world.store.rows(hand.run)) == 2

    @scenario
    async def test_a_commit_that_does_not_start_at_the_head_is_refused(self, world: World) -> None:
        hand = await world.hand()
        first = hand.head
        await hand.commit(b"2")
        for head in (first, (3, hand.head[1]), (2, first[1]), (0, GENESIS)):
            (answer,) = await answers_of(hand.store.commit(hand.draft(b"3", head=head)))
            assert isinstance(answer, OutOfSequence), head
        await hand.commit(b"3")
        assert (await _bodies(world, hand.run))[1:] == [b"2", b"3"]

    @scenario
    async def test_events_that_do_not_continue_the_chain_are_refused(self, world: World) -> None:
        hand = await world.hand()
        second, third = rows_after(hand.run, hand.head, [b"2", b"3"])
        elsewhere = rows_after("r-other", hand.head, [b"2"])[0]
        for rows in (
            [third], [second, second], [third, second], [second._replace(seq=7)], [second._replace(link=GENESIS)],
            [second._replace(body=b"another")], [elsewhere], [second, third._replace(seq=4)],
        ):  # fmt: skip
            (answer,) = await answers_of(hand.store.commit(replace(hand.draft(), rows=rows)))
            assert isinstance(answer, OutOfSequence), rows
        assert len(await world.store.rows(hand.run)) == 1
        await hand.commit(b"2", b"3")

    @scenario
    async def test_a_run_starts_with_event_one_of_its_own_chain(self, world: World) -> None:
        new = new_run("r-one")
        for started in (new_run("r-two").started, new.started._replace(seq=2), new.started._replace(body=b"{}")):
            (answer,) = await answers_of(
                world.store.commit(Commit("r-one", None, children=[new._replace(started=started)]))
            )
            assert isinstance(answer, OutOfSequence)
        assert await world.store.run("r-one") is None

    @scenario
    async def test_without_a_lease_nothing_of_a_run_is_changed(self, world: World) -> None:
        hand = await world.hand()
        parts = {
            "items": [hand.item("i-1")], "state": change("done"), "grant": "g-1", "taken": [1], "items_off": ["i-1"],
            "timers": [timer("t", 1)], "timers_off": ["t"],
        }  # fmt: skip
        (answer,) = await answers_of(world.store.commit(hand.draft(b"2", lease=None)))
        assert isinstance(answer, LeaseLost)
        for name, part in parts.items():
            (answer,) = await answers_of(world.store.commit(hand.draft(lease=None, **{name: part})))
            assert isinstance(answer, LeaseLost), name
        await hand.commit(b"2", grant="g-1")
        row = await world.store.run(hand.run)
        assert row is not None
        assert (row.seq, row.state) == (2, "running")

    @scenario
    async def test_commits_of_one_run_submitted_together_keep_their_order(self, world: World) -> None:
        hand = await world.hand()
        commits, head = list[Commit](), hand.head
        for n in range(50):
            rows = rows_after(hand.run, head, [b"%d" % n, b"and %d" % n])
            commits.append(replace(hand.draft(head=head), rows=rows))
            head = (rows[-1].seq, rows[-1].link)
        assert await answers_of(*[hand.store.commit(commit) for commit in commits]) == [None] * 50
        assert (await _bodies(world, hand.run))[1::2] == [b"%d" % n for n in range(50)]

    @scenario
    async def test_what_follows_a_refused_commit_of_the_same_run_is_refused_too(self, world: World) -> None:
        hand = await world.hand()
        refused = hand.draft(b"2", thawed="payables")
        await world.store.note(note, ("payables", True))
        follower = hand.draft(b"3", head=(2, refused.rows[-1].link))
        answers = await answers_of(hand.store.commit(refused), hand.store.commit(follower))
        assert all(isinstance(answer, CommitRefused) for answer in answers)
        assert len(await world.store.rows(hand.run)) == 1

    @scenario
    async def test_a_journal_goes_on_in_other_hands(self, world: World) -> None:
        hand, other = await world.hand(), world.another()
        await hand.commit(b"2")
        await hand.commit(b"3", state=change("ready"))
        lease = await other.join("worker")
        (taken,) = await other.claim(lease, 10)
        assert [row.body for row in taken.rows][1:] == [b"2", b"3"]
        mine = Hand(other, lease, taken)
        await mine.commit(b"4", state=change("ready"))
        (again,) = await world.store.claim(hand.lease, 10)
        await Hand(world.store, hand.lease, again).commit(b"5")
        assert (await _bodies(world, hand.run))[1:] == [b"2", b"3", b"4", b"5"]

    @scenario
    async def test_a_commit_creates_its_children_and_delivers_at_once(self, world: World) -> None:
        hand, parent = await world.hold("r-one", "r-parent")
        await parent.commit(state=change("waiting", "child"))
        body = b"a long task"
        child = new_run("r-child", parent="r-one", blobs=(Blob(digest(body), body),))
        await hand.commit(b"2", children=[child], deliveries=[mail("r-parent", "d-1")])
        assert [run.id for run in await world.store.runs(parent="r-one")] == ["r-child"]
        assert await world.store.blobs([digest(body)]) == {digest(body): body}
        assert [row.id for row in await world.store.inbound("r-parent")] == ["d-1"]
        woken = await world.store.run("r-parent")
        assert woken is not None
        assert woken.state == "ready"

    @scenario
    async def test_a_commit_can_deliver_to_the_child_it_creates(self, world: World) -> None:
        hand = await world.hand()
        child = new_run("r-child", parent=hand.run)
        await hand.commit(b"2", children=[child], deliveries=[mail("r-child", "d-1")])
        assert [row.id for row in await world.store.inbound("r-child")] == ["d-1"]

    @scenario
    async def test_a_run_is_created_once(self, world: World) -> None:
        await world.create("r-one")
        (answer,) = await answers_of(world.create("r-two", "r-one"))
        assert isinstance(answer, OutOfSequence)
        assert await world.store.run("r-two") is None

    @scenario
    async def test_what_contradicts_the_stored_is_refused_and_its_neighbours_are_not(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(21)])
        await hands[0].commit(items=[hands[0].item("i-1")])
        drafts = [hand.draft(b"2") for hand in hands]
        drafts[7] = replace(drafts[7], items=[hands[7].item("i-1")])
        drafts[14] = replace(drafts[14], children=[new_run("r-03")])
        answers = await answers_of(*[world.store.commit(draft) for draft in drafts])
        wrong = [n for n, answer in enumerate(answers) if answer is not None]
        assert wrong == [7, 14]
        assert all(isinstance(answers[n], OutOfSequence) for n in wrong)
        assert [len(await world.store.rows(hand.run)) for hand in hands] == [1 + (n not in wrong) for n in range(21)]

    @scenario
    async def test_what_cannot_be_stored_at_all_fails_alone(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(20)])
        unwritable = Approve("i-1", "d", {"name": "\ud800"})
        drafts = [hand.draft(b"2") for hand in hands]
        drafts[6] = replace(drafts[6], deliveries=[mail("r-00", "d-1", unwritable)])
        drafts[9] = replace(drafts[9], items=[hands[9].item("i-1", created=NOON.replace(tzinfo=None))])
        drafts[12] = replace(drafts[12], items=[hands[12].item("i-1")._replace(id="i-\ud800")])
        answers = await answers_of(*[world.store.commit(draft) for draft in drafts])
        assert [n for n, answer in enumerate(answers) if answer is not None] == [6, 9, 12]
        assert [len(await world.store.rows(hand.run)) for hand in hands] == [
            1 if n in (6, 9, 12) else 2 for n in range(20)
        ]
        for n in (6, 9, 12):
            await hands[n].commit(b"2 again")

    @scenario
    async def test_the_workspace_has_a_journal_of_its_own(self, world: World) -> None:
        for _ in range(3):
            await world.store.note(note)
        rows = await world.store.rows("workspace")
        assert rows == rows_after("workspace", (0, GENESIS), [canonical({"note": n}) for n in (1, 2, 3)])
        assert await world.store.run("workspace") is None
        assert list(await world.store.runs()) == []

    @scenario
    async def test_a_note_that_does_not_continue_the_chain_is_refused(self, world: World) -> None:
        await world.store.note(note)
        for skipped in (0, 1):
            wrong = world.store.note(lambda seq, last, n=skipped: Row(seq + n, last, b"{}"), ("payables", True))
            (answer,) = await answers_of(wrong)
            assert isinstance(answer, OutOfSequence)
        assert len(await world.store.rows("workspace")) == 1
        assert list(await world.store.frozen()) == []

    @scenario
    async def test_notes_of_several_stores_make_one_chain(self, world: World) -> None:
        stores = [world.store, world.another(), world.another()]
        assert await answers_of(*[store.note(note) for store in stores for _ in range(10)]) == [None] * 30
        rows = await world.store.rows("workspace")
        assert rows == rows_after("workspace", (0, GENESIS), [canonical({"note": n}) for n in range(1, 31)])
