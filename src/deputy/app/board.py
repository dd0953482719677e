"""What people who run the workspace see of it: its switches, its people and their duties, its settings."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.config.settings import REHEARSAL, Auth, ModelRoute
from deputy.app.figures import team_of
from deputy.app.proving import proof_of
from deputy.app.routes import understood
from deputy.app.seeing import people_view
from deputy.app.tracing.following import tracing
from deputy.app.views import moment
from deputy.domain.event import Workspace, event_from
from deputy.domain.principal import Person
from deputy.kernel.approval import shown
from deputy.ports.access import Looked

__all__ = ["duties", "settings_view", "switches"]

SWITCHED = 200  #: freezes that are looked through for who switched something


async def switches(office: Office, person: Person) -> dict[str, Any]:
    """What is frozen, since when and by whom."""
    rights.require(person, "agents.read")
    frozen = {name for name in await office.store.frozen() if "/" not in name}  # else it is a paused trigger
    found: dict[str, Workspace] = {}
    if frozen:
        asked = Looked(run="workspace", holding=[b'"what":"frozen"'], most=SWITCHED)
        told, _ = await office.store.access.looked(asked)
        for one in told:
            event = event_from(one.body)
            if isinstance(event, Workspace) and event.subject not in found:
                found[event.subject] = event
    return {
        "workspace": _switch("*", found) if "*" in frozen else None,
        "agents": [{"agent": name, **_switch(name, found)} for name in sorted(frozen - {"*"})],
        "may": rights.may(person, "workspace.freeze"),
    }  # fmt: skip


def _switch(subject: str, found: Mapping[str, Workspace]) -> dict[str, Any]:
    event = found.get(subject)
    return {"since": moment(event.at) if event else None, "by": event.by if event else None}


async def duties(office: Office, person: Person) -> dict[str, Any]:
    """The directory, with what each person answers for and how much waits for them."""
    rights.require(person, "people.read")
    settings, everything = office.settings, rights.sees_all(person)
    waiting = [shown(item) for item in await office.store.items() if item.kind != "message"]
    waits = Counter(who for asked in waiting for who in asked.people)
    listed = people_view(settings.directory)
    for one in listed:
        mine = one["id"] == person.id
        one["waits"] = waits[one["id"]] if everything or mine else None
        one["approves"] = _approves(office, one["id"])
        one["owns"] = [
            deployed.agent.name for deployed in settings.agents.values() if deployed.agent.owner == one["id"]
        ]
        one["reports"] = [p.id for p in settings.directory.people.values() if p.manager == one["id"]]
    groups = [
        {
            "id": group.id, "name": group.name or group.id,
            "members": sorted(settings.directory.members(f"group:{group.id}", "")),
        }
        for group in settings.directory.groups.values()
    ]  # fmt: skip
    return {"people": listed, "groups": groups, "file": "people.toml", "self_approval": settings.self_approval}


def _approves(office: Office, person: str) -> list[dict[str, Any]]:
    """Which tools of which agents wait for this person's word, and as what they are asked."""
    settings, policy = office.settings, office.deployment.policy()
    found: list[dict[str, Any]] = []
    for deployed in settings.agents.values():
        agent = deployed.agent
        for grant in agent.grants:
            if grant.autonomy != "ask":
                continue
            entries = grant.approvers or policy.usual_approvers(agent, agent.owner)
            through = [entry for entry in entries if person in settings.directory.members(entry, agent.owner)]
            if through:
                found.append({"agent": agent.name, "tool": grant.pattern, "through": through})
    return found


def settings_view(office: Office, person: Person) -> dict[str, Any]:
    """What deputy.toml says, without anything secret: names of secrets, never what they hold."""
    rights.require(person, "settings.read")
    settings = office.settings
    kind, _, place = settings.database.partition(":")
    return {
        "name": settings.name, "currency": settings.currency, "timezone": settings.timezone,
        "self_approval": settings.self_approval, "file": "deputy.toml",
        "wrong": None if office.deployment.wrong is None else str(office.deployment.wrong.message),
        "database": {"kind": kind, "file": place if kind == "sqlite" else None},
        "web": {
            "host": settings.web.host, "port": settings.web.port, "expose": settings.web.expose,
            "public_url": settings.web.public_url or None,
        },
        "sign_in": _sign_in(settings.auth),
        "models": [_model(office, route) for route in settings.models.values()],
        "connections": [
            {"name": one.name, "kind": one.title.partition(".")[0].strip("[]"), "title": one.title}
            for one in settings.connections.values()
        ],
        "teams": [{"team": name, "weight": weight} for name, weight in settings.teams.items()],
        "agents": [{"agent": name, "team": team_of(office, name) or None} for name in settings.agents],
        "telemetry": _telemetry(office),
    }  # fmt: skip


def _sign_in(auth: Auth) -> dict[str, Any]:
    """How people sign in, but for what is secret."""
    oidc = auth.oidc
    named = None if oidc is None else {
        "issuer": oidc.issuer, "client_id": oidc.client_id, "name": oidc.name or None,
        "roles_claim": oidc.roles_claim or None,
    }  # fmt: skip
    return {"links": auth.links, "oidc": named}


def _telemetry(office: Office) -> dict[str, Any] | None:
    """Where traces go, and how that stands in this process."""
    said, now = office.settings.telemetry, tracing(office)
    if not said.traces:
        return None
    return {
        "traces": said.traces, "service": said.service, "content": said.content, "sent": now.sent,
        "refused": now.refused, "problem": now.problem or None,
    }  # fmt: skip


def _model(office: Office, route: ModelRoute) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": route.name, "provider": route.provider, "model": route.model or None,
        "addresses": list(route.addresses), "key": route.api_key or None, "deadline": route.deadline,
        "concurrency": route.limits.concurrency, "known": True, "problem": None,
        "proof": proof_of(office, route.name),
    }  # fmt: skip
    if route.provider != REHEARSAL:
        found = understood(route, office.settings.currency)
        told["known"] = found.known.model is not None
        told["problem"] = found.unusable or None
    return told
