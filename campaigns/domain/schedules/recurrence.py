"""What makes a schedule recur: a cron expression, or a step of days or weeks.

An expression has five fields, is read once and matched on the local clock; cronsim knows no zones here.

Day of month and weekday are joined as Debian's cron does: when one of them begins with `*`, both must match; when
neither does, either is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

LONGEST = 250
"""The most characters of an expression."""

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, L (the last day) or LW (the last day from Monday to Friday)"),
    ("month", "1 to 12 or JAN to DEC"),
    ("weekday", "0 to 7 (0 and 7 are Sunday), SUN to SAT, 5L (the last Friday) or 5#2 (the second)"),
)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

EVERY = re.compile(r"(?:every\s+)?(?:(\d{1,4})\s*)?(day|week)s?", re.IGNORECASE | re.ASCII)

OTHER_STEPS = {
    "minute": "for minutes use cron, such as '*/15 * * * *'",
    "hour": "for hours use cron, such as '0 */2 * * *'",
    "month": "for months use cron, such as '0 18 1 * *' (on the first) or '0 18 L * *' (on the last day)",
    "year": "for years use cron, such as '0 18 24 12 *'",
}
"""Steps that people give to `every`, and the cron expression that does the same."""

LAST_DAY = CronSim.LAST
LAST_WORKDAY = CronSim.LAST_WEEKDAY

_ANY = datetime(2000, 1, 1)  # noqa: DTZ001 - the local clock, no zone


@dataclass(frozen=True, slots=True)
class Cron:
    """The values of the fields of an expression."""

    text: str  # five fields, a nickname written out
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]  # 1 to 31, LAST_DAY, LAST_WORKDAY
    months: frozenset[int]
    weekdays: frozenset[int | tuple[int, int]]  # 0 is Sunday; (5, 2) the second Friday, (5, LAST_DAY) the last
    both_days: bool  # whether day of month and weekday must both match

    @property
    def is_hourly(self) -> bool:
        """Whether every hour of the day matches: then it runs by the passing of hours, whatever clocks do."""
        return len(self.hours) == 24  # noqa: PLR2004 - the hours of a day

    def local_times(self, after: datetime) -> Iterator[datetime]:
        """The local times that match after one, in order; ends when none comes within 50 years."""
        return iter(CronSim(self.text, after))


@lru_cache(maxsize=4096)
def read_cron(text: str) -> Cron:
    """Read an expression. Raises ValueError that names every wrong field and what it may hold."""
    fields = _fields(text)
    _check_each(text, fields)
    written = " ".join(fields)
    try:
        read = CronSim(written, _ANY)
    except CronSimError:
        raise ValueError(
            f"cron '{text}' never comes: no month it names has a day {fields[2]}"
            if fields[2] not in {"L", "LW"}
            else f"cron '{text}' is not understood"
        ) from None
    return Cron(
        written,
        frozenset(read.minutes),
        frozenset(read.hours),
        frozenset(read.days),
        frozenset(read.months),
        frozenset(_from_sunday(day) for day in read.weekdays),
        read.day_and,
    )


def read_every(text: str) -> timedelta:
    """The step of an `every`: days or weeks. Raises ValueError."""
    match = EVERY.fullmatch(text.strip())
    count = int(match[1] or 1) if match else 0
    if match is None or count < 1:
        ways = "".join(f"; {way}" for unit, way in OTHER_STEPS.items() if unit in text.lower())
        raise ValueError(
            f"every '{text}' is not a valid step; write a number of days or weeks, such as '2 weeks'{ways}"
        )
    return timedelta(days=count) if match[2].lower() == "day" else timedelta(weeks=count)


def _from_sunday(day: int | tuple[int, int]) -> int | tuple[int, int]:
    return (day[0] % 7, day[1]) if isinstance(day, tuple) else day % 7


def _fields(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise ValueError(f"cron has {len(text)} characters, more than {LONGEST}")
    stripped = text.strip()
    if stripped.startswith("@"):
        if stripped.lower() not in NICKNAMES:
            raise ValueError(f"cron '{text}' is not a known word; these are: {', '.join(NICKNAMES)}")
        stripped = NICKNAMES[stripped.lower()]
    fields = stripped.upper().split()
    five = "minute, hour, day of month, month, weekday"
    if len(fields) == len(FIELDS) + 1:
        raise ValueError(f"cron '{text}' has a sixth field, but a schedule has no seconds; give five: {five}")
    if len(fields) != len(FIELDS):
        raise ValueError(f"cron '{text}' has {len(fields)} field{'s' * (len(fields) != 1)}; give five: {five}")
    return fields


def _check_each(text: str, fields: list[str]) -> None:
    faults = []
    for place, (name, holds) in enumerate(FIELDS):
        alone = ["*"] * len(FIELDS)
        alone[place] = fields[place]
        try:
            CronSim(" ".join(alone), _ANY)
        except CronSimError:
            way = "; write * in place of ?" if "?" in fields[place] else ""
            faults.append(f"the {name} is '{fields[place]}', but may hold {holds}{way}")
    if faults:
        raise ValueError(
            f"cron '{text}': {'; '.join(faults)}; beside single values lists (1,15), rising ranges (1-5) and steps "
            "(*/15) can be given"
        )
