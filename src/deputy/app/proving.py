"""Prove a model beside everything else: one proof of a model at a time, and what it found is kept until the next."""

import asyncio
from datetime import datetime
from typing import Any, cast

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.proof import Proof, named_route, prove
from deputy.app.views import moment
from deputy.domain.principal import Person, person_principal

__all__ = ["begin_proof", "proof_of"]


class _Job:
    def __init__(self, by: str, at: datetime) -> None:
        self.by, self.at = by, at
        self.doing = ""
        self.found: list[Proof] = []
        self.task: asyncio.Task[None] | None = None


async def begin_proof(office: Office, person: Person, name: str) -> dict[str, Any]:
    """Begin to prove this model by real calls, unless that goes on already; how it stands."""
    rights.require(person, "models.prove")
    route = named_route(office.settings, name)
    known = cast("_Job | None", office.jobs.get(f"proof:{name}"))
    if known is None or known.task is None or known.task.done():
        job = office.jobs[f"proof:{name}"] = _Job(person_principal(person.id), office.clock.now())

        def doing(what: str) -> None:
            job.doing = what

        async def work() -> None:
            async for proof in prove(route, office.settings.currency, office.secrets.lend, office.clock, doing):
                job.found.append(proof)

        job.task = office.beside(work())
    found = proof_of(office, name)
    assert found is not None
    return found


def proof_of(office: Office, name: str) -> dict[str, Any] | None:
    """How the proof of a model stands that was begun last in this process."""
    job = cast("_Job | None", office.jobs.get(f"proof:{name}"))
    if job is None:
        return None
    going = job.task is not None and not job.task.done()
    return {
        "state": "running" if going else "done", "by": job.by, "at": moment(job.at),
        "doing": job.doing if going else None, "checks": [proof.view for proof in job.found],
    }  # fmt: skip
