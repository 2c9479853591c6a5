"""What may surprise in an expression: steps that do not divide their field, days that not every month has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.domain.schedules.recurrence import Cron


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    values: range
    begins_anew: str


_FIELDS = (
    _Field("minute", range(60), "hour"),
    _Field("hour", range(24), "day"),
    _Field("day of month", range(1, 32), "month"),
    _Field("month", range(1, 13), "year"),
    _Field("weekday", range(7), "week"),
)

_FEBRUARY = 2
_LEAP_DAY = 29
_DAYS_OF_MONTHS = {_FEBRUARY: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_STEP = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)/(\d+)")
_SHOWN = 4


def cron_notes(cron: Cron, months: tuple[str, ...]) -> Iterator[str]:
    """One clause for each; `months` are the names of the twelve. Fields for days that are both given have a note."""
    fields = cron.text.split()
    both = not {fields[2], fields[4]} & {"*"}
    for field, text in zip(_FIELDS, fields, strict=True):
        steps = [_STEP.fullmatch(part) for part in text.split(",")]
        for step in steps:
            if step is not None and not (both and field.name in {"day of month", "weekday"}):
                yield from _step_notes(field, step)
    for part in fields[2].split(","):
        if part.isdigit() and int(part) >= _LEAP_DAY:
            yield from _day_notes(cron, int(part), months)


def _step_notes(field: _Field, step: re.Match[str]) -> Iterator[str]:
    first = int(step[1] or field.values.start)
    last = int(step[2]) if step[2] else field.values[-1]
    every = int(step[3])
    matched = list(range(first, last + 1, every))
    if len(matched) == 1:
        yield f"{step[0]} in the {field.name} field is {field.name} {first} alone: the step is longer than the field"
    elif last == field.values[-1] and (len(field.values) % every or field.name == "day of month"):
        if every == 1:
            return
        some = [str(value) for value in matched]
        listed = ", ".join(some if len(some) <= _SHOWN + 1 else [*some[:_SHOWN], "…", some[-1]])
        yield f"{step[0]} in the {field.name} field starts again each {field.begins_anew}: {listed}, then {first} again"


def _day_notes(cron: Cron, day: int, months: tuple[str, ...]) -> Iterator[str]:
    without = [month for month in sorted(cron.months) if _DAYS_OF_MONTHS.get(month, 31) < day]
    if without:
        *most, final = [months[month - 1] for month in without]
        have = f"{', '.join(most)} and {final} have" if most else f"{final} has"
        named = "31st" if day == max(_FIELDS[2].values) else f"{day}th"
        yield f"{have} no {named}, so nothing runs for it; L is the last day of each month"
    elif day == _LEAP_DAY and _FEBRUARY in cron.months:
        yield "February has a 29th in leap years alone; L is the last day of each month"
