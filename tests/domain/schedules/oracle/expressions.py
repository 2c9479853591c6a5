"""The schedules that are compared: what people write, and what meets a change of clocks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.schedules.timing import Timing
from tests.domain.schedules.oracle.oracle import CronRule, EveryRule, Rule

CRON = (
    # Hourly, in five ways of writing it.
    "0 * * * *",
    "*/15 * * * *",
    "30 */1 * * *",
    "17 0-23 * * *",
    "45 0-12,13-23 * * SUN",
    # All hours but one are not hourly.
    "0 1-23 * * *",
    "30 0-1,3-23 * * SAT,SUN",
    # Fixed times, most of them inside some zone's gap or fold.
    "30 2 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "59 23 * * *",
    "0 1 * * *",
    "0 2 * * *",
    "0 3 * * *",
    "45 1 * * *",
    # Several in one gap or fold.
    "*/10 1-3 * * *",
    "15,45 0,2,22,23 * * *",
    "* 2 * * SUN",
    # Steps in hours.
    "0 */2 * * *",
    "30 1-23/2 * * *",
    "0 */6 * * *",
    "45 */5 * * *",
    # Weekdays.
    "0 18 * * FRI",
    "30 1 * * 7",
    "0 9 * * MON-FRI",
    "15 2 * * sat,SUN",
    "30 0 * * 5-7",
    # Days of the month and both day fields: with a star and without.
    "59 23 31 * *",
    "30 2 29 2 *",
    "0 0 28-31 * *",
    "30 23 L * *",
    "30 0 LW * *",
    "15 2 * * 0L",
    "15 1 * * 0#2,0#1",
    "0 12 13 * FRI",
    "30 2 */2 * SUN",
    "0 0 1-7 * */2",
    # Months.
    "30 2 * 3,10 SUN",
    "30 0,1 25-31 MAR,OCT *",
    "0 3 1 JAN,APR-JUN/2,NOV *",
)

EVERY = (
    ("1 days", "2024-01-01T02:30"),
    ("3 days", "2024-01-02T00:00"),
    ("10 days", "2023-12-30T01:30"),
    ("1 weeks", "2024-01-07T02:00"),
    ("2 weeks", "2024-03-31T02:15"),
    ("1 days", "2026-06-30T23:45"),
)


@dataclass(frozen=True)
class Compared:
    """One schedule, as the oracle and as the code take it."""

    words: str
    rule: Rule
    timing: Timing

    def per_day(self) -> int:
        """Occurrences on a day that has some."""
        return len(self.rule.minutes)


def cron(expression: str, zone: str) -> Compared:
    """Of five fields."""
    return Compared(expression, CronRule(expression), Timing(cron=expression, zone=zone))


def every(period: str, starting: str, zone: str) -> Compared:
    """Of a period and its first local time."""
    local = datetime.fromisoformat(starting)
    timing = Timing(every=period, starting=local, zone=zone)
    return Compared(f"every {period} starting {starting}", EveryRule(period, local), timing)


def all_of(zone: str) -> list[Compared]:
    """Every schedule of this module in one zone."""
    return [*(cron(expression, zone) for expression in CRON), *(every(*each, zone) for each in EVERY)]


def drawn(chance: random.Random) -> str:
    """An expression that nobody chose."""
    return " ".join(
        _field(chance, low, high, stars)
        for low, high, stars in ((0, 59, 0.1), (0, 23, 0.3), (1, 28, 0.6), (1, 12, 0.7), (0, 6, 0.6))
    )


def _field(chance: random.Random, low: int, high: int, stars: float) -> str:
    if chance.random() < stars:
        return chance.choice(("*", "*", f"*/{chance.randint(1, 7)}"))
    return ",".join(_part(chance, low, high) for _ in range(chance.randint(1, 2)))


def _part(chance: random.Random, low: int, high: int) -> str:
    start, end = sorted(chance.sample(range(low, high + 1), 2))
    return chance.choice((f"{start}", f"{start}-{end}", f"{start}-{end}/{chance.randint(1, 6)}"))
