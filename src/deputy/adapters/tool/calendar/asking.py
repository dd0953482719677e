"""What is asked of the process that reads and writes iCalendar, and what it answers."""

from typing import Literal

import msgspec

__all__ = ["Change", "Event", "Page", "Person", "Read", "Repeats", "Write", "Written"]


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who takes part, or invites."""

    email: str
    name: str = ""
    status: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One occurrence; times RFC 3339 in the calendar's zone, plain dates if it lasts whole days."""

    id: str
    etag: str
    title: str
    start: str
    end: str
    all_day: bool = False
    recurring: bool = False
    busy: bool = True
    status: str = ""
    location: str = ""
    description: str = ""
    organizer: Person | None = None
    attendees: tuple[Person, ...] = ()


class Repeats(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often an event comes again."""

    every: Literal["day", "week", "month", "year"]
    times: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an event is to be; None where it stays as it is."""

    title: str | None = None
    start: str | None = None
    end: str | None = None
    location: str | None = None
    description: str | None = None
    attendees: tuple[str, ...] | None = None
    repeats: Repeats | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True, tag="read"):
    """Find the occurrences in what a server answered to a report, between two instants."""

    body: bytes
    zone: str
    start: str
    end: str
    most: int = 500


class Write(msgspec.Struct, frozen=True, kw_only=True, tag="write"):
    """Make an event, or change one that is there (`old`)."""

    change: Change
    zone: str
    uid: str
    effect: str
    stamp: str
    organizer: str = ""
    old: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; or why nothing can be."""

    events: list[Event] = []
    truncated: bool = False
    unreadable: int = 0
    error: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An event as iCalendar; what was there of others and of us; or why there is none."""

    text: str = ""
    others: bool = False
    effect: str = ""
    uid: str = ""
    error: str = ""
