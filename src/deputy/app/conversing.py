"""What people do in a conversation beside speaking: put files in, let it rest, or end it."""

import asyncio
import unicodedata
from typing import NamedTuple

from deputy.adapters.tool.files import Quota
from deputy.adapters.tool.files.paths import PathRefused, parts_of
from deputy.adapters.tool.files.placing import InUse, NotPlaced, place
from deputy.app.bootstrap import Office
from deputy.app.commands import Asking, hearer, stoppable
from deputy.base.canonical import canonical, digest
from deputy.base.errors import Conflict, UsageError
from deputy.domain.agent import grant_for
from deputy.domain.delivery import Halt, InboxRow, Place
from deputy.domain.event import Started, event_from
from deputy.domain.label import Label
from deputy.domain.occasion import Attachment
from deputy.domain.principal import Person, person_principal
from deputy.ports.store import RunRow

__all__ = ["LARGEST", "Handed", "halt", "is_conversation", "put_file"]

LARGEST = Quota().file  #: bytes of a file


class Handed(NamedTuple):
    """A file that somebody puts into a run's folder."""

    name: str
    content: bytes


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


async def put_file(office: Office, name: str, person: Person, file: Handed, request: Asking) -> Attachment:
    """Put a file into the folder of a run, where its agent reads it; what it holds is data, whoever wrote it."""
    row = await hearer(office, name, person)
    agent = office.settings.agent(row.agent).agent
    if grant_for(agent.grants, "files.read") is None:
        raise UsageError(f"{agent.name} may not read files.", "Grant it `files.read` in its AGENT.md.")
    path = unicodedata.normalize("NFC", file.name)
    try:
        parts = parts_of(path)
    except PathRefused as exc:
        raise UsageError(f"The file cannot have this name. {exc}", "Rename it.") from None
    if len(parts) > 1:
        raise UsageError("The name of a file is no path.", "Name it without folders.")
    root = office.settings.folder / ".deputy" / "runs"
    for pause in (0.05, 0.2, 0.5, None):
        try:
            await asyncio.to_thread(place, root, row.id, [(path, file.content)], request.at)
            break
        except NotPlaced as exc:
            if pause is None or not isinstance(exc, InUse):
                raise Conflict(f"The file cannot be kept: {exc.message}.", "Send less, or try again.") from None
            await office.clock.sleep(pause)
    by = person_principal(person.id)
    known = digest(canonical([by, request.key]))[:32]
    put = Attachment(path, digest(file.content), len(file.content))
    delivery = Place((put,), Label(f"a file of {by}"))
    await office.store.deliver(InboxRow(id=f"file:{known}", run=row.id, by=by, at=request.at, delivery=delivery))
    return put
