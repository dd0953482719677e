"""What looks at the whole of a workspace, for one person: each part for the roles that may, whoever calls."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from deputy.app import doctor, metrics, queries, rights, secrets, seeing, triggers, views
from deputy.app.audit import export, verify
from deputy.app.bootstrap import Office
from deputy.domain.principal import Person

__all__ = ["budget", "directory", "examined", "exported", "known_secrets", "measured", "starts", "verified"]

_once = asyncio.Semaphore(1)  #: what looks at everything, one at a time


async def budget(office: Office, person: Person) -> list[dict[str, Any]]:
    """The ledger."""
    rights.require(person, "budget.read")
    return [views.account_view(account, office.settings) for account in await queries.accounts(office)]


def directory(office: Office, person: Person) -> list[dict[str, Any]]:
    """The people."""
    rights.require(person, "people.read")
    return seeing.people_view(office.settings.directory)


async def starts(office: Office, person: Person) -> list[dict[str, Any]]:
    """What starts runs without a person."""
    rights.require(person, "triggers.read")
    return [triggers.trigger_view(one) for one in await triggers.standings(office)]


def known_secrets(office: Office, person: Person) -> list[dict[str, Any]]:
    """Every secret, without its value."""
    rights.require(person, "secrets.read")
    return [secrets.secret_view(one) for one in secrets.known_secrets(office.settings, office.secrets)]


async def examined(office: Office, person: Person) -> list[dict[str, Any]]:
    """What is right and wrong with the workspace."""
    rights.require(person, "doctor.read")
    async with _once:
        return [doctor.finding_view(finding) async for finding in doctor.examine(str(office.settings.folder))]


async def verified(office: Office, person: Person) -> dict[str, Any]:
    """Whether the record is as it was written."""
    rights.require(person, "audit.read")
    async with _once:
        report = await verify(cast("Any", office.store))
    return {"ok": report.ok, **msgspec.to_builtins(report)}


async def exported(office: Office, person: Person, write: Callable[[bytes], None]) -> None:
    """The whole record, line by line."""
    rights.require(person, "audit.read")
    async with _once:
        await export(cast("Any", office.store), write)


async def measured(office: Office, person: Person) -> str:
    """The metrics, as Prometheus reads them."""
    rights.require(person, "metrics.read")
    return await metrics.exposition(office)
