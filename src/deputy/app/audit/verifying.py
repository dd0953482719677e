"""Verify in the background: one at a time, with how far it is; what was found last is kept until the next."""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec

from deputy.app import rights
from deputy.app.audit.report import Report
from deputy.app.audit.verify import verify
from deputy.app.bootstrap import Office
from deputy.app.views import moment
from deputy.domain.principal import Person, person_principal

__all__ = ["Verification", "begin", "stands"]


class Verification(NamedTuple):
    """One verification: who asked, when, and what came of it; `report` None while it goes on."""

    by: str
    begun: datetime
    ended: datetime | None = None
    report: Report | None = None


class _Job:
    def __init__(self) -> None:
        self.now: Verification | None = None
        self.runs = 0
        self.of = 0
        self.task: asyncio.Task[None] | None = None


async def begin(office: Office, person: Person) -> dict[str, Any]:
    """Begin to verify, unless somebody does already; how it stands."""
    rights.require(person, "audit.read")
    job = _job(office)
    if job.task is None or job.task.done():
        job.now = Verification(person_principal(person.id), office.clock.now())
        job.runs, job.of = 0, sum((await office.store.access.counts()).values())
        job.task = office.beside(_verify(office, job))
    return _view(job)


async def stands(office: Office, person: Person) -> dict[str, Any]:
    """How the verification stands that was begun last in this process."""
    rights.require(person, "audit.read")
    return _view(_job(office))


def _job(office: Office) -> _Job:
    found = office.jobs.get("verify")
    if found is None:
        found = office.jobs["verify"] = _Job()
    return cast("_Job", found)


async def _verify(office: Office, job: _Job) -> None:
    assert job.now is not None

    def told(runs: int) -> None:
        job.runs = runs

    report = await verify(cast("Any", office.store), told=told)
    job.now = job.now._replace(ended=office.clock.now(), report=report)


def _view(job: _Job) -> dict[str, Any]:
    now = job.now
    failed = job.task is not None and job.task.done() and (now is None or now.report is None)
    report: dict[str, Any] | None = None
    if now is not None and now.report is not None:
        report = {"ok": now.report.ok, **msgspec.to_builtins(now.report)}
    going = job.task is not None and not job.task.done()
    return {
        "state": "running" if going else "broken" if failed else "done" if now is not None else "none",
        "by": now.by if now is not None else None, "begun": moment(now.begun) if now is not None else None,
        "ended": moment(now.ended) if now is not None else None, "runs": job.runs, "of": job.of, "report": report,
    }  # fmt: skip
