"""When a schedule is due: arithmetic over calendars and zones, and nothing else.

At a change of clocks we do as Debian's cron does. A schedule that names its minute and its hour is due once a day, come
what may: a time that the clocks leave out is made up for when they have moved, and one that comes twice counts the
first time. One with `*` for minute or hour goes by what a clock on the wall shows as it passes.
"""

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from deputy.domain.trigger import Schedule

__all__ = ["MOST", "Passed", "next_after", "passed"]

MOST = 1_000  #: occurrences that are looked at one by one


class Passed(NamedTuple):
    """The occurrences of a span of time, oldest first; of more than MOST the latest, and `more` is true."""

    times: tuple[datetime, ...]
    more: bool = False


def next_after(schedule: Schedule, after: datetime) -> datetime | None:
    """The first occurrence later than this; None where there is none."""
    return next(_from(schedule, after), None)


def passed(schedule: Schedule, after: datetime, until: datetime) -> Passed:
    """The occurrences later than `after`, up to `until` and with it."""
    found = list(itertools.islice(itertools.takewhile(lambda at: at <= until, _from(schedule, after)), MOST + 1))
    if len(found) <= MOST:
        return Passed(tuple(found))
    return Passed(tuple(reversed(list(itertools.islice(_back(schedule, until), MOST)))), more=True)


def _from(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    if schedule.at is not None:
        at = schedule.at.astimezone(UTC)
        yield from (at,) if at > after else ()
    elif schedule.every:
        step = math.floor(after.timestamp() / schedule.every) + 1
        for n in itertools.count(step):
            if (at := _epoch(n * schedule.every)) > after:
                yield at
    else:
        last = after
        for at in CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.zone))):
            at = at.astimezone(UTC)
            if at > last:  # what the clocks leave out may come to lie where the next one is
                last = at
                yield at


def _back(schedule: Schedule, until: datetime) -> Iterator[datetime]:
    if schedule.every:
        for n in itertools.count(math.floor(until.timestamp() / schedule.every), -1):
            yield _epoch(n * schedule.every)
    elif schedule.cron:
        last = until + timedelta(seconds=1)
        start = last.astimezone(ZoneInfo(schedule.zone))
        for at in CronSim(schedule.cron, start, reverse=True):
            at = at.astimezone(UTC)
            if at < last:
                last = at
                yield at


def _epoch(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
