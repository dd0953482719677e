"""A calendar on a real CalDAV server: what is read, what is written once, and what hostile entries cannot do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest
from tests.adapters.model.server import Answer, serving
from tests.adapters.tool.calendar.conftest import Server
from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.calendar import CalendarAccount, CalendarTools
from deputy.adapters.tool.calendar.host import Unusable
from deputy.base.clock import SystemClock
from deputy.domain.effect import NOT_SENT, Done, Failed, Result, Unknown

T = TypeVar("T")
Value = dict[str, Any]
ALL: Value = {"write": True, "invitations": True, "address": "wei@acme.example"}


class Asking:
    def __init__(self, tools: CalendarTools) -> None:
        self.tools = tools

    async def __call__(self, tool: str, *, key: str = "r1.1", attempt: int = 1, **args: object) -> Result:
        if "start" in args or "from_" in args:
            args = {name.rstrip("_"): value for name, value in args.items()}
        spec = next(s for s in await self.tools.catalogue() if s.name == f"calendar.{tool}")
        intent = intent_of(spec, args, key=key)
        intent.attempt = attempt
        return await self.tools.invoke(intent)


def using(url: str, do: Callable[[Asking], Awaitable[T]], password: str = Server.PASSWORD, **settings: Any) -> T:
    settings = {"zone": "Europe/Brussels", "write": True, **settings}
    account = CalendarAccount(name="calendar", url=url, user=Server.USER, password="env:PASSWORD", **settings)

    async def scenario() -> T:
        tools = CalendarTools(account, SystemClock(), lambda _: password)
        try:
            return await do(Asking(tools))
        finally:
            await tools.close()

    return asyncio.run(scenario())


def value(result: Result) -> Value:
    assert isinstance(result, Done), result
    return cast("Value", result.value)


def code(result: Result) -> str:
    assert isinstance(result, Failed), result
    return result.code


def events(server: Server, path: str, start: str, end: str, **settings: Any) -> Value:
    return value(using(server.base + path, lambda ask: ask("events", from_=start, to=end), **settings))


def test_events_come_in_the_calendars_zone_with_who_takes_part(radicale: Server):
    path = radicale.calendar()
    place = radicale.put(path, """SUMMARY:Review
DTSTART:20261124T090000Z
DTEND:20261124T100000Z
LOCATION:Room 4
DESCRIPTION:Line one\\nLine two
ORGANIZER;CN=Lin:mailto:lin@acme.example
ATTENDEE;CN=Wei;PARTSTAT=ACCEPTED:mailto:wei@acme.example""")  # fmt: skip
    found = events(radicale, path, "2026-11-24", "2026-11-25")
    (event,) = found["events"]
    assert event.pop("etag")
    assert event == {
        "id": place, "title": "Review", "start": "2026-11-24T10:00:00+01:00", "end": "2026-11-24T11:00:00+01:00",
        "location": "Room 4", "description": "Line one\nLine two",
        "organizer": {"email": "lin@acme.example", "name": "Lin"},
        "attendees": [{"email": "wei@acme.example", "name": "Wei", "status": "accepted"}],
    }  # fmt: skip
    assert found["zone"] == "Europe/Brussels"


def test_a_recurring_event_keeps_its_hour_over_a_change_of_clocks_and_its_exceptions(radicale: Server):
    path = radicale.calendar()
    text = """SUMMARY:Stand-up
