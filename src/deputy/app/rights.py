"""Which roles may do what: the one table, for the command line as for the API.

Roles add up. What a role does not decide (whose run it is, who was asked) is decided where it is known.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from deputy.base.errors import Forbidden
from deputy.domain.principal import ROLES, Directory, Person, Role

__all__ = ["ACTIONS", "RIGHTS", "Action", "decides", "holds", "may", "require", "sees_all"]

Action = Literal[
    "me", "agents.read", "runs.read", "runs.start", "runs.cancel", "runs.message", "inbox.read", "inbox.answer",
    "budget.read", "people.read", "triggers.read", "audit.read", "workspace.freeze", "doctor.read", "metrics.read",
    "tokens.own", "tokens.all", "sessions.own", "sessions.all", "stats.read", "settings.read", "models.prove",
    "agents.source", "agents.deploy", "agents.record", "policy.check", "triggers.tend", "secrets.read",
    "secrets.set",
]  # fmt: skip
ACTIONS: tuple[Action, ...] = get_args(Action)

_ALL: frozenset[str] = frozenset(ROLES)
_WORK = _ALL - {"auditor"}
_SEE = frozenset({"owner", "admin", "builder", "auditor"})
_RUN = frozenset({"owner", "admin"})

RIGHTS: Mapping[Action, frozenset[str]] = {
    "me": _ALL,
    "agents.read": _ALL,
    "runs.read": _ALL,  # of others: who sees all, the agent's owner, and whoever was asked
    "runs.start": _WORK,
    "runs.cancel": _WORK,  # of others: an owner, an admin, the agent's owner
    "runs.message": _WORK,  # whom the run acts for
    "inbox.read": _ALL,  # what waits for this person
    "inbox.answer": _WORK,  # whoever was asked
    "budget.read": _SEE | {"approver"},
    "people.read": _ALL,
    "triggers.read": _ALL,
    "audit.read": _RUN | {"auditor"},
    "workspace.freeze": _RUN | {"approver"},
    "doctor.read": _SEE,
    "metrics.read": _RUN | {"auditor"},
    "tokens.own": _ALL,
    "tokens.all": _RUN,
    "sessions.own": _ALL,
    "sessions.all": _RUN,
    "stats.read": _SEE | {"approver"},
    "settings.read": _SEE,
    "models.prove": _RUN | {"builder"},  # real calls, which cost money
    "agents.source": _SEE,
    "agents.deploy": _RUN | {"builder"},
    "agents.record": _SEE | {"approver"},
    "policy.check": _SEE | {"approver"},
    "triggers.tend": _WORK,  # of one's own agents; all for an owner, an admin or a builder
    "secrets.read": _SEE,
    "secrets.set": _RUN,
}

_WORDS: Mapping[Action, str] = {
    "runs.start": "start runs", "runs.cancel": "cancel runs", "runs.message": "write to runs",
    "inbox.answer": "answer items", "budget.read": "see the budget", "audit.read": "audit the record",
    "workspace.freeze": "freeze or thaw", "doctor.read": "examine the workspace",
    "metrics.read": "read the metrics", "tokens.all": "manage the tokens of others",
    "sessions.all": "end the sessions of others", "stats.read": "see the statistics",
    "settings.read": "see the settings", "models.prove": "prove models", "agents.source": "read agents' files",
    "agents.deploy": "write, try or deploy agents", "agents.record": "see agents' records",
    "policy.check": "ask what policy answers", "triggers.tend": "fire, pause or resume triggers",
    "secrets.read": "see which secrets there are", "secrets.set": "set or remove secrets",
}  # fmt: skip


def may(person: Person, action: Action) -> bool:
    """Whether one of the person's roles has this right."""
    return not RIGHTS[action].isdisjoint(person.roles)


def require(person: Person, action: Action) -> None:
    """Raise Forbidden where none of the person's roles has this right."""
    if not may(person, action):
        who = ", ".join(role for role in ROLES if role in RIGHTS[action])
        raise Forbidden(f"{person.id} may not {_WORDS.get(action, action)}.", f"Roles that may: {who}.")


def sees_all(person: Person) -> bool:
    """Whether this person sees everybody's runs."""
    return not _SEE.isdisjoint(person.roles)


def holds(person: Person, role: str) -> bool:
    """Whether a pass of this role may be made for the person: a role they have, or one that theirs includes."""
    roles: tuple[Role, ...] = person.roles
    return (
        role in roles
        or role == "member"
        or ("owner" in roles and role in ROLES)
        or ("admin" in roles and role in _ALL - {"owner"})
    )


def decides(directory: Directory, person: Person) -> bool:
    """Whether this person, as they came in, decides: a pass of one role must be an approver's, admin's or owner's."""
    whole = directory.people.get(person.id)
    narrowed = whole is not None and whole.roles != person.roles
    return not narrowed or not {"owner", "admin", "approver"}.isdisjoint(person.roles)
