"""Read people.toml: who works here, whom they report to, which groups and roles they have."""

import re
from typing import cast

from deputy.app.config import values
from deputy.app.config.document import Document, Table, Wrong, cleaned, did_you_mean
from deputy.domain.principal import ROLES, SYSTEM, Directory, Group, Person, Role

__all__ = ["check_approver", "read_people"]

_EMAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,255}")
_LIKELY_TYPO = 0.8  #: how alike an undeclared group is to a declared one, to be taken for it


def read_people(document: Document) -> Directory:
    """The directory, with every reference in it checked."""
    root = document.table()
    root.only("people", "groups")
    groups = {name: _group(name, table) for name, table in root.tables("groups")}
    people = {name: _person(name, table) for name, table in root.tables("people")}
    _refuse_shared_addresses(document, people)
    directory = Directory(people=people, groups=groups)
    people = {person.id: _with_manager(document, directory, person) for person in people.values()}
    _refuse_circles(document, people)
    for person in people.values():
        for number, group in enumerate(person.groups):
            if group not in groups and (close := did_you_mean(group, tuple(groups), _LIKELY_TYPO)):
                message = f"`{person.id}` is in the group `{group}`, which is not declared."
                remedy = f"{close[:-1]}, or is `[groups.{group}]` missing?"
                raise document.wrong(("people", person.id, "groups", number), message, remedy)
    for group in sorted({group for person in people.values() for group in person.groups}):
        groups.setdefault(group, Group(id=group))
    directory = Directory(people=people, groups=groups)
    if directory.first_owner() is None:
        message = "No person has the role `owner`."
        raise document.wrong(("people",), message, 'Give at least one person `roles = ["owner"]`.')
    return directory


def _named(kind: str, name: str, table: Table) -> str:
    if not values.NAME.fullmatch(name) or name == SYSTEM:
        message = f"{table.title} is no id for a {kind}."
        remedy = f"Use at most 64 of a-z, 0-9, _ and -, and not `{SYSTEM}`."
        raise table.document.wrong(table.where, message, remedy)
    return name


def _group(name: str, table: Table) -> Group:
    table.only("name")
    return Group(id=_named("group", name, table), name=table.get("name", values.line, ""))


def _person(name: str, table: Table) -> Person:
    _named("person", name, table)
    table.only("name", "email", "manager", "groups", "roles", "limits")
    limits = table.table("limits")
    if limits is not None:
        limits.only("approve")
    approve = limits.get("approve", values.amount, None) if limits is not None else None
    return Person(
        id=name, name=table.get("name", values.line, name), email=table.get("email", _email, ""),
        manager=table.get("manager", values.line, ""), groups=table.get("groups", values.list_of(values.name), ()),
        roles=cast("tuple[Role, ...]", table.get("roles", values.list_of(values.choice(*ROLES)), ("member",))),
        limits={} if approve is None else {"approve": float(approve)},
    )  # fmt: skip


def _email(value: object) -> str:
    found = values.line(value)
    if not _EMAIL.fullmatch(found):
        raise Wrong("one e-mail address", "Write it as name@company.example.")
    return found


def _refuse_shared_addresses(document: Document, people: dict[str, Person]) -> None:
    seen: dict[str, str] = {}
    for person in people.values():
        if not person.email:
            continue
        first = seen.setdefault(person.email.casefold(), person.id)
        if first != person.id:
            message = f"`{person.id}` has the e-mail address of `{first}`."
            raise document.wrong(("people", person.id, "email"), message, "Give each person an address of their own.")


def _with_manager(document: Document, directory: Directory, person: Person) -> Person:
    if not person.manager:
        return person
    manager = directory.find(person.manager)
    if manager is None:
        message = f"The manager of `{person.id}` is nobody in this file."
        remedy = did_you_mean(person.manager, tuple(directory.people)) or "Name a person by id or e-mail address."
        raise document.wrong(("people", person.id, "manager"), message, remedy)
    return Person(
        id=person.id, name=person.name, email=person.email, manager=manager.id, groups=person.groups,
        roles=person.roles, limits=person.limits,
    )  # fmt: skip


def _refuse_circles(document: Document, people: dict[str, Person]) -> None:
    sound: set[str] = set()
    for start in people:
        chain: dict[str, None] = {}
        at = start
        while at and at not in sound:
            if at in chain:
                message = f"`{at}` would be their own manager, directly or through others."
                raise document.wrong(("people", at, "manager"), message, "Let the circle end at somebody.")
            chain[at] = None
            at = people[at].manager
        sound.update(chain)


def check_approver(entry: str, directory: Directory) -> tuple[str, str] | None:
    """What is wrong with an approver entry, and the remedy; None if it names at least one person."""
    if entry == "manager":
        return None
    kind, colon, name = entry.partition(":")
    if not colon or kind not in ("person", "group", "role") or not name:
        remedy = "Write `person:ID`, `group:ID`, `role:NAME` or `manager`."
        return f"'{cleaned(entry)}' names no approver.", remedy
    known = {"person": tuple(directory.people), "group": tuple(directory.groups), "role": ROLES}[kind]
    if name not in known and not (kind == "person" and directory.find(name)):
        remedy = f"Roles are {', '.join(ROLES)}." if kind == "role" else f"Name a {kind} of people.toml."
        return f"The approver '{cleaned(entry)}' does not exist.", did_you_mean(name, known) or remedy
    if not directory.members(entry, ""):
        return f"The approver '{cleaned(entry)}' names nobody.", f"Give a person of people.toml this {kind}."
    return None
