"""From a server's report to the occurrences of its events: recurrences written out, as many as are asked for."""

import datetime
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from deputy.adapters.reading import visible
from deputy.adapters.tool.calendar.asking import Event, Page, Person, Read

__all__ = ["calendar_of", "found", "instant", "people"]

_DAV = "{DAV:}"
_CALDAV = "{urn:ietf:params:xml:ns:caldav}"
_MOST_STEPS = 20_000  # of one recurrence that are looked at
_PATIENCE = 0.5  # seconds of processor time for one entry
_MOST_EXCEPTIONS = 5_000
_LONG, _SHORT = 2_000, 300  # characters of a description, and of what should be one line
_DAY = datetime.timedelta(days=1)


def found(wanted: Read) -> Page:
    """The occurrences that overlap a span of time, in order."""
    from defusedxml import DefusedXmlException, ElementTree

    try:
        tree: Any = ElementTree.fromstring(wanted.body, forbid_dtd=True)
    except (DefusedXmlException, ElementTree.ParseError, ValueError):
        return Page(error="The server's answer is no XML that can be read.")
    zone = ZoneInfo(wanted.zone)
    start, end = (datetime.datetime.fromisoformat(text) for text in (wanted.start, wanted.end))
    events: list[tuple[datetime.datetime, Event]] = []
    unreadable = 0
    for response in tree.iter(f"{_DAV}response"):
        href, etag = urlsplit(response.findtext(f"{_DAV}href") or "").path, response.findtext(f".//{_DAV}getetag") or ""
        text = response.findtext(f".//{_CALDAV}calendar-data") or ""
        try:
            with _within(_PATIENCE):
                events += _occurrences(text, (href, etag), zone, (start, end))
        except (_Long, ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError):
            unreadable += bool(text)
    events.sort(key=lambda pair: pair[0])
    return Page(
        events=[e for _, e in events[: wanted.most]], truncated=len(events) > wanted.most, unreadable=unreadable
    )


class _Long(Exception):
    """It takes longer than one entry may."""


@contextmanager
def _within(seconds: float) -> Generator[None]:
    """Give up after so much processor time: a rule without any date is looked through to the end of all years."""

    def stop(*_: object) -> NoReturn:
        raise _Long

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def calendar_of(text: str) -> Any:
    """A text as a calendar; raises ValueError."""
    from icalendar import Calendar

    return cast("Any", Calendar).from_ical(text)


