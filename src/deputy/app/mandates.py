"""Who may do what: every grant of every agent, with the tools it means and the people whom it asks; and what may stand
in an agent's file."""

from typing import Any, get_args

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.config.settings import REHEARSAL
from deputy.domain.agent import Autonomy, grant_for
from deputy.domain.effect import CONSEQUENTIAL
from deputy.domain.principal import ROLES, Person

__all__ = ["mandates", "vocabulary"]

MOST_TOOLS = 40  #: named of one grant
KEYS = ("name", "description", "owner", "model", "tools", "triggers", "budget", "max_tokens", "answer", "done")
GRANT = ("autonomy", "approvers", "limit", "ask_above", "expires")
BUDGET = ("run", "day", "steps", "tokens", "wall")
TRIGGER = (
    "schedule", "every", "at", "mail", "webhook", "folder", "run", "task", "name", "overlap", "missed", "timezone",
    "done",
)  # fmt: skip


async def mandates(office: Office, person: Person) -> list[dict[str, Any]]:
    """Every grant; the people are those whom it asks when the agent acts for its owner."""
    rights.require(person, "agents.read")
    settings, listed = office.settings, await office.toolbox.listed()
    frozen = frozenset(await office.store.frozen())
    default = office.deployment.policy().usual_approvers
    found: list[dict[str, Any]] = []
    for deployed in settings.agents.values():
        agent = deployed.agent
        for grant in agent.grants:
            specs = [s for name, s in listed.specs.items() if grant_for(agent.grants, name) is grant]
            entries = grant.approvers or default(agent, agent.owner)
            people = {p for entry in entries for p in settings.directory.members(entry, agent.owner)}
            found.append({
                "agent": agent.name, "owner": agent.owner, "pattern": grant.pattern, "autonomy": grant.autonomy,
                "approvers": list(entries), "stated": bool(grant.approvers),
                "people": sorted(people - ({agent.owner} if not settings.self_approval else set())),
                "limit": {name: str(value) for name, value in grant.limit.items()},
                "ask_above": {name: str(value) for name, value in grant.ask_above.items()},
                "expires": grant.expires, "frozen": not frozen.isdisjoint(("*", agent.name)),
                "tools": [{"name": s.name, "class": s.effect} for s in specs[:MOST_TOOLS]], "more": len(specs),
                "consequential": any(s.effect in CONSEQUENTIAL for s in specs) if specs else None,
            })  # fmt: skip
    return found


async def vocabulary(office: Office, person: Person) -> dict[str, Any]:
    """The words that an agent's file may use here: tools, people, models, keys."""
    rights.require(person, "agents.source")
    settings, listed = office.settings, await office.toolbox.listed()
    return {
        "tools": [
            {"name": spec.name, "class": spec.effect, "description": spec.description[:300]}
            for spec in sorted(listed.specs.values(), key=lambda spec: spec.name)
        ],
        "silent": sorted(listed.silent),
        "people": [{"id": person.id, "name": person.name} for person in settings.directory.people.values()],
        "approvers": [
            *(f"person:{name}" for name in settings.directory.people),
            *(f"group:{name}" for name in settings.directory.groups), *(f"role:{role}" for role in ROLES), "manager",
        ],
        "models": sorted({*settings.models, REHEARSAL}), "agents": sorted(settings.agents),
        "mailboxes": sorted(n for n, found in settings.connections.items() if found.title.startswith("mail.")),
        "keys": {
            "": list(KEYS), "grant": list(GRANT), "budget": list(BUDGET), "trigger": list(TRIGGER),
            "autonomy": list(get_args(Autonomy)),
        },
    }  # fmt: skip
