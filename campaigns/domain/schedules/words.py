"""A schedule in words: `every Friday at 18:00 Europe/Berlin`.

The words follow from the values of the fields, not from how they were typed, so `*/60` and `0` read alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from campaigns.domain.clocks import ClockChange, change_on, clock_change, local_of, time_on, zone_of
from campaigns.domain.schedules.cron_notes import cron_notes
from campaigns.domain.schedules.recurrence import LAST_DAY, LAST_WORKDAY, Cron, read_cron, read_every
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.zone_hints import zone_note

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", LAST_DAY: "last"}

ALL_MINUTES, ALL_HOURS, ALL_DAYS = range(60), range(24), range(1, 32)
MOST_TIMES = 6
"""At most this many times of a day are listed one by one."""


def words(timing: Timing, starts_at: datetime | None = None, *, zone: str | None = None) -> str:
    """When a campaign is sent, in words; the expression or step must have been checked before.

    Times of a timing without a zone are shown on the clocks of `zone`, or else as they were given.
    """
    timing = timing if timing.zone else replace(timing, zone=zone)
    if timing.cron is not None:
        text = _cron(read_cron(timing.cron), timing.zone or "UTC")
    elif timing.every is not None and timing.starting is not None:
        text = _every(timing.every, timing.starting, timing.zone or "UTC")
    elif starts_at is not None:
        text = f"once, on {_day(starts_at, timing.zone)} at {_clock(starts_at, timing.zone)}"
    else:
        return "when it is launched"
    return text + "".join(f", {limit}" for limit in _limits(timing))


def _limits(timing: Timing) -> Iterable[str]:
    if timing.begins is not None:
        yield f"from {_day(timing.begins, timing.zone)} {_clock(timing.begins, timing.zone)}"
    if timing.until is not None:
        yield f"until {_day(timing.until, timing.zone)} {_clock(timing.until, timing.zone)}"
    if timing.max_runs is not None:
        yield "one run at most" if timing.max_runs == 1 else f"{timing.max_runs:,} runs at most"


def _day(moment: datetime, zone: str | None) -> str:
    shown = local_of(moment, zone_of(zone)) if zone else moment
    return f"{WEEKDAYS[shown.isoweekday() % 7]} {_date(shown)}"


def _date(shown: datetime) -> str:
    return f"{shown.day} {MONTHS[shown.month - 1]} {shown.year}"


def _clock(moment: datetime, zone: str | None) -> str:
    if not zone:
        return moment.strftime("%H:%M%z")
    return f"{local_of(moment, zone_of(zone)):%H:%M} {zone}"


def _every(step: str, starting: datetime, zone: str) -> str:
    days = read_every(step) // timedelta(days=1)
    weekday = WEEKDAYS[starting.isoweekday() % 7]
    if days == 1:
        text = "every day"
    elif days % len(WEEKDAYS):
        text = f"every {days:,} days"
    else:
        text = f"every {weekday}" if days == len(WEEKDAYS) else f"every {days // len(WEEKDAYS):,} weeks on {weekday}"
    return f"{text} at {_time(starting.hour, starting.minute, starting.second)} {zone}, from {_date(starting)}"


def _time(hour: int, minute: int, second: int = 0) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _cron(cron: Cron, zone: str) -> str:
    days = _days(cron)
    minutes, hours = sorted(cron.minutes), sorted(cron.hours)
    if len(minutes) * len(hours) <= MOST_TIMES:
        times = [_time(hour, minute) for hour in hours for minute in minutes]
        return f"{days} at {_list(times)} {zone}"
    often = _often(minutes, hours)
    return f"{often} {zone}" if days == "every day" else f"{often} {zone}, {days}"


def _often(minutes: Sequence[int], hours: Sequence[int]) -> str:
    """More times a day than are listed, in the shortest words that are true."""
    step = _step(minutes, ALL_MINUTES)
    if len(minutes) == 1:
        return _hours_apart(minutes[0], hours)
    if step and minutes[0] == 0:
        text = "every minute" if step == 1 else f"every {step} minutes"
    else:
        text = f"at minutes {_numbers(minutes)}"
    if not text.startswith("every") and _runs_on(hours):
        text += " of every hour"
    if len(hours) == len(ALL_HOURS):
        return text
    if _runs_on(hours):
        return f"{text} from {_time(hours[0], minutes[0])} to {_time(hours[-1], minutes[-1])}"
    return f"{text} of the hours {_numbers(hours)}"


def _hours_apart(minute: int, hours: Sequence[int]) -> str:
    step = _step(hours, ALL_HOURS)
    text = "every hour" if step == 1 else f"every {step} hours"
    if len(hours) == len(ALL_HOURS):
        return text if minute == 0 else f"every hour at minute {minute}"
    if step:
        return f"{text} from {_time(hours[0], minute)} to {_time(hours[-1], minute)}"
    if _runs_on(hours):
        return f"every hour from {_time(hours[0], minute)} to {_time(hours[-1], minute)}"
    return f"at minute {minute} of the hours {_numbers(hours)}"


def _step(held: Sequence[int], whole: range) -> int | None:
    """The distance of values that are spread evenly around the whole clock; None when they are not."""
    if len(whole) % len(held) or len(held) == 1:
        return None
    step = len(whole) // len(held)
    return step if list(held) == list(range(held[0], len(whole), step)) else None


def _runs_on(held: Sequence[int]) -> bool:
    return list(held) == list(range(held[0], held[-1] + 1))


def _days(cron: Cron) -> str:
    months = "" if len(cron.months) == len(MONTHS) else _list(_spans(sorted(cron.months), _month))
    any_date, any_weekday = _any_date(cron), _any_weekday(cron)
    either = not cron.both_days
    if (any_date and any_weekday) or (either and (any_date or any_weekday)):
        return f"every day in {months}" if months else "every day"
    if any_date:
        return _weekdays(cron, months)
    dates = f"on {_dates(cron)} of {months or 'each month'}"
    if any_weekday:
        return dates
    if either:
        return f"{dates} and {_weekdays(cron, months)}"
    return f"{dates} if that is {_list([*_named(cron), *_counted(cron)], 'or')}"


def _any_date(cron: Cron) -> bool:
    return cron.days >= set(ALL_DAYS)


def _any_weekday(cron: Cron) -> bool:
    return cron.weekdays >= set(range(len(WEEKDAYS)))


def _dates(cron: Cron) -> str:
    plain = sorted(day for day in cron.days if day > 0)
    parts = [f"the {span}" for span in _spans(plain, _ordinal)]
    if LAST_DAY in cron.days:
        parts.append("the last day")
    if LAST_WORKDAY in cron.days:
        parts.append("the last day from Monday to Friday")
    return _list(parts)


def _weekdays(cron: Cron, months: str) -> str:
    named, counted = _named(cron), _counted(cron)
    parts = []
    if named:
        parts.append(f"every {_list(named)}" + (f" in {months}" if months else ""))
    if counted:
        parts.append(f"on {_list(counted)} of {months or 'each month'}")
    return _list(parts)


def _named(cron: Cron) -> list[str]:
    """The weekdays that match in each week, from Monday on."""
    days = sorted((day - 1) % 7 for day in cron.weekdays if isinstance(day, int))
    return _spans(days, lambda day: WEEKDAYS[(day + 1) % 7])


def _counted(cron: Cron) -> list[str]:
    """The weekdays that match once a month."""
    days = sorted(day for day in cron.weekdays if isinstance(day, tuple))
    return [f"the {NTH[which]} {WEEKDAYS[day]}" for day, which in days]


def _spans(held: Sequence[int], name: Callable[[int], str]) -> list[str]:
    """The names of numbers in order, three or more in a row drawn together."""
    spans: list[list[int]] = []
    for number in held:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return [
        part
        for span in spans
        for part in (
            [f"{name(span[0])} to {name(span[-1])}"] if len(span) > 2 else [name(number) for number in span]  # noqa: PLR2004 - two are listed as two
        )
    ]


def _month(number: int) -> str:
    return MONTHS[number - 1]


def _ordinal(number: int) -> str:
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _numbers(held: Sequence[int]) -> str:
    return _list(str(number) for number in held)


def _list(parts: Iterable[str], joined: str = "and") -> str:
    *first, last = parts
    return f"{', '.join(first)} {joined} {last}" if first else last


def notes(timing: Timing, coming: Iterable[datetime]) -> list[str]:
    """What is worth knowing about these occurrences: how days are joined, and each day on which the clocks change."""
    cron = read_cron(timing.cron) if timing.cron is not None else None
    sentences = schedule_notes(timing)
    zone = zone_of(timing.zone or "UTC")
    for day in dict.fromkeys(local_of(moment, zone).date() for moment in coming):
        change = change_on(day, zone)
        if change is not None:
            effect = _effect(change, day, hourly=cron is not None and cron.is_hourly)
            sentences.append(f"{day}: {clock_change(zone.key, day)}; {effect}")
    return sentences


def schedule_notes(timing: Timing, zone: str | None = None) -> list[str]:
    """What is worth knowing about a schedule, whenever it runs; `zone` is that of a timing without one."""
    sentences = []
    if timing.cron is not None:
        cron = read_cron(timing.cron)
        if not _any_date(cron) and not _any_weekday(cron):
            joined = "both must match" if cron.both_days else "either is enough"
            sentences.append(f"day of month and weekday are both given: {joined}")
        sentences += cron_notes(cron, MONTHS)
    about_zone = zone_note(timing.zone or zone or "UTC")
    return [*sentences, about_zone] if about_zone else sentences


def _effect(change: ClockChange, day: date, *, hourly: bool) -> str:
    start, end = time_on(day, change.start), time_on(day, change.end)
    if not change.forward:
        return f"{start} to {end} comes twice and runs {'both times' if hourly else 'the first time'}"
    if hourly:
        return f"there is no {start} to {end}, so nothing runs for it"
    return f"what falls from {start} to {end} runs at {end}"
