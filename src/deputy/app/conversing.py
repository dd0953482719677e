"""What people do in a conversation beside speaking: let it rest, or end it."""

from deputy.app.bootstrap import Office
from deputy.app.commands import Asking, stoppable
from deputy.base.canonical import canonical, digest
from deputy.base.errors import Conflict
from deputy.domain.delivery import Halt, InboxRow
from deputy.domain.event import Started, event_from
from deputy.domain.principal import Person, person_principal
from deputy.ports.store import RunRow

__all__ = ["halt", "is_conversation"]


async def is_conversation(office: Office, row: RunRow) -> bool:
    """Whether a run stays open after an answer."""
    first = event_from((await office.store.rows(row.id))[0].body)
    return isinstance(first, Started) and first.conversation != "no"


async def halt(office: Office, name: str, person: Person, request: Asking, *, end: bool) -> str:
    """Let a conversation begin nothing more until its person speaks again, or end it; returns the run's id."""
    row = await stoppable(office, name, person)
    if not await is_conversation(office, row):
        raise Conflict(f"Run {row.id} is no conversation.", "Cancel it instead.")
    by = person_principal(person.id)
    known = digest(canonical([by, request.key]))[:32]
    await office.store.deliver(InboxRow(id=f"halt:{known}", run=row.id, by=by, at=request.at, delivery=Halt(end)))
    return row.id
