"""Sending hours against a model that asks the clock on the wall minute by minute."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.domain.schedules.sending_hours import (
    LOOKED_AHEAD,
    Hours,
    Window,
    advance,
    closes_at,
    hours_faults,
    open_seconds,
    opens_at,
    spread,
    windows_of,
)
from campaigns.domain.schedules.timing import Timing

MINUTE = timedelta(minutes=1)
BERLIN = "Europe/Berlin"
PLACES = {
    # Each with a local day on which its clocks are set, forward or back.
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
    "America/Santiago": ["2026-04-04", "2026-09-06"],  # at midnight
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "Asia/Kathmandu": ["2026-05-01"],
    "UTC": ["2026-05-01"],
}


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold)


def window(text: str, zone: str = BERLIN) -> Window:
    return Window(Hours.parse(text), ZoneInfo(zone))


class Model:
    """Which minutes from a start on are open, asked one by one."""

    def __init__(self, hours: list[tuple[str, str]], start: datetime, minutes: int) -> None:
        self.start = start
        self.open = [all(self._is_open(start + minute * MINUTE, *one) for one in hours) for minute in range(minutes)]

    @staticmethod
    def _is_open(moment: datetime, text: str, zone: str) -> bool:
        shown = moment.astimezone(ZoneInfo(zone)).time()
        first, last = text.split("-")
        opens, closes = time.fromisoformat(first), time.max if last == "24:00" else time.fromisoformat(last)
        return opens <= shown < closes if opens < closes else shown >= opens or shown < closes

    def first(self, minute: int, *, is_open: bool) -> datetime | None:
        return next(
            (self.start + at * MINUTE for at in range(minute, len(self.open)) if self.open[at] == is_open), None
        )

    def nth_open(self, minute: int, count: int) -> datetime | None:
        found = [at for at in range(minute, len(self.open)) if self.open[at]]
        return self.start + found[count] * MINUTE if count < len(found) else None


def _some_hours(chance: random.Random) -> tuple[str, str]:
    first, last = chance.sample(range(0, 1440, chance.choice([1, 15, 30, 60])), 2)
    closes = "24:00" if last == 0 else f"{last // 60:02}:{last % 60:02}"
    return f"{first // 60:02}:{first % 60:02}-{closes}", chance.choice(list(PLACES))


@pytest.mark.parametrize("seed", range(30))
def test_opening_closing_and_open_time_agree_with_the_clock_on_the_wall(seed: int) -> None:
    chance = random.Random(seed)
    hours = [_some_hours(chance) for _ in range(chance.choice([1, 1, 2]))]
    day = datetime.fromisoformat(chance.choice(PLACES[hours[0][1]])).replace(tzinfo=UTC)
    start = day - timedelta(hours=30)
    model = Model(hours, start, minutes=4 * 24 * 60)
    windows = [window(*one) for one in hours]

    for _ in range(15):
        minute = chance.randrange(2 * 24 * 60)
        now = start + minute * MINUTE
        opens = opens_at(windows, now) or now
        expected = model.first(minute, is_open=True)
        assert opens == expected if expected else opens > start + len(model.open) * MINUTE, (hours, now)
        if expected == now:
            closing = model.first(minute, is_open=False)
            assert closing is None or closes_at(windows, now) == closing, (hours, now)
        count = chance.choice([0, 1, 30, 400])
        reached = model.nth_open(minute, count)
        if reached is not None:
            assert advance(windows, now, count * 60.0) == reached, (hours, now, count)
        until = minute + chance.randrange(24 * 60)
        assert open_seconds(windows, now, start + until * MINUTE) == 60 * sum(model.open[minute:until])


def test_a_window_that_begins_in_a_gap_opens_at_the_first_valid_instant() -> None:
    assert opens_at([window("02:30-05:00")], berlin("2026-03-29T01:00")) == berlin("2026-03-29T03:00")


def test_a_window_that_is_shown_twice_is_open_both_times() -> None:
    twice = [window("02:15-02:45")]
    first, again = (berlin("2026-10-25T02:15", fold=fold).astimezone(UTC) for fold in (0, 1))

    assert opens_at(twice, berlin("2026-10-25T01:00")) == first
    assert closes_at(twice, first) == first + 30 * MINUTE
    assert opens_at(twice, first + 30 * MINUTE) == again
    assert advance(twice, first, 40 * 60) == again + 10 * MINUTE


def test_the_night_that_is_an_hour_longer_has_an_hour_more_of_open_time() -> None:
    night = [window("22:00-06:00")]
    assert open_seconds(night, berlin("2026-10-24T12:00"), berlin("2026-10-25T12:00")) == 9 * 3600
    assert open_seconds(night, berlin("2026-03-28T12:00"), berlin("2026-03-29T12:00")) == 7 * 3600


def test_the_whole_day_never_closes() -> None:
    assert closes_at([window("00:00-24:00")], berlin("2026-10-25T00:00")) is None
    assert windows_of(Timing(hours="00:00-24:00", zone=BERLIN)) == ()
    assert opens_at([], berlin("2026-10-25T00:00")) is None
    assert advance([], berlin("2026-10-25T00:00"), 90) == berlin("2026-10-25T00:00") + timedelta(seconds=90)


def test_batches_are_spread_over_open_time() -> None:
    start = berlin("2026-06-05T21:00")
    placed = list(spread([window("09:00-22:00")], start, [0, 1800, 3600, 5400]))
    assert placed == [start, berlin("2026-06-05T21:30"), berlin("2026-06-06T09:00"), berlin("2026-06-06T09:30")]


def test_each_window_keeps_its_own_clock() -> None:
    both = windows_of(
        Timing(hours="09:00-22:00", zone=BERLIN), account_hours="10:00-18:00", account_zone="America/New_York"
    )
    assert [str(one) for one in both] == ["09:00-22:00 Europe/Berlin", "10:00-18:00 America/New_York"]
    assert opens_at(both, berlin("2026-06-05T12:00")) == berlin("2026-06-05T16:00")
    assert closes_at(both, berlin("2026-06-05T16:00")) == berlin("2026-06-05T22:00")


def test_a_campaign_without_a_zone_goes_by_its_accounts() -> None:
    (only,) = windows_of(Timing(hours="09:00-22:00"), account_zone=BERLIN)
    assert str(only) == "09:00-22:00 Europe/Berlin"


@pytest.mark.parametrize(("typed", "kept"), [("9:00 - 22:00", "09:00-22:00"), ("18:00-00:00", "18:00-24:00")])
def test_hours_are_kept_in_one_form(typed: str, kept: str) -> None:
    assert str(Hours.parse(typed)) == kept


@pytest.mark.parametrize("typed", ["", "9-22", "09:00", "09:60-22:00", "24:00-02:00", "09:00-24:01", "09:00-09:00"])
def test_what_is_no_window_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^hours .*09:00-22:00"):
        Hours.parse(typed)


NOON = berlin("2026-06-05T12:00")


def test_hours_that_are_never_open_together_are_a_fault() -> None:
    faults = hours_faults(Timing(hours="09:00-12:00", zone=BERLIN), NOON, account=("13:00-18:00", BERLIN))
    assert len(faults) == 1
    assert "09:00-12:00 Europe/Berlin and the account's 13:00-18:00 Europe/Berlin are never open" in faults[0]
    never = windows_of(Timing(hours="09:00-12:00", zone=BERLIN), account_hours="13:00-18:00", account_zone=BERLIN)
    assert opens_at(never, NOON) == NOON + LOOKED_AHEAD
    assert advance(never, NOON, 60) == NOON + LOOKED_AHEAD


def test_hours_need_a_zone_and_a_form() -> None:
    assert hours_faults(Timing(), NOON) == []
    assert hours_faults(Timing(hours="09:00-22:00", zone=BERLIN), NOON) == []
    assert hours_faults(Timing(hours="09:00-22:00"), NOON, account=(None, BERLIN)) == []
    assert hours_faults(Timing(hours="09:00-22:00"), NOON) == [], "its account may have one"
    assert "need a zone" in hours_faults(Timing(hours="09:00-22:00"), NOON, account=(None, None))[0]
    assert "are not valid hours" in hours_faults(Timing(hours="9-5", zone=BERLIN), NOON)[0]
    assert "not a known time zone" in hours_faults(Timing(hours="09:00-22:00", zone="Berlin/Europe"), NOON)[0]
