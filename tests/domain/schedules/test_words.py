"""Schedules in words that people would use, and never in wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from campaigns.domain.schedules.occurrences import occurrences
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.schedules.words import notes, words

BERLIN = "Europe/Berlin"
FRIDAY = datetime.fromisoformat("2026-12-04 18:00")


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 18 * * FRI", "every Friday at 18:00 Europe/Berlin"),
        ("0 9 1 * *", "on the 1st of each month at 09:00 Europe/Berlin"),
        ("0 9,18 1,15 * *", "on the 1st and the 15th of each month at 09:00 and 18:00 Europe/Berlin"),
        ("0 9 2,3,4,11,22 * *", "on the 2nd to 4th, the 11th and the 22nd of each month at 09:00 Europe/Berlin"),
        ("@daily", "every day at 00:00 Europe/Berlin"),
        ("@weekly", "every Sunday at 00:00 Europe/Berlin"),
        ("@hourly", "every hour Europe/Berlin"),
        ("* * * * *", "every minute Europe/Berlin"),
        ("*/15 * * * *", "every 15 minutes Europe/Berlin"),
        ("5 * * * *", "every hour at minute 5 Europe/Berlin"),
        ("5,20 * * * *", "at minutes 5 and 20 of every hour Europe/Berlin"),
        ("*/9 0 * * *", "at minutes 0, 9, 18, 27, 36, 45 and 54 of every hour from 00:00 to 00:54 Europe/Berlin"),
        ("*/15 9-17 * * MON-FRI", "every 15 minutes from 09:00 to 17:45 Europe/Berlin, every Monday to Friday"),
        ("*/15 9,14 * * *", "every 15 minutes of the hours 9 and 14 Europe/Berlin"),
        ("0 */2 * * *", "every 2 hours from 00:00 to 22:00 Europe/Berlin"),
        ("30 1/2 * * *", "every 2 hours from 01:30 to 23:30 Europe/Berlin"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00 Europe/Berlin"),
        ("30 0,1,2,3,4,5,6,9 * * *", "at minute 30 of the hours 0, 1, 2, 3, 4, 5, 6 and 9 Europe/Berlin"),
        ("*/60 9 * * *", "every day at 09:00 Europe/Berlin"),
        ("0 9 L * *", "on the last day of each month at 09:00 Europe/Berlin"),
        ("0 9 LW 3,9 *", "on the last day from Monday to Friday of March and September at 09:00 Europe/Berlin"),
        ("0 9 * * 5#2", "on the second Friday of each month at 09:00 Europe/Berlin"),
        ("0 9 * 5 0L", "on the last Sunday of May at 09:00 Europe/Berlin"),
        ("0 9 24 12 *", "on the 24th of December at 09:00 Europe/Berlin"),
        ("0 9 * 6-8 *", "every day in June to August at 09:00 Europe/Berlin"),
        ("0 9 * 6-8 SAT,SUN", "every Saturday and Sunday in June to August at 09:00 Europe/Berlin"),
        ("0 9 13 * FRI", "on the 13th of each month and every Friday at 09:00 Europe/Berlin"),
        ("0 9 1-7 * */7", "on the 1st to 7th of each month if that is Sunday at 09:00 Europe/Berlin"),
        ("0 9 */20 5 5,1#2", "on the 1st and the 21st of May if that is Friday or the second Monday at 09:00 UTC"),
        ("0 9 1-31 * MON", "every day at 09:00 Europe/Berlin"),
        ("0 9 1 * 0-6", "every day at 09:00 Europe/Berlin"),
        ("0 9 * * 0,1-5", "every Monday to Friday and Sunday at 09:00 Europe/Berlin"),
    ],
)  # fmt: skip
def test_an_expression_in_words(cron: str, said: str) -> None:
    assert words(Timing(cron=cron, zone="UTC" if "UTC" in said else BERLIN)) == said


@pytest.mark.parametrize(
    ("every", "said"),
    [
        ("2 weeks", "every 2 weeks on Friday at 18:00 Europe/Berlin, from 4 December 2026"),
        ("every 14 days", "every 2 weeks on Friday at 18:00 Europe/Berlin, from 4 December 2026"),
        ("week", "every Friday at 18:00 Europe/Berlin, from 4 December 2026"),
        ("1 day", "every day at 18:00 Europe/Berlin, from 4 December 2026"),
        ("3 Days", "every 3 days at 18:00 Europe/Berlin, from 4 December 2026"),
    ],
)
def test_a_step_in_words(every: str, said: str) -> None:
    assert words(Timing(every=every, starting=FRIDAY, zone=BERLIN)) == said


def test_limits_are_said() -> None:
    timing = Timing(
        cron="0 9 * * *",
        zone=BERLIN,
        begins=datetime(2026, 12, 4, 17, tzinfo=UTC),
        until=datetime(2026, 12, 31, 23, tzinfo=UTC),
        max_runs=1200,
    )
    assert words(timing) == (
        "every day at 09:00 Europe/Berlin, from Friday 4 December 2026 18:00 Europe/Berlin, "
        "until Friday 1 January 2027 00:00 Europe/Berlin, 1,200 runs at most"
    )
    assert words(Timing(cron="0 9 * * *", zone="UTC", max_runs=1)) == "every day at 09:00 UTC, one run at most"


def test_what_does_not_recur_in_words() -> None:
    at = datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert words(Timing(zone=BERLIN), at) == "once, on Thursday 24 December 2026 at 18:00 Europe/Berlin"
    assert words(Timing(), at) == "once, on Thursday 24 December 2026 at 17:00+0000"
    assert words(Timing()) == "when it is launched"


def noted(cron: str, zone: str, since: str) -> list[str]:
    timing = Timing(cron=cron, zone=zone)
    start = datetime.fromisoformat(since)
    return notes(timing, islice(occurrences(timing, start, start + timedelta(days=400)), 10))


@pytest.mark.parametrize(
    ("cron", "zone", "since", "said"),
    [
        (
            "30 2 * * *", BERLIN, "2026-03-25T00:00Z",
            "2026-03-29: clocks go forward 1 h at 02:00; what falls from 02:00 to 03:00 runs at 03:00",
        ),
        (
            "0 * * * *", BERLIN, "2026-03-28T22:00Z",
            "2026-03-29: clocks go forward 1 h at 02:00; there is no 02:00 to 03:00, so nothing runs for it",
        ),
        (
            "30 2 * * *", BERLIN, "2026-10-20T00:00Z",
            "2026-10-25: clocks go back 1 h at 03:00; 02:00 to 03:00 comes twice and runs the first time",
        ),
        (
            "0 * * * *", BERLIN, "2026-10-24T22:00Z",
            "2026-10-25: clocks go back 1 h at 03:00; 02:00 to 03:00 comes twice and runs both times",
        ),
        (
            "0 12 * * *", "Africa/Cairo", "2026-10-25T00:00Z",
            "2026-10-29: clocks go back 1 h at 24:00; 23:00 to 24:00 comes twice and runs the first time",
        ),
    ],
)  # fmt: skip
def test_days_on_which_clocks_change_are_noted(cron: str, zone: str, since: str, said: str) -> None:
    assert noted(cron, zone, since) == [said]


def test_nothing_is_noted_of_plain_days() -> None:
    assert noted("0 9 * * *", BERLIN, "2026-05-01T00:00Z") == []


def test_how_two_fields_for_days_are_joined_is_noted() -> None:
    assert noted("0 9 13 * FRI", "UTC", "2026-05-01T00:00Z") == [
        "day of month and weekday are both given: either is enough"
    ]
    assert noted("0 9 */2 * FRI", "UTC", "2026-05-01T00:00Z") == [
        "day of month and weekday are both given: both must match"
    ]
