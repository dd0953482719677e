"""Every question that a person can ask: runs, what waits for people, the ledger. Nothing here changes anything."""

from typing import Literal, NamedTuple

from deputy.app.bootstrap import Office
from deputy.base.errors import NotFound, StoreDamaged, UsageError
from deputy.domain.event import Event, event_from
from deputy.domain.principal import Person
from deputy.domain.run import Run, fold
from deputy.domain.stow import blobs_of
from deputy.kernel.approval import Asked, shown
from deputy.ports.listing import Sought
from deputy.ports.store import Account, Delivered, Item, Row, RunRow

__all__ = [
    "Account", "Asked", "Item", "Opened", "RunRow", "Sought", "accounts", "descendants", "find_item", "find_run",
    "inbox", "live_workers", "open_run", "opened", "runs", "shortest", "shown_of",
]  # fmt: skip

SHORTEST = 4  #: characters of a run's id that tell it apart


class Opened(NamedTuple):
    """A run as it is stored and as it folds."""

    row: RunRow
    run: Run
    rows: tuple[Row, ...]
    events: tuple[Event, ...]


async def find_run(office: Office, name: str) -> RunRow:
    """The run of this id, or whose id alone ends so."""
    found = await office.store.matching("run", name)
    if len(found) > 1:
        raise UsageError(f"Several runs end in {name!r}.", f"Say more of it: {', '.join(found)}.")
    row = await office.store.run(found[0]) if found else None
    if row is None:
        raise NotFound(f"There is no run {name!r}.", "See `deputy ps`.")
    return row


async def find_item(office: Office, name: str) -> Item | Delivered:
    """What waits under this id (or alone ends so, or is about this effect); or who answered it."""
    here = await office.store.item(name)
    if here is None:
        about = [item for item in await office.store.items(name.partition(".")[0]) if shown(item).effect == name]
        here = about[0] if about else None
    if here is not None:
        return await office.store.answer_of(here.id) or here
    found = await office.store.matching("item", name)
    if len(found) > 1:
        raise UsageError(f"Several items end in {name!r}.", f"Say more of it: {', '.join(found)}.")
    if found and (delivered := await office.store.answer_of(found[0])) is not None:
        return delivered
    item = await office.store.item(found[0]) if found else None
    if item is None:
        raise NotFound(f"Nothing waits under the id {name!r}.", "See `deputy inbox`.")
    return item


def shown_of(found: Item | Delivered) -> Asked | None:
    """What an item shows; None where it was answered."""
    return None if isinstance(found, Delivered) else shown(found)


async def opened(office: Office, run: str) -> Opened:
    """A run with all its events."""
    row = await office.store.run(run)
    if row is None:
        raise NotFound(f"There is no run {run!r}.", "See `deputy ps`.")
    rows = tuple(await office.store.rows(run))
    events = tuple(event_from(stored.body) for stored in rows)
    bodies = await office.store.blobs([name for event in events for name in blobs_of(event)])

    def blob(name: str) -> bytes:
        if name not in bodies:
            raise StoreDamaged(f"blob {name[:12]} of run {run} is missing", "Run `deputy audit verify`.")
        return bodies[name]

    return Opened(row, fold(run, events, blob), rows, events)


async def open_run(office: Office, run: str) -> Run:
    """The state of a run."""
    return (await opened(office, run)).run


async def runs(office: Office, *, everything: bool = False, most: int = 0) -> list[RunRow]:
    """Runs, newest first; those that are over only if `everything` is asked for."""
    states = () if everything else ("ready", "running", "waiting")
    return list(await office.store.runs(states=states, most=most))


async def inbox(office: Office, person: Person | None = None) -> list[tuple[Item, Asked]]:
    """What waits for people (or for one person), oldest first; answers that are on their way are left out."""
    found: list[tuple[Item, Asked]] = []
    for item in await office.store.items():
        asked = shown(item)
        if person is not None and person.id not in asked.people:
            continue
        if await office.store.answer_of(item.id) is None:
            found.append((item, asked))
    return found


async def accounts(office: Office) -> list[Account]:
    """The ledger: days, the latest first, and runs that share their budget with those they started."""
    found = await office.store.accounts()
    days = sorted((a for a in found if a.name.startswith("day:")), key=lambda a: a.name, reverse=True)
    return [*days, *(a for a in found if not a.name.startswith("day:"))]


async def live_workers(office: Office) -> int:
    """How many processes serve the workspace's runs, other than for their own terminal."""
    return sum(worker.alive and worker.kind == "worker" for worker in await office.store.workers())


async def shortest(office: Office, kind: Literal["run", "item"], name: str) -> str:
    """The shortest end of an id that the commands take for this id alone."""
    kept = name.count(".") and len(name) - name.index(".")  # the part after the run's own id tells little apart
    for length in range(kept + SHORTEST, len(name)):
        if len(await office.store.matching(kind, name[-length:])) == 1:
            return name[-length:]
    return name


async def descendants(office: Office, run: str) -> list[RunRow]:
    """The runs that a run started, and those that they started."""
    found: list[RunRow] = []
    for child in await office.store.runs(parent=run):
        found += [child, *await descendants(office, child.id)]
    return found