DTSTART;TZID=Europe/Brussels:20261019T100000
DTEND;TZID=Europe/Brussels:20261019T101500
RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261123T090000Z
EXDATE;TZID=Europe/Brussels:20261102T100000
END:VEVENT
BEGIN:VEVENT
UID:event.ics
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=Europe/Brussels:20261109T100000
SUMMARY:Stand-up later
DTSTART;TZID=Europe/Brussels:20261109T150000
DTEND;TZID=Europe/Brussels:20261109T151500"""
    radicale.put(path, text)
    found = events(radicale, path, "2026-10-01", "2026-12-31")["events"]
    assert [(e["title"], e["start"]) for e in found] == [
        ("Stand-up", "2026-10-19T10:00:00+02:00"),
        ("Stand-up", "2026-10-26T10:00:00+01:00"),
        ("Stand-up later", "2026-11-09T15:00:00+01:00"),
        ("Stand-up", "2026-11-16T10:00:00+01:00"),
        ("Stand-up", "2026-11-23T10:00:00+01:00"),
    ]


def test_whole_days_are_days(radicale: Server):
    path = radicale.calendar()
    radicale.put(path, "SUMMARY:Fair\nDTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20261126")
    (event,) = events(radicale, path, "2026-11-25", "2026-11-26")["events"]
    assert (event["start"], event["end"], event["all_day"]) == ("2026-11-24", "2026-11-26", True)


def test_free_time_is_what_no_busy_event_takes(radicale: Server):
    path = radicale.calendar()
    times = "DTSTART:20261124T{}00Z\nDTEND:20261124T{}00Z"
    radicale.put(path, "SUMMARY:a\n" + times.format("0900", "1000"), "a.ics")
    radicale.put(path, "SUMMARY:b\n" + times.format("0930", "1030"), "b.ics")
    radicale.put(path, "SUMMARY:c\nTRANSP:TRANSPARENT\n" + times.format("1100", "1200"), "c.ics")
    radicale.put(path, "SUMMARY:d\nSTATUS:CANCELLED\n" + times.format("1200", "1300"), "d.ics")
    radicale.put(path, "SUMMARY:e\n" + times.format("1050", "1100"), "e.ics")
    found = using(
        radicale.base + path, lambda ask: ask("free", from_="2026-11-24T09:00", to="2026-11-24T14:00", minutes=30)
    )
    assert value(found)["busy"] == [
        {"start": "2026-11-24T10:00:00+01:00", "end": "2026-11-24T11:30:00+01:00"},
        {"start": "2026-11-24T11:50:00+01:00", "end": "2026-11-24T12:00:00+01:00"},
    ]
    assert [f["start"][11:16] for f in value(found)["free"]] == ["09:00", "12:00"]


def test_creating_again_under_the_same_effect_makes_no_second_event(radicale: Server):
    path = radicale.calendar()

    async def create(ask: Asking) -> list[Result]:
        wanted: Value = {"title": "Call Nordwind", "start": "2026-11-24T10:00", "end": "2026-11-24T10:30"}
        absent = await ask("find", effect_id="r1.1")
        first = await ask("create", **wanted)
        again = await ask("create", attempt=2, **wanted)
        return [absent, first, again, await ask("find", effect_id="r1.1"), await ask("create", key="r1.2", **wanted)]

    absent, first, again, present, other = using(radicale.base + path, create)
    assert value(absent) == {"found": False}
    assert value(first)["id"] == value(again)["id"] == value(present)["id"] != value(other)["id"]
    assert value(present)["found"]
    assert [e["start"] for e in events(radicale, path, "2026-11-24", "2026-11-25")["events"]] == [
        "2026-11-24T10:00:00+01:00"
    ] * 2


def test_what_is_written_can_be_read_by_others(radicale: Server):
    path = radicale.calendar()
    using(radicale.base + path, lambda ask: ask(
        "create", title="Dinner; with, Lin", start="2026-11-24", location="Café\nNord",
        repeats={"every": "week", "times": 3},
    ))  # fmt: skip
    text = radicale.send("GET", path + "deputy-r1.1.ics")[2]
    assert "SUMMARY:Dinner\\; with\\, Lin" in text
    assert "LOCATION:Café\\nNord" in text
    assert [e["start"] for e in events(radicale, path, "2026-11-01", "2026-12-31")["events"]] == [
        "2026-11-24", "2026-12-01", "2026-12-08"
    ]  # fmt: skip


def test_an_event_is_changed_only_as_it_was_read(radicale: Server):
    path = radicale.calendar()
    place = radicale.put(path, "SUMMARY:Old\nDTSTART:20261124T090000Z\nDTEND:20261124T093000Z\nX-OTHER:kept")

    async def change(ask: Asking) -> list[Result]:
        (event,) = value(await ask("events", from_="2026-11-24", to="2026-11-25"))["events"]
        mine: Value = {"id": place, "etag": event["etag"]}
        first = await ask("update", **mine, start="2026-11-24T12:00")
        again = await ask("update", attempt=2, **mine, start="2026-11-24T12:00")  # its answer was lost
        stale = await ask("update", key="r1.2", **mine, title="Newer")
        gone = await ask("delete", key="r1.3", **mine)
        etag = value(first)["etag"]
        return [first, again, stale, gone, await ask("delete", key="r1.4", id=place, etag=etag),
                await ask("delete", key="r1.4", attempt=2, id=place, etag=etag),
                await ask("delete", key="r1.5", id=place, etag=etag)]  # fmt: skip

    first, again, stale, gone, deleted, repeated, absent = using(radicale.base + path, change)
    assert value(first) == value(again)
    assert (code(stale), code(gone), code(absent)) == ("conflict", "conflict", "not_found")
    assert value(deleted) == value(repeated) == {"deleted": True}


def test_a_change_leaves_the_rest_as_it_was(radicale: Server):
    path = radicale.calendar()
    place = radicale.put(path, "SUMMARY:Old\nDTSTART:20261124T090000Z\nDTEND:20261124T093000Z\nX-OTHER:kept")
    etag = radicale.send("GET", place)[1]
    value(using(radicale.base + path, lambda ask: ask("update", id=place, etag=etag, start="2026-11-24T12:00")))
    assert "X-OTHER:kept" in radicale.send("GET", place)[2]
    (event,) = events(radicale, path, "2026-11-24", "2026-11-25")["events"]
    assert (event["title"], event["start"][11:16], event["end"][11:16]) == ("Old", "12:00", "12:30")


def test_events_of_others_are_left_alone_unless_invitations_are_granted(radicale: Server):
    path = radicale.calendar()
    lines = "SUMMARY:Theirs\nDTSTART:20261124T090000Z\nDTEND:20261124T093000Z\nATTENDEE:mailto:lin@acme.example"
    place = radicale.put(path, lines)
    etag = radicale.send("GET", place)[1]

    async def touch(ask: Asking) -> list[Result]:
        return [await ask("update", id=place, etag=etag, title="x"), await ask("delete", id=place, etag=etag)]

    assert [code(r) for r in using(radicale.base + path, touch)] == ["has_attendees"] * 2
    assert value(using(radicale.base + path, touch, **ALL)[0])["id"] == place


def test_inviting_names_the_one_who_invites_and_those_invited(radicale: Server):
    path = radicale.calendar()
    wanted: Value = {"title": "Review", "start": "2026-11-24T10:00", "attendees": ["lin@acme.example"]}
    value(using(radicale.base + path, lambda ask: ask("invite", **wanted), **ALL))
    text = radicale.send("GET", path + "deputy-r1.1.ics")[2].replace("\r\n ", "")
    assert "ORGANIZER:mailto:wei@acme.example" in text
    assert "mailto:lin@acme.example" in text


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"write": False}, {"events": "read", "free": "read", "find": "read"}),
        ({}, {"events": "read", "free": "read", "find": "read", "create": "write", "update": "write",
              "delete": "irreversible"}),
        (ALL, {"events": "read", "free": "read", "find": "read", "create": "write", "invite": "send", "update": "send",
               "delete": "irreversible"}),
    ],
)  # fmt: skip
def test_what_is_not_granted_is_no_tool(settings: Value, expected: dict[str, str]):
    async def tools(ask: Asking) -> dict[str, str]:
        return {s.name.rpartition(".")[2]: s.effect for s in await ask.tools.catalogue()}

    assert using("http://127.0.0.1:1/", tools, **settings) == expected


@pytest.mark.parametrize(
    "args",
    [
        {"start": "tomorrow"}, {"start": "2026-11-24T10:00", "end": "2026-11-24T09:00"},
        {"start": "2026-11-24", "end": "2026-11-24"}, {"start": "2026-11-24", "end": "2026-11-25T10:00"},
    ],
)  # fmt: skip
def test_times_that_make_no_event_are_refused(radicale: Server, args: Value):
    assert (
        code(using(radicale.base + radicale.calendar(), lambda ask: ask("create", title="x", **args)))
        == "invalid_arguments"
    )


# -- what others put there


def report(*events: str) -> Answer:
    responses = "".join(
        f"<D:response><D:href>/cal/{n}.ics</D:href><D:propstat><D:prop><D:getetag>e</D:getetag><C:calendar-data>"
        f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{n}\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n</C:calendar-data>"
        "</D:prop></D:propstat></D:response>"
        for n, event in enumerate(events)
    )
    return xml(f'<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{responses}</D:multistatus>')


def xml(text: str) -> Answer:
    return Answer(status=207, headers={"Content-Type": "application/xml"}, pieces=[text.encode()])


def told(answer: Answer, tool: str = "events", **args: Any) -> Result:
    async def scenario() -> Result:
        async with serving(answer) as server:
            account = CalendarAccount(name="calendar", url=f"http://127.0.0.1:{server.port}/cal/", user="wei",
                                      password="env:P", write=True)  # fmt: skip
            tools = CalendarTools(account, SystemClock(), lambda _: "s3cret")
            try:
                return await Asking(tools)(tool, **(args or {"from_": "2026-11-24", "to": "2026-11-25"}))
            finally:
                await tools.close()

    return asyncio.run(scenario())


def test_what_a_hostile_server_lists_is_bounded_cleaned_and_counted():
    sound = "DTSTART:20261124T090000Z\r\nSUMMARY:Ok\u202e\u200b\u2066 then"
    long = f"DTSTART:20261124T100000Z\r\nSUMMARY:{'x' * 1_000_000}\r\nDESCRIPTION:{'y' * 1_000_000}"
    dense = "DTSTART:20261124T000000Z\r\nRRULE:FREQ=SECONDLY"
    many = "DTSTART:20261124T110000Z\r\nSUMMARY:many\r\nRDATE:" + ",".join(
        f"20261124T12{m:02}{s:02}Z" for m in range(60) for s in range(60)
    )
    found = value(told(report(sound, long, dense, "DTSTART:nonsense", "SUMMARY:no start", many)))
    assert [e["title"] for e in found["events"][:2]] == ["Ok then", "x" * 300]
    assert len(found["events"][1]["description"]) == 2000
    assert (len(found["events"]), found["truncated"], found["unreadable"]) == (500, True, 2)


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
        '<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><x/>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    ],
)
def test_an_answer_that_is_no_plain_xml_is_refused(text: str):
    assert code(told(xml(text))) == "unreadable"


@pytest.mark.parametrize("rule", ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
                                  "FREQ=MINUTELY", "FREQ=NEVER", "FREQ=DAILY;INTERVAL=0",
                                  "FREQ=DAILY;COUNT=99999999"])  # fmt: skip
def test_a_recurrence_without_end_or_sense_hides_no_other_event(rule: str):
    odd = f"DTSTART:19700101T000000Z\r\nSUMMARY:Odd\r\nRRULE:{rule}"
    found = value(told(report(odd, "DTSTART:20261124T090000Z\r\nSUMMARY:Fine")))["events"]
    assert "Fine" in [e["title"] for e in found]


@pytest.mark.parametrize(
    "place",
    ["/other/x.ics", "/cal/../x.ics", "/cal/%2e%2e/x", "/cal/a/b.ics", "/cal/", "http://evil.example/", "/cal/%2Fx",
     "//evil.example/cal/x.ics", "/cal/x?y"],
)  # fmt: skip
def test_what_is_not_in_the_calendar_is_not_touched(place: str):
    assert code(told(xml(""), "delete", id=place, etag="e")) == "not_found"


# -- when it goes wrong


def test_a_wrong_password_fails_and_is_not_shown(radicale: Server):
    path = radicale.calendar()
    result = using(
        radicale.base + path, lambda ask: ask("events", from_="2026-11-24", to="2026-11-25"), password="wr0ng-one"
    )
    assert code(result) == "unauthorized"
    assert "wr0ng" not in repr(result)


def test_a_server_that_breaks_over_a_write_leaves_it_unknown_and_one_that_is_not_there_does_not():
    wanted: Value = {"title": "x", "start": "2026-11-24T10:00"}
    assert isinstance(told(Answer(status=500), "create", **wanted), Unknown)
    assert isinstance(told(Answer(ending="cut", pieces=[b"x"]), "create", **wanted), Unknown)
    assert code(told(Answer(status=403), "create", **wanted)) == "calendar_error"
    assert code(using("http://127.0.0.1:1/cal/", lambda ask: ask("create", **wanted))) == "unreachable"


def test_nothing_is_sent_after_the_lease(radicale: Server):
    async def late(ask: Asking) -> Result:
        spec = next(s for s in await ask.tools.catalogue() if s.name == "calendar.create")
        return await ask.tools.invoke(intent_of(spec, {"title": "x", "start": "2026-11-24"}, dispatch_by=0.0))

    assert code(using(radicale.base + radicale.calendar(), late)) == NOT_SENT


def test_the_doctor_is_told_what_is_wrong_with_the_address_or_the_password(radicale: Server):
    async def look(ask: Asking) -> list[str]:
        return [message async for message, _ in ask.tools.examine()]

    path = radicale.calendar()
    assert using(radicale.base + path, look) == []
    with pytest.raises(Unusable, match="refuses the user"):
        using(radicale.base + path, look, password="wrong")
    with pytest.raises(Unusable, match="no calendar"):
        using(radicale.base + "/wei/nowhere/", look)
    with pytest.raises(Unusable):
        using("http://127.0.0.1:1/", look)
