"""What one person may see: their runs and items, agents, people; for surfaces where people are told apart."""

from typing import Any

import msgspec

from deputy.app import rights
from deputy.app.authority import changes, direction_of
from deputy.app.bootstrap import Office
from deputy.app.config import Deployed
from deputy.app.queries import inbox
from deputy.app.views import inbox_view, moment, money
from deputy.domain.cost import Limits
from deputy.domain.principal import ROLES, Directory, Person
from deputy.ports.store import RunRow

__all__ = [
    "agent_view",
    "agent_views",
    "my_inbox",
    "people_view",
    "sees",
    "versions",
    "visible",
]

VERSIONS = 50  #: deployments that are shown


def visible(office: Office, person: Person, row: RunRow) -> bool:
    """Whether a person sees this run without having been asked about it."""
    deployed = office.settings.agents.get(row.agent)
    mine = row.on_behalf_of == person.id or (deployed is not None and deployed.agent.owner == person.id)
    return mine or rights.sees_all(person)


async def sees(office: Office, person: Person, run: str) -> bool:
    """Whether a person sees a run without having been asked about it."""
    row = await office.store.run(run)
    return row is not None and visible(office, person, row)


async def my_inbox(office: Office, person: Person) -> list[dict[str, Any]]:
    """What waits for this person."""
    rights.require(person, "inbox.read")
    return inbox_view(await inbox(office, person))


async def agent_views(office: Office, person: Person) -> list[dict[str, Any]]:
    """Every agent, with its mandate."""
    rights.require(person, "agents.read")
    frozen = frozenset(await office.store.frozen())
    return [agent_view(deployed, office, frozen) for deployed in office.settings.agents.values()]


def agent_view(deployed: Deployed, office: Office, frozen: frozenset[str]) -> dict[str, Any]:
    """An agent and its mandate, as its current files declare them."""
    agent, currency = deployed.agent, office.settings.currency
    return {
        "name": agent.name,
        "description": agent.description,
        "owner": agent.owner,
        "model": agent.model,
        "driver": agent.driver,
        "version": agent.version,
        "instructions": agent.instructions,
        "frozen": agent.name in frozen or "*" in frozen,
        "tools": [
            {
                "pattern": grant.pattern, "autonomy": grant.autonomy, "approvers": list(grant.approvers),
                "limit": {name: str(value) for name, value in grant.limit.items()},
                "ask_above": {name: str(value) for name, value in grant.ask_above.items()},
                "expires": grant.expires,
            }
            for grant in agent.grants
        ],
        "budget": {"run": _limits(agent.run_limits, currency), "day": _limits(agent.day_limits, currency)},
        "triggers": [trigger.key for trigger in deployed.triggers],
    }  # fmt: skip


def _limits(limits: Limits, currency: str) -> dict[str, Any]:
    return {
        "money": None if limits.money is None else money(limits.money, currency),
        "tokens": limits.tokens,
        "steps": limits.steps,
        "wall": None if limits.wall is None else limits.wall / 1000,
    }


async def versions(office: Office, person: Person, agent: str) -> list[dict[str, Any]]:
    """The versions of an agent that were deployed, the newest first."""
    rights.require(person, "agents.read")
    office.settings.agent(agent)
    deployments = await office.history.of(agent)
    found: list[dict[str, Any]] = []
    for n in range(len(deployments) - 1, max(-1, len(deployments) - 1 - VERSIONS), -1):
        one, before = deployments[n], deployments[n - 1] if n else None
        made = None if before is None else changes(
            await office.versions.past(agent, before.version), await office.versions.past(agent, one.version)
        )  # fmt: skip
        found.append({
            "version": one.version, "at": moment(one.at), "by": one.by, "detail": one.detail,
            "current": n == len(deployments) - 1, "direction": None if made is None else direction_of(made),
            "changes": msgspec.to_builtins(made or []),
        })  # fmt: skip
    return found


def people_view(directory: Directory) -> list[dict[str, Any]]:
    """The directory: who there is, in which groups and roles."""
    return [
        {
            "id": person.id, "name": person.name, "email": person.email or None, "manager": person.manager or None,
            "groups": list(person.groups), "roles": [role for role in ROLES if role in person.roles],
            "limits": person.limits,
        }
        for person in directory.people.values()
    ]  # fmt: skip
