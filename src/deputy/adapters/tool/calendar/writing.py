"""From what an event is to be to iCalendar: a new one, or what is there with some of it changed."""

import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from deputy.adapters.tool.calendar.asking import Change, Write, Written
from deputy.adapters.tool.calendar.reading import calendar_of, instant, people

__all__ = ["written"]

_MARK = "X-DEPUTY-EFFECT"
_FREQUENCY = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}


def written(wanted: Write) -> Written:
    """An event as iCalendar, with the mark of the effect that wrote it."""
    zone = ZoneInfo(wanted.zone)
    try:
        calendar, event = _old(wanted.old) if wanted.old else _new(wanted)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Written(error="What is in the calendar cannot be read.")
    before = str(event.get(_MARK) or "")
    organizer = {p.email.lower() for p in people(event, "ORGANIZER")}
    others = any(p.email.lower() not in organizer for p in people(event, "ATTENDEE"))
    if wanted.old and not wanted.effect:
        return Written(text=wanted.old, others=others, effect=before, uid=str(event.get("UID") or ""))
    try:
        _apply(event, wanted.change, zone, wanted.organizer)
    except ValueError as error:
        return Written(error=str(error))
    stamp = datetime.datetime.fromisoformat(wanted.stamp)
    for name in ("DTSTAMP", "LAST-MODIFIED"):
        event.pop(name, None)
        event.add(name, stamp)
    sequence = int(event.get("SEQUENCE") or 0) + bool(wanted.old)
    event.pop("SEQUENCE", None)
    event.add("SEQUENCE", sequence)
    event.pop(_MARK, None)
    event.add(_MARK, wanted.effect)
    calendar.add_missing_timezones()
    return Written(text=calendar.to_ical().decode(), others=others, effect=before, uid=str(event["UID"]))


def _new(wanted: Write) -> tuple[Any, Any]:
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar, event = cast("Any", Calendar()), cast("Any", Entry())
    calendar.add("PRODID", "-//Deputy//Deputy//EN")
    calendar.add("VERSION", "2.0")
    event.add("UID", wanted.uid)
    calendar.add_component(event)
    return calendar, event


def _old(text: str) -> tuple[Any, Any]:
    calendar = calendar_of(text)
    events = calendar.walk("VEVENT")
    return calendar, next(e for e in events if "RECURRENCE-ID" not in e)


def _apply(event: Any, change: Change, zone: ZoneInfo, organizer: str) -> None:
    for name, value in (("SUMMARY", change.title), ("LOCATION", change.location), ("DESCRIPTION", change.description)):
        if value is not None:
            event.pop(name, None)
            if value:
                event.add(name, value)
    if change.start is not None or change.end is not None:
        _times(event, change, zone)
    if change.repeats is not None:
        event.pop("RRULE", None)
        event.add("RRULE", {"FREQ": _FREQUENCY[change.repeats.every], "COUNT": change.repeats.times})
    if change.attendees is not None:
        event.pop("ATTENDEE", None)
        event.pop("ORGANIZER", None)
        if change.attendees:
            event.add("ORGANIZER", f"mailto:{organizer}")
        for address in change.attendees:
            event.add("ATTENDEE", f"mailto:{address}", parameters={"PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})


def _times(event: Any, change: Change, zone: ZoneInfo) -> None:
    old = event["DTSTART"].dt if "DTSTART" in event else None
    start = _time(change.start, zone) if change.start is not None else old
    if start is None:
        raise ValueError("An event needs a start.")
    whole = not isinstance(start, datetime.datetime)
    if change.end is not None:
        end = _time(change.end, zone)
    elif "DTEND" in event and old is not None and whole == (not isinstance(old, datetime.datetime)):
        end = start + (instant(event["DTEND"].dt, zone) - instant(old, zone))
    else:
        end = start + (datetime.timedelta(days=1) if whole else datetime.timedelta(hours=1))
    if whole != (not isinstance(end, datetime.datetime)):
        raise ValueError("`start` and `end` must both be days, or both be times.")
    if instant(end, zone) <= instant(start, zone):
        raise ValueError("`end` must be after `start`.")
    for name, value in (("DTSTART", start), ("DTEND", end)):
        event.pop(name, None)
        event.add(name, value)
    event.pop("DURATION", None)


def _time(text: str, zone: ZoneInfo) -> Any:
    try:
        if len(text) == 10:
            return datetime.date.fromisoformat(text)
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a day nor a time: write 2026-11-24, or 2026-11-24T10:00.") from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