def instant(value: Any, zone: ZoneInfo) -> datetime.datetime:
    """A date or time of a calendar as an instant: what has no zone is in the calendar's own."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


Span = tuple[datetime.datetime, datetime.datetime]


def _occurrences(
    text: str, place: tuple[str, str], zone: ZoneInfo, span: Span
) -> Iterator[tuple[datetime.datetime, Event]]:
    events = [e for e in calendar_of(text).walk("VEVENT") if "DTSTART" in e]
    changed = {instant(e["RECURRENCE-ID"].dt, zone): e for e in events if "RECURRENCE-ID" in e}
    for event in events:
        own = "RECURRENCE-ID" in event
        length = _length(event)
        starts = [instant(event["DTSTART"].dt, zone)] if own else _starts(event, zone, span, length)
        for begin in starts:
            if not own and begin in changed:
                continue
            if begin < span[1] and max(begin + length, begin + datetime.timedelta(seconds=1)) > span[0]:
                yield begin, _event(event, begin, length, place, zone, recurring=own or "RRULE" in event)


def _length(event: Any) -> datetime.timedelta:
    start = event["DTSTART"].dt
    whole = not isinstance(start, datetime.datetime)
    if "DTEND" in event:
        length = instant(event["DTEND"].dt, ZoneInfo("UTC")) - instant(start, ZoneInfo("UTC"))
    elif "DURATION" in event:
        length = event["DURATION"].dt
    else:
        length = _DAY if whole else datetime.timedelta()
    return max(length, datetime.timedelta())


def _starts(event: Any, zone: ZoneInfo, span: Span, length: datetime.timedelta) -> Iterator[datetime.datetime]:
    """When an event begins, again and again: counted in its own zone, where ten o'clock stays ten o'clock."""
    from dateutil.rrule import rrulestr

    first = instant(event["DTSTART"].dt, zone)
    rules = event.get("RRULE")
    without = {instant(d.dt, zone) for d in islice(_dates(event, "EXDATE"), _MOST_EXCEPTIONS)}
    extra = {instant(d.dt, zone) for d in islice(_dates(event, "RDATE"), _MOST_EXCEPTIONS)}
    if isinstance(rules, list):
        raise ValueError("several rules")
    if rules is None:
        yield from sorted(({first} | extra) - without)
        return
    rule = dict(rules)
    if str(rule.get("FREQ", [""])[0]).upper() in ("SECONDLY", "MINUTELY", "HOURLY"):
        raise ValueError("an event that comes back within the day is none")
    until = rule.pop("UNTIL", [None])[0]
    last = instant(until, zone) if until is not None else None
    if last is not None and not isinstance(until, datetime.datetime):
        last += _DAY
    text = type(rules)(rule).to_ical().decode()
    naive = first.replace(tzinfo=None)
    seen: set[datetime.datetime] = set()
    for step in islice(cast("Any", rrulestr)(text, dtstart=naive), _MOST_STEPS):
        begin = step.replace(tzinfo=first.tzinfo)
        if begin >= span[1] or (last is not None and begin > last):
            break
        if begin + length >= span[0] and begin not in without:
            seen.add(begin)
            yield begin
    yield from sorted(extra - seen - without)


def _dates(event: Any, name: str) -> Iterator[Any]:
    for entry in _entries(event, name):
        for date in entry.dts:
            if not isinstance(date.dt, tuple):
                yield date


def _event(
    event: Any, begin: datetime.datetime, length: datetime.timedelta, place: tuple[str, str], zone: ZoneInfo,
    *, recurring: bool,
) -> Event:  # fmt: skip
    whole = not isinstance(event["DTSTART"].dt, datetime.datetime)
    end = begin + length
    status = _line(event, "STATUS").lower()
    organizer = next(iter(people(event, "ORGANIZER")), None)
    return Event(
        id=place[0], etag=place[1], title=_line(event, "SUMMARY"), all_day=whole, recurring=recurring, status=status,
        start=begin.date().isoformat() if whole else begin.astimezone(zone).isoformat(),
        end=end.date().isoformat() if whole else end.astimezone(zone).isoformat(),
        busy=status != "cancelled" and _line(event, "TRANSP").upper() != "TRANSPARENT",
        location=_line(event, "LOCATION"), description=visible(str(event.get("DESCRIPTION") or "")[:_LONG])[0],
        organizer=organizer, attendees=tuple(islice(people(event, "ATTENDEE"), 100)),
    )  # fmt: skip


def people(event: Any, name: str) -> Iterator[Person]:
    """Whom a property of an event names."""
    for entry in _entries(event, name):
        parameters = cast("dict[str, object]", getattr(entry, "params", {}))
        address = str(entry)[:_SHORT]
        address = address[7:] if address.lower().startswith("mailto:") else address
        told = (str(parameters.get(key) or "")[:_SHORT] for key in ("CN", "PARTSTAT"))
        called, status = told
        yield Person(email=_clean(address), name=_clean(called), status=_clean(status).lower())


def _line(event: Any, name: str) -> str:
    found = _entries(event, name)
    return _clean(str(found[0])[: _SHORT * 2]) if found else ""


def _entries(event: Any, name: str) -> list[Any]:
    """A property that may be there several times."""
    found = event.get(name)
    if found is None:
        return []
    return cast("list[Any]", found) if isinstance(found, list) else [found]


def _clean(text: str) -> str:
    return " ".join(visible(text)[0].split())[:_SHORT]
