"""Read the `triggers` of an agent: what starts its runs without a person."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo

from deputy.app.config import values
from deputy.app.config.checks import read_checks
from deputy.app.config.document import Table, Wrong, did_you_mean, shown
from deputy.app.config.reference import Reference
from deputy.base.canonical import canonical, digest
from deputy.base.errors import ConfigError
from deputy.domain.trigger import Folder, Mail, Missed, Overlap, RunEnd, Schedule, Source, Trigger, Webhook, kind_of

__all__ = ["check_together", "cron", "read_triggers", "references_of", "time_zone"]

KINDS = ("schedule", "every", "at", "mail", "webhook", "folder", "run")
_FIELDS = re.compile(r"[0-9A-Za-z*/,#?-]+(?: +[0-9A-Za-z*/,#?-]+){4}")
_PATH = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}(?:/[a-z0-9][a-z0-9_.-]{0,63}){0,3}")
_DEDUPE = re.compile(r"header:[A-Za-z0-9-]{1,100}|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){0,9}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_LEAST_EVERY, _MOST_FILE = 1.0, 4 << 20


def read_triggers(table: Table, agent: str, zone: str) -> tuple[Trigger, ...]:
    """The triggers of an agent's front matter; `zone` is the workspace's time zone."""
    found: list[Trigger] = []
    for number in range(len(table.get("triggers", values.list_of(_anything), ()))):
        one = table.document.table((*table.where, "triggers", number))
        trigger = _trigger(one, agent, zone, number + 1)
        if any(other.name == trigger.name for other in found):
            if "name" in one:
                message = f"Two triggers have the name `{trigger.name}`."
                raise one.wrong("name", message, "Give one of the two another name.")
            message = f"{one.title} has the same source as another trigger."
            raise one.document.wrong(one.where, message, "Make one of the two, or give each a `name`.")
        found.append(trigger)
    return tuple(found)


def references_of(table: Table, triggers: tuple[Trigger, ...]) -> Iterator[Reference]:
    """The secrets that triggers refer to."""
    for trigger in triggers:
        if isinstance(trigger.source, Webhook):
            where = (*table.where, "triggers", trigger.number - 1, "webhook", "secret")
            purpose = f"the webhook `{trigger.source.path}` of {trigger.agent}"
            yield Reference(trigger.source.secret, purpose, table.document.file, table.document.locate(where))


def _trigger(one: Table, agent: str, zone: str, number: int) -> Trigger:
    one.only(*KINDS, "task", "name", "overlap", "done", "timezone", "missed")
    kinds = [kind for kind in KINDS if kind in one]
    if len(kinds) != 1:
        listed = "`schedule`, `every`, `at`, `mail`, `webhook`, `folder` and `run`"
        message = f"{one.title} must have exactly one of {listed}."
        raise one.document.wrong(one.where, message, "Write one trigger for each thing that starts a run.")
    timed = kinds[0] in ("schedule", "every", "at")
    one.only(*kinds, "task", "name", "overlap", "done", *(("timezone", "missed") if timed else ()))
    readers: dict[str, Callable[[Table], Source]] = {
        "webhook": _webhook, "folder": _folder, "run": lambda t: _run(t, agent), "mail": _mail
    }  # fmt: skip
    source = _schedule(one, kinds[0], zone) if timed else readers[kinds[0]](one)
    overlaps: tuple[str, ...] = get_args(Overlap) if timed else ("queue", "allow")
    task = one.need("task", values.text, "Say what the run shall do.")
    return Trigger(
        agent=agent, name=one.get("name", values.name, _name(source)), number=number, task=task, source=source,
        overlap=one.get("overlap", values.choice(*overlaps), "skip" if timed else "allow"),
        done=read_checks(one),
    )  # fmt: skip


def _name(source: Source) -> str:
    """What a trigger is called that has no name: another source is another trigger."""
    return f"{kind_of(source)}-{digest(canonical(source))[:8]}"


def _anything(value: object) -> object:
    return value


# -- times


def _schedule(one: Table, kind: str, zone: str) -> Schedule:
    zone = one.get("timezone", time_zone, zone)
    missed: Missed = one.get("missed", values.choice(*get_args(Missed)), "run_once")
    if kind == "schedule":
        return Schedule(cron=one.get("schedule", cron, ""), zone=zone, missed=missed)
    if kind == "every":
        return Schedule(every=one.get("every", _interval, 0.0), zone=zone, missed=missed)
    return Schedule(at=one.get("at", lambda value: _moment(value, zone), None), zone=zone, missed=missed)


def cron(value: object) -> str:
    """A cron expression of five fields that some time meets."""
    from cronsim import CronSim, CronSimError

    wrong = Wrong("five fields: minute, hour, day, month, weekday", 'Write it in quotes, as "0 8 * * mon-fri".')
    if not isinstance(value, str) or not _FIELDS.fullmatch(value.strip()) or len(value) > 200:
        raise wrong
    try:
        next(CronSim(value.strip(), datetime(2026, 1, 1)))  # noqa: DTZ001 - whether there is any time at all
    except CronSimError as exc:
        field = str(exc).removeprefix("Bad ")
        raise Wrong(f"a cron expression (the {field} is none)", wrong.remedy) from None
    except StopIteration:
        raise Wrong("a time that comes", "No day meets it; look at the day and the month.") from None
    return " ".join(value.split())


def time_zone(value: object) -> str:
    """A time zone of the IANA database."""
    from zoneinfo import available_timezones

    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", value):
        try:
            ZoneInfo(value)
        except (OSError, ValueError):  # not found is an OSError's child, or a KeyError's
            pass
        except KeyError:
            pass
        else:
            return value
        close = did_you_mean(value, tuple(sorted(available_timezones())))
    else:
        close = ""
    raise Wrong("a time zone", close or "Write a name such as Europe/Berlin, Asia/Shanghai or UTC.")


def _interval(value: object) -> float:
    seconds = values.duration(value)
    if seconds < _LEAST_EVERY:
        raise Wrong("at least one second", 'Write it as "15m" or "1h".')
    return seconds


def _moment(value: object, zone: str) -> datetime:
    wrong = Wrong("a date and a time", 'Write it as "2026-12-01 09:00", in the trigger\'s time zone.')
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", value):
        raise wrong
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise wrong from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))


# -- what comes from elsewhere


def _inner(one: Table, key: str, short: str) -> Table:
    """The table of a key; one line of text stands for its member `short`."""
    if isinstance(one.value[key], str):
        return Table(one.document, (*one.where, key), {short: one.value[key]})
    return one.document.table((*one.where, key))


def _webhook(one: Table) -> Webhook:
    inner = _inner(one, "webhook", "path")
    inner.only("path", "secret", "signature", "header", "dedupe", "tolerance", "max_bytes", "rate")
    inner.need("secret", values.reference, "Whoever knows only the address must not start runs: give `secret:NAME`.")
    return Webhook(
        path=inner.need("path", _matching(_PATH, "a path of a-z, 0-9, _, -, . and /", "Write it as orders or erp/new."),
                        "Say under which path of /hooks/ it listens."),
        secret=inner.get("secret", values.reference, ""),
        signature=inner.get("signature", values.choice("github", "timestamped", "standard"), "github"),
        header=inner.get("header", _matching(_HEADER, "the name of a header", "Write it as X-Signature."), ""),
        dedupe=inner.get("dedupe", _matching(
            _DEDUPE, "`header:NAME` or a path into the body", "Write it as header:X-Id or data.id."), ""),
        tolerance=inner.get("tolerance", values.duration, 300.0),
        most_bytes=min(inner.get("max_bytes", values.count, 1 << 20), _MOST_FILE),
        rate=inner.get("rate", values.count, 600),
    )  # fmt: skip


def _folder(one: Table) -> Folder:
    inner = _inner(one, "folder", "path")
    inner.only("path", "every", "max_bytes")
    pattern = inner.need("path", values.line, "Say which files, as inbox/*.xml.")
    parts = pattern.split("/")
    if pattern.startswith("/") or "\\" in pattern or any(part in ("", ".", "..", ".deputy") for part in parts):
        message = f"`path` in {inner.title} must lie in the workspace, not {shown(pattern)}."
        raise inner.wrong("path", message, "Write it relative to the workspace, as inbox/*.xml.")
    if any("*" in part or "?" in part or "[" in part for part in parts[:-1]):
        message = f"`path` in {inner.title} must name one folder, not {shown(pattern)}."
        raise inner.wrong("path", message, "Let patterns stand in the file's name only, as inbox/*.xml.")
    return Folder(pattern=pattern, every=inner.get("every", _interval, 5.0),
                  most_bytes=min(inner.get("max_bytes", values.count, _MOST_FILE), _MOST_FILE))  # fmt: skip


def _run(one: Table, agent: str) -> RunEnd:
    inner = _inner(one, "run", "agent")
    inner.only("agent", "state")
    other = inner.need("agent", values.line, "Name the agent whose runs it waits for.")
    if other == agent:
        message = f"{inner.title} starts a run of `{agent}` whenever one ends, for ever."
        raise inner.wrong("agent", message, "Name another agent, or use `every`.")
    state = values.choice("done", "failed", "cancelled")
    written = inner.value.get("state")
    states: tuple[Any, ...] = (
        inner.get("state", values.list_of(state, some=True), ())
        if isinstance(written, list)
        else (inner.get("state", state, "done"),)
    )
    return RunEnd(agent=other, states=tuple(dict.fromkeys(states)))


def _mail(one: Table) -> Mail:
    inner = _inner(one, "mail", "mailbox")
    inner.only("mailbox", "match", "every")
    mailbox = inner.get("mailbox", values.line, "default")
    match = inner.get("match", values.map_of(values.line, _matched), cast("dict[str, str]", {}))
    every = inner.get("every", _interval, 5.0)
    return Mail(mailbox="mail" if mailbox == "default" else mailbox, match=match, every=every)


def _matched(value: object) -> str:
    return cast("str", values.choice("from", "to", "subject")(value))


def _matching(pattern: re.Pattern[str], needs: str, remedy: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Wrong(needs, remedy)
        return value

    return read


def check_together(triggers: dict[str, tuple[Trigger, ...]], wrong: Callable[[Trigger, str, str], ConfigError]) -> None:
    """Refuse what two agents' triggers cannot both have: one path twice, or runs that start each other for ever."""
    paths: dict[str, Trigger] = {}
    after: dict[str, set[str]] = {}
    for trigger in (t for of in triggers.values() for t in of):
        source = trigger.source
        if isinstance(source, Webhook):
            if (first := paths.setdefault(source.path, trigger)) is not trigger:
                raise wrong(trigger, f"The path `{source.path}` belongs to a webhook of {first.agent} already.",
                            "Give one of the two another path.")  # fmt: skip
        elif isinstance(source, RunEnd):
            if source.agent not in triggers:
                close = did_you_mean(source.agent, tuple(triggers))
                message = f"There is no agent {shown(source.agent)} whose runs could end."
                raise wrong(trigger, message, close or "Name an agent of this workspace.")
            after.setdefault(source.agent, set()).add(trigger.agent)
            if _reaches(after, trigger.agent, source.agent):
                message = f"Runs of {trigger.agent} and {source.agent} would start each other for ever."
                raise wrong(trigger, message, "Take out one of the triggers.")


def _reaches(after: dict[str, set[str]], start: str, end: str) -> bool:
    seen, front = {start}, [start]
    while front:
        for name in after.get(front.pop(), ()):
            if name == end:
                return True
            if name not in seen:
                seen.add(name)
                front.append(name)
    return False
