"""Compare what arrived with the runs that came of it."""

from typing import NamedTuple

from deputy.app.audit.journals import Journals
from deputy.app.audit.report import Findings, Place, short
from deputy.app.audit.stored import UNREADABLE
from deputy.base.canonical import canonical, digest
from deputy.domain.event import Started, event_from
from deputy.domain.occasion import Occasion, blobs_of_occasion, occasion_from
from deputy.ports.store import Snapshot

__all__ = ["check_arrivals"]

OPEN = ("ready", "running", "waiting")
CAME = {"started": True, "over": True, "pending": False, "skipped": False}  #: whether a run came of it


class _Stored(NamedTuple):
    position: int
    trigger: str
    id: str
    at: str
    body: bytes
    check: bytes
    state: str
    run: str | None
    run_state: str | None

    @property
    def intact(self) -> bool:
        """Whether it is what arrived."""
        return digest(canonical([self.trigger, self.id, self.at]) + self.body) == self.check.hex()


async def check_arrivals(snapshot: Snapshot, findings: Findings, journals: Journals) -> None:
    """Every arrival that is kept: that it is what arrived, and that the run it names began with it."""
    async for values in snapshot.rows("arrivals"):
        row = _Stored(*values)
        place = Place(run=row.run or "", table="arrivals", key=f"{row.trigger} {row.id}")
        wrong, occasion = _wrong(row)
        if not wrong and occasion is not None:
            missing = set(blobs_of_occasion(occasion)) - await journals.keys(blobs_of_occasion(occasion))
            if missing:
                wrong = f"names blob {min(missing)[:12]}, which is missing"
            elif row.run is not None:
                wrong = await _other(snapshot, row.run, occasion)
        if wrong:
            findings.add("arrival", place, f"Arrival {short(row.id)} of {short(row.trigger)} {wrong}.")


def _wrong(row: _Stored) -> tuple[str, Occasion | None]:
    """What is wrong with an arrival by itself, as the end of a sentence; or what it was."""
    if not row.intact:
        return "was changed after it came", None
    if row.state not in CAME or CAME[row.state] != (row.run is not None):
        return f"is {short(row.state)}, and its run is {short(row.run)}", None
    if row.run is not None and (row.state == "started") != (row.run_state in OPEN):
        return f"is {row.state}, and its run is {short(row.run_state)}", None
    try:
        occasion = occasion_from(row.body)
    except UNREADABLE as exc:
        return f"cannot be read: {short(str(exc))}", None
    if (occasion.trigger, occasion.id) != (row.trigger, row.id):
        return "is not the one it says it is", None
    return "", occasion


async def _other(snapshot: Snapshot, run: str, occasion: Occasion) -> str:
    """How the run that came of an arrival began otherwise, as the end of a sentence."""
    async for (body,) in snapshot.rows("first", run):
        try:
            event = event_from(body)
        except UNREADABLE:
            return ""  # said where the run was read
        if not isinstance(event, Started) or event.occasion != occasion:
            return f"is not what run {run} says it began with"
    return ""
