"""Who acts: a person, an agent, or the system; and how the directory names people."""

import msgspec

__all__ = ["SYSTEM", "Directory", "Group", "Person", "Role", "agent_principal", "person_principal"]

from typing import Literal, get_args

Role = Literal["owner", "admin", "builder", "approver", "member", "auditor"]
ROLES: tuple[str, ...] = get_args(Role)
SYSTEM = "system"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the directory; `limits["approve"]` is the highest amount this person may approve."""

    id: str
    name: str
    email: str = ""
    manager: str = ""
    groups: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ("member",)
    limits: dict[str, float] = {}


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of people; who is in it stands with the person."""

    id: str
    name: str = ""


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """The people and groups of a workspace."""

    people: dict[str, Person] = {}
    groups: dict[str, Group] = {}

    def find(self, name: str) -> Person | None:
        """A person by id or e-mail address."""
        if (person := self.people.get(name)) is not None:
            return person
        folded = name.casefold()
        return next((p for p in self.people.values() if p.email and p.email.casefold() == folded), None)

    def first_owner(self) -> Person | None:
        """Who acts where nobody is named."""
        return next((p for p in self.people.values() if "owner" in p.roles), None)

    def members(self, approver: str, asker: str) -> frozenset[str]:
        """The ids of the people an approver entry names: `person:ID`, `group:ID`, `role:NAME`, `manager`."""
        kind, _, name = approver.partition(":")
        match kind:
            case "person":
                person = self.find(name)
                return frozenset({person.id}) if person else frozenset()
            case "group":
                return frozenset(p.id for p in self.people.values() if name in p.groups)
            case "role":
                return frozenset(p.id for p in self.people.values() if name in p.roles)
            case "manager":
                person = self.people.get(asker)
                return frozenset({person.manager}) if person and person.manager in self.people else frozenset()
            case _:
                return frozenset()


def agent_principal(name: str, version: str) -> str:
    """How an agent appears as a principal: `agent:payables@<first 12 digits of its digest>`."""
    return f"agent:{name}@{version[:12]}"


def person_principal(person: str) -> str:
    """How a person appears as a principal."""
    return f"person:{person}"
