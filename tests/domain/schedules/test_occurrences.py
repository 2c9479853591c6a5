"""Occurrences around real clock changes, each worked out by hand, and what holds for every schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.domain.clocks import clock_change, first_instant, local_of, readings, zone_names, zone_of
from campaigns.domain.schedules.occurrences import jitter_of, next_after, occurrences, schedule_faults
from campaigns.domain.schedules.timing import Timing

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def moment(text: str) -> datetime:
    """An instant, or without an offset a local time."""
    return datetime.fromisoformat(text)


def local_runs(timing: Timing, since: str, count: int) -> list[str]:
    """The first occurrences from a moment on, as clocks in the zone show them, with offsets."""
    start = moment(since)
    found = islice(occurrences(timing, start - timedelta(microseconds=1), start + timedelta(days=9999)), count)
    zone = zone_of(timing.zone or "UTC")
    return [each.astimezone(zone).strftime("%m-%d %H:%M%z") for each in found]


@pytest.mark.parametrize(
    ("cron", "zone", "since", "expected"),
    [
        # Berlin, 29 March 2026: 02:00 +01 becomes 03:00 +02.
        ("30 2 * * *", BERLIN, "2026-03-28T00:00Z", ["03-28 02:30+0100", "03-29 03:00+0200", "03-30 02:30+0200"]),
        ("*/20 2 * * *", BERLIN, "2026-03-29T00:00Z", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        ("0,30 2,3 * * *", BERLIN, "2026-03-29T00:00Z", ["03-29 03:00+0200", "03-29 03:30+0200", "03-30 02:00+0200"]),
        ("30 * * * *", BERLIN, "2026-03-29T00:00Z", ["03-29 01:30+0100", "03-29 03:30+0200", "03-29 04:30+0200"]),
        # Berlin, 25 October 2026: 03:00 +02 becomes 02:00 +01.
        ("30 2 * * *", BERLIN, "2026-10-24T12:00Z", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("0 3 * * *", BERLIN, "2026-10-24T12:00Z", ["10-25 03:00+0100", "10-26 03:00+0100"]),
        (
            "*/30 2 * * *",
            BERLIN,
            "2026-10-24T12:00Z",
            ["10-25 02:00+0200", "10-25 02:30+0200", "10-26 02:00+0100"],
        ),
        (
            "30 0-23 * * *",
            BERLIN,
            "2026-10-24T23:00Z",
            ["10-25 01:30+0200", "10-25 02:30+0200", "10-25 02:30+0100", "10-25 03:30+0100"],
        ),
        ("30 1-23 * * *", BERLIN, "2026-10-25T00:00Z", ["10-25 02:30+0200", "10-25 03:30+0100"]),
        # Lord Howe: half an hour, 02:00 +11 becomes 01:30 +10:30 on 5 April, and forward at 02:00 on 4 October.
        (
            "*/30 * * * *",
            "Australia/Lord_Howe",
            "2026-04-05T01:00+11:00",
            ["04-05 01:00+1100", "04-05 01:30+1100", "04-05 01:30+1030", "04-05 02:00+1030"],
        ),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00+11:00", ["04-05 01:45+1100", "04-06 01:45+1030"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", ["10-04 02:30+1100", "10-05 02:15+1100"]),
        # Troll: two hours, 01:00 +00 becomes 03:00 +02.
        ("0 1,2,3 * * *", "Antarctica/Troll", "2026-03-29T00:30Z", ["03-29 03:00+0200", "03-30 01:00+0200"]),
        ("30 1 * * *", "Antarctica/Troll", "2026-10-24T12:00Z", ["10-25 01:30+0200", "10-26 01:30+0000"]),
        # Cairo: the day of 24 April 2026 begins at 01:00; that of 29 October has its last hour twice.
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T00:00+02:00", ["04-23 00:00+0200", "04-24 01:00+0300"]),
        ("30 23 * * *", "Africa/Cairo", "2026-10-29T00:00+03:00", ["10-29 23:30+0300", "10-30 23:30+0200"]),
        ("0 0 * * FRI", "Africa/Cairo", "2026-10-29T12:00+03:00", ["10-30 00:00+0200"]),
        # Dublin: summer is its standard time and winter the exception, which changes nothing about clocks.
        ("30 1 * * *", "Europe/Dublin", "2026-03-28T12:00Z", ["03-29 02:00+0100", "03-30 01:30+0100"]),
        ("30 1 * * *", "Europe/Dublin", "2026-10-24T12:00Z", ["10-25 01:30+0100", "10-26 01:30+0000"]),
        # Casablanca: back for Ramadan on 15 February 2026, on again on 22 March.
        ("30 2 * * *", "Africa/Casablanca", "2026-02-15T00:00+01:00", ["02-15 02:30+0100", "02-16 02:30+0000"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-22T00:00Z", ["03-22 03:00+0100", "03-23 02:30+0100"]),
        # Almaty gave up an hour for good: 1 March 2024, 00:00 +06 became 23:00 +05 of the day before.
        ("30 23 29 2 *", "Asia/Almaty", "2024-02-29T12:00+06:00", ["02-29 23:30+0600", "02-29 23:30+0500"]),
    ],
)
def test_what_runs_when_clocks_change(cron: str, zone: str, since: str, expected: list[str]) -> None:
    assert local_runs(Timing(cron=cron, zone=zone), since, len(expected)) == expected


@pytest.mark.parametrize("second", [0, 1, 1799, 1800, 3599])
def test_between_the_two_showings_of_an_hour_nothing_is_run_again(second: int) -> None:
    timing = Timing(cron="*/30 2 * * *", zone=BERLIN)
    shown_again = moment("2026-10-25T01:00Z") + timedelta(seconds=second)
    assert next_after(timing, shown_again) == moment("2026-10-26T01:00Z")


def test_an_hourly_expression_of_one_day_runs_in_the_hour_that_comes_again() -> None:
    timing = Timing(cron="40 * 25 10 *", zone=BERLIN)
    assert next_after(timing, moment("2026-10-25T00:50Z")) == moment("2026-10-25T01:40Z")
    assert next_after(timing, moment("2026-10-25T00:50Z") - timedelta(minutes=11)) == moment("2026-10-25T00:40Z")


@pytest.mark.parametrize(
    ("cron", "since", "expected"),
    [
        ("0 0 29 2 *", "2026-01-01T00:00Z", ["2028-02-29", "2032-02-29"]),
        ("0 9 * 2 MON#5", "2026-01-01T00:00Z", ["2044-02-29", "2072-02-29"]),
        ("0 9 L * *", "2026-01-31T10:00Z", ["2026-02-28", "2026-03-31"]),
        ("0 9 LW * *", "2026-01-01T00:00Z", ["2026-01-30", "2026-02-27"]),
        ("0 9 * * FRI#2", "2026-01-01T00:00Z", ["2026-01-09", "2026-02-13"]),
        ("0 9 * * 5L", "2026-01-01T00:00Z", ["2026-01-30", "2026-02-27"]),
        ("0 9 13 * FRI", "2026-01-01T00:00Z", ["2026-01-02", "2026-01-09", "2026-01-13"]),
        ("0 9 1-7 * */7", "2026-01-01T00:00Z", ["2026-01-04", "2026-02-01"]),
        ("@monthly", "2026-01-01T00:01Z", ["2026-02-01", "2026-03-01"]),
        ("0 9 * JAN-MAR sat,Sun", "2026-03-28T00:00Z", ["2026-03-28", "2026-03-29", "2027-01-02"]),
        ("0 9 * * 7", "2026-01-01T00:00Z", ["2026-01-04", "2026-01-11"]),
    ],
)
def test_which_days_match(cron: str, since: str, expected: list[str]) -> None:
    start = moment(since)
    found = occurrences(Timing(cron=cron, zone="UTC"), start, start + timedelta(days=30000))
    assert [str(each.date()) for each in islice(found, len(expected))] == expected


def test_every_two_weeks_keeps_its_local_time() -> None:
    timing = Timing(every="2 weeks", starting=moment("2026-10-16 18:00"), zone=BERLIN)
    expected = ["10-16 18:00+0200", "10-30 18:00+0100", "11-13 18:00+0100"]
    assert local_runs(timing, "2020-01-01T00:00Z", 3) == expected
    assert local_runs(timing, "2026-10-16T16:00Z", 1) == expected[:1]
    assert local_runs(timing, "2026-10-16T16:01Z", 1) == expected[1:2]


def test_every_day_in_a_gap_runs_at_its_end_and_in_a_fold_once() -> None:
    timing = Timing(every="day", starting=moment("2026-03-28 02:30"), zone=BERLIN)
    assert local_runs(timing, "2026-03-29T00:00Z", 2) == ["03-29 03:00+0200", "03-30 02:30+0200"]
    assert local_runs(timing, "2026-10-25T00:00Z", 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]


def test_times_that_one_gap_moves_to_the_same_instant_are_one() -> None:
    timing = Timing(cron="*/5 2 * * *", zone=BERLIN)
    day = moment("2026-03-29T00:00+01:00")
    assert list(occurrences(timing, day, day + timedelta(hours=22))) == [moment("2026-03-29T01:00Z")]


def test_begins_and_until_are_inclusive() -> None:
    begins, until = moment("2026-12-02T09:00Z"), moment("2026-12-04T09:00Z")
    timing = Timing(cron="0 9 * * *", zone="UTC", begins=begins, until=until)
    assert list(occurrences(timing, NOW, NOW + timedelta(days=30))) == [
        begins,
        begins + timedelta(days=1),
        until,
    ]
    assert next_after(timing, until) is None


def test_once_comes_once() -> None:
    at = moment("2027-01-01T00:00+01:00")
    assert next_after(Timing(), NOW, starts_at=at) == at
    assert next_after(Timing(), at, starts_at=at) is None
    assert next_after(Timing(), NOW) is None
    assert list(occurrences(Timing(), NOW, at, starts_at=at)) == [at]


@pytest.mark.parametrize("cron", ["0 0 */10 2 MON#5", "0 0 1 1 *"])
def test_what_never_comes_ends(cron: str) -> None:
    at_the_end = moment("9999-12-30T00:00Z") if cron == "0 0 1 1 *" else NOW
    assert next_after(Timing(cron=cron, zone="UTC"), at_the_end) is None


def test_the_end_of_all_years_is_the_end_of_every_schedule() -> None:
    for timing in (
        Timing(cron="* * * * *", zone="Asia/Tokyo"),
        Timing(cron="0 1 * * *", zone=BERLIN),
        Timing(every="2 weeks", starting=moment("2026-01-01 00:00"), zone=BERLIN),
    ):
        assert next_after(timing, datetime.max.replace(tzinfo=UTC) - timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("zone", "day", "said"),
    [
        (BERLIN, "2026-03-29", "clocks go forward 1 h at 02:00"),
        (BERLIN, "2026-10-25", "clocks go back 1 h at 03:00"),
        (BERLIN, "2026-10-26", None),
        ("Australia/Lord_Howe", "2026-04-05", "clocks go back 30 min at 02:00"),
        ("Antarctica/Troll", "2026-03-29", "clocks go forward 2 h at 01:00"),
        ("Africa/Cairo", "2026-04-24", "clocks go forward 1 h at 00:00"),
        ("Africa/Cairo", "2026-04-23", None),
        ("Africa/Cairo", "2026-10-29", "clocks go back 1 h at 24:00"),
        ("Africa/Cairo", "2026-10-30", None),
        ("America/Havana", "2024-11-03", "clocks go back 1 h at 01:00"),
        ("Asia/Almaty", "2024-02-29", "clocks go back 1 h at 24:00"),
        ("UTC", "2026-03-29", None),
    ],
)
def test_the_days_on_which_clocks_change(zone: str, day: str, said: str | None) -> None:
    assert clock_change(zone, date.fromisoformat(day)) == said


def test_jitter_is_chance_that_stays() -> None:
    found = {jitter_of(campaign, NOW + timedelta(days=day), 600.0) for campaign in range(20) for day in range(20)}
    assert len(found) == 400
    assert all(timedelta(0) <= each < timedelta(minutes=10) for each in found)
    assert min(found) < timedelta(minutes=1)
    assert max(found) > timedelta(minutes=9)
    there = NOW.astimezone(zone_of("Asia/Tokyo"))
    assert jitter_of(7, NOW, 600.0) == jitter_of(7, there, 600.0) == timedelta(seconds=387, microseconds=156298)
    assert jitter_of(7, NOW, 0.0) == timedelta(0)


def test_zones_come_from_the_package_and_no_other_place() -> None:
    import zoneinfo

    assert zoneinfo.TZPATH == ()
    assert len(zone_names()) > 500


# Every schedule.

FIELD_TEXTS = (
    st.sampled_from(["0", "30", "*", "*/15", "5,35", "59", "*/7"]),
    st.sampled_from(["*", "0", "1,2,3", "2", "0-23", "*/2", "23", "1-3"]),
    st.sampled_from(["*", "1", "L", "*/10", "15-31", "29"]),
    st.sampled_from(["*", "3,10", "4-11", "*/2"]),
    st.sampled_from(["*", "SUN", "MON-FRI", "5L", "0#2"]),
)
CRONS = st.tuples(*FIELD_TEXTS).map(" ".join)
ZONES = st.sampled_from(
    [
        BERLIN, "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Cairo", "Africa/Casablanca",
        "America/Santiago", "Asia/Beirut", "Europe/Dublin", "Asia/Almaty", "America/Havana", "UTC", "Asia/Kathmandu",
    ]
)  # fmt: skip
MOMENTS = st.one_of(
    st.datetimes(moment("2024-01-01 00:00"), moment("2030-12-31 00:00"), timezones=st.just(UTC)),
    # Around the changes of 2026 in Europe, Egypt, Chile and Lord Howe.
    st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes),
        st.sampled_from(
            [moment(f"2026-{day}T00:00Z") for day in ("03-29", "10-25", "04-23", "10-29", "04-05", "09-06")]
        ),
        st.integers(-300, 300),
    ),
)
STEPS = st.builds(
    lambda every, starting, zone: Timing(every=every, starting=starting, zone=zone),
    st.sampled_from(["day", "2 days", "3 weeks"]),
    st.datetimes(moment("2025-01-01 00:00"), moment("2027-01-01 00:00")).map(lambda time: time.replace(microsecond=0)),
    ZONES,
)
TIMINGS = st.one_of(st.builds(lambda cron, zone: Timing(cron=cron, zone=zone), CRONS, ZONES), STEPS)


@given(timing=TIMINGS, start=MOMENTS)
@settings(max_examples=150, deadline=None)
def test_occurrences_rise_and_are_the_same_from_wherever_one_starts(timing: Timing, start: datetime) -> None:
    found = list(islice(occurrences(timing, start, start + timedelta(days=20000)), 8))
    assert all(later > earlier for earlier, later in pairwise([start, *found]))
    for number, (earlier, later) in enumerate(pairwise(found), start=1):
        for between in (later - timedelta(seconds=1), earlier + (later - earlier) / 2, earlier):
            assert next_after(timing, between) == found[number]


@given(zone=ZONES, start=MOMENTS, cron=CRONS)
@settings(max_examples=150, deadline=None)
def test_what_runs_is_what_clocks_show_or_the_end_of_what_they_skip(zone: str, start: datetime, cron: str) -> None:
    place = zone_of(zone)
    timing = Timing(cron=cron, zone=zone)
    for found in islice(occurrences(timing, start, start + timedelta(days=400)), 20):
        shown = local_of(found, place)
        matches = next_after(Timing(cron=cron, zone="UTC"), shown.replace(tzinfo=UTC) - timedelta(seconds=1))
        if matches is not None and matches.replace(tzinfo=None) == shown:
            continue
        assert not readings(shown - timedelta(minutes=1), place)  # a gap ends here
        assert first_instant(shown - timedelta(minutes=1), place) == found


# Faults.


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        (Timing(cron="0 0 31 2 *", zone=BERLIN), "never comes: no month it names has a day 31"),
        (Timing(cron="0 0 */10 2 MON#5", zone=BERLIN), "has no occurrence in the next 50 years"),
        (Timing(cron="0 0 0 1 1 *", zone=BERLIN), "has a sixth field, but a schedule has no seconds"),
        (Timing(cron="0 18 * *", zone=BERLIN), "has 4 fields; give five: minute, hour, day of month, month, weekday"),
        (Timing(cron="", zone=BERLIN), "has 0 fields"),
        (Timing(cron="60 * * * *", zone=BERLIN), "the minute is '60', but may hold 0 to 59"),
        (Timing(cron="0 24 * * *", zone=BERLIN), "the hour is '24', but may hold 0 to 23"),
        (Timing(cron="0 0 0 * *", zone=BERLIN), "the day of month is '0', but may hold 1 to 31"),
        (Timing(cron="0 0 * 13 *", zone=BERLIN), "the month is '13', but may hold 1 to 12 or JAN to DEC"),
        (Timing(cron="0 0 * * FRI-MON", zone=BERLIN), "the weekday is 'FRI-MON', but may hold 0 to 7"),
        (Timing(cron="*/0 * * * *", zone=BERLIN), "the minute is '*/0'"),
        (Timing(cron="@reboot", zone=BERLIN), "'@reboot' is not a known word; these are: @yearly"),
        (Timing(cron=f"{'1,' * 200}1 * * * *", zone=BERLIN), "more than 250"),
        (Timing(cron="0 9 * * *", zone="Europe/Berln"), "zone 'Europe/Berln' is not a known time zone; did you mean"),
        (Timing(cron="0 9 * * *"), "cron needs a zone"),
        (Timing(every="2 weeks", zone=BERLIN), "every needs starting"),
        (Timing(every="2 months", starting=moment("2026-01-01 00:00"), zone=BERLIN), "'2 months' is not a valid step"),
        (Timing(every="0 days", starting=moment("2026-01-01 00:00"), zone=BERLIN), "'0 days' is not a valid step"),
        (Timing(every="٣ days", starting=moment("2026-01-01 00:00"), zone=BERLIN), "is not a valid step"),
        (Timing(starting=moment("2026-01-01 00:00")), "there is no every"),
        (Timing(cron="@daily", every="day", starting=moment("2026-01-01 00:00"), zone=BERLIN), "keep one of them"),
        (Timing(cron="@daily", zone=BERLIN, max_runs=0), "max_runs is 0"),
        (Timing(cron="@daily", zone=BERLIN, until=NOW), "has passed"),
        (
            Timing(cron="@daily", zone=BERLIN, begins=NOW + timedelta(9), until=NOW + timedelta(8)),
            "until 2026-12-09 13:00+01:00 Europe/Berlin is before begins 2026-12-10 13:00+01:00",
        ),
        (Timing(cron="@monthly", zone=BERLIN, until=NOW + timedelta(8)), "has no occurrence before it ends"),
        (Timing(cron="*/10 * * * *", zone=BERLIN, jitter_seconds=600), "two occurrences are 600 s apart"),
        (Timing(cron="0,50 9 * * *", zone=BERLIN, jitter_seconds=3000), "two occurrences are 3000 s apart"),
        (Timing(until=NOW + timedelta(8), max_runs=2), "until and max_runs are for a schedule that recurs"),
        (Timing(grace_seconds=0.5), "grace is 0.5 s, shorter than the tick of 1 s"),
        (Timing(misfire="al"), "misfire is 'al', but may be skip, once or all"),  # type: ignore[arg-type]
        (Timing(overlap="stop"), "may be skip, queue, cancel or unsend"),  # type: ignore[arg-type]
        (Timing(over_seconds=8, expires_seconds=7), "over is longer than expires"),
        (Timing(expires_seconds=0), "expires is 0"),
        (Timing(hours="9-22", zone=BERLIN), "hours '9-22'"),
    ],
)
def test_a_timing_that_cannot_stand_is_named(timing: Timing, said: str) -> None:
    faults = schedule_faults(timing, NOW, tick_seconds=1.0)
    assert len(faults) == 1
    assert said in faults[0]
    assert not faults[0].endswith(".")


@pytest.mark.parametrize(
    "timing",
    [
        Timing(),
        Timing(cron="@Daily", zone=BERLIN, jitter_seconds=3600, grace_seconds=1.0),
        Timing(cron="0 9 31 2 MON", zone=BERLIN),
        Timing(cron="*/10 * * * *", zone=BERLIN, jitter_seconds=599),
        Timing(
            every="2 weeks", starting=moment("2026-01-01 00:00"), zone=BERLIN, max_runs=1, until=NOW + timedelta(30)
        ),
        Timing(over_seconds=7200, expires_seconds=7200, hours="09:00-22:00", zone=BERLIN),
    ],
)
def test_a_timing_that_can_stand_has_no_fault(timing: Timing) -> None:
    assert schedule_faults(timing, NOW, tick_seconds=1.0) == []


def test_all_faults_are_named_at_once() -> None:
    timing = Timing(cron="61 25 * * *", misfire="al", max_runs=0, zone="x")  # type: ignore[arg-type]
    faults = "; ".join(schedule_faults(timing, NOW))
    assert all(word in faults for word in ("minute is '61'", "hour is '25'", "misfire", "max_runs", "zone 'x'"))


def test_a_time_beside_a_schedule_is_one_too_many() -> None:
    faults = schedule_faults(Timing(cron="@daily", zone=BERLIN), NOW, starts_at=NOW + timedelta(1))
    assert faults == ["cron and at each say when, but a campaign has one schedule; keep one of them"]
