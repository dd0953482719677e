"""When schedules are due: zones, changes of clocks, and long times that nobody looked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deputy.domain.trigger import Schedule
from deputy.kernel.occurrences import MOST, next_after, passed

BERLIN = ZoneInfo("Europe/Berlin")


def walls(cron: str, start: str, count: int) -> list[str]:
    """What clocks in Berlin show at the next occurrences."""
    schedule, at = Schedule(cron=cron, zone="Europe/Berlin"), datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    found: list[str] = []
    for _ in range(count):
        at = next_after(schedule, at)
        assert at is not None
        found.append(at.astimezone(BERLIN).strftime("%m-%d %H:%M %z"))
    return found


def test_a_time_that_the_clocks_leave_out_is_made_up_for_when_they_have_moved():
    assert walls("30 2 * * *", "2026-03-28 12:00", 3) == ["03-29 03:00 +0200", "03-30 02:30 +0200", "03-31 02:30 +0200"]


def test_two_times_that_fall_together_in_spring_are_one():
    assert walls("0,30 2 * * *", "2026-03-28 12:00", 3) == [
        "03-29 03:00 +0200", "03-30 02:00 +0200", "03-30 02:30 +0200"
    ]  # fmt: skip


def test_a_time_that_comes_twice_counts_the_first_time():
    assert walls("30 2 * * *", "2026-10-24 12:00", 2) == ["10-25 02:30 +0200", "10-26 02:30 +0100"]
    after = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # between the two
    assert next_after(Schedule(cron="30 2 * * *", zone="Europe/Berlin"), after) == datetime(
        2026, 10, 26, 1, 30, tzinfo=UTC
    )


def test_every_hour_is_every_hour_whatever_the_clocks_do():
    assert walls("30 * * * *", "2026-03-29 01:00", 2) == ["03-29 01:30 +0100", "03-29 03:30 +0200"]
    assert walls("30 * * * *", "2026-10-25 02:00", 3) == ["10-25 02:30 +0200", "10-25 02:30 +0100", "10-25 03:30 +0100"]


def test_an_interval_has_the_same_times_in_every_process():
    quarter = Schedule(every=900)
    assert next_after(quarter, datetime(2026, 1, 1, 8, 7, tzinfo=UTC)) == datetime(2026, 1, 1, 8, 15, tzinfo=UTC)
    assert next_after(quarter, datetime(2026, 1, 1, 8, 15, tzinfo=UTC)) == datetime(2026, 1, 1, 8, 30, tzinfo=UTC)


def test_a_moment_comes_once():
    at = datetime(2026, 12, 1, 9, tzinfo=BERLIN)
    assert next_after(Schedule(at=at), at - timedelta(days=1)) == at
    assert next_after(Schedule(at=at), at) is None


@pytest.mark.parametrize("schedule", [Schedule(cron="* * * * *", zone="Asia/Shanghai"), Schedule(every=60)])
def test_of_a_year_of_minutes_the_latest_are_looked_at(schedule: Schedule):
    end = datetime(2026, 1, 1, tzinfo=UTC)
    found = passed(schedule, datetime(2025, 1, 1, tzinfo=UTC), end)
    assert (len(found.times), found.more) == (MOST, True)
    assert found.times[-1] == end
    assert list(found.times) == [end - timedelta(minutes=n) for n in reversed(range(MOST))]


def test_of_a_short_time_all_are():
    start = datetime(2026, 1, 1, 8, tzinfo=UTC)
    found = passed(Schedule(cron="0 * * * *"), start, start + timedelta(hours=3))
    assert [at.hour for at in found.times] == [9, 10, 11]
    assert not found.more
