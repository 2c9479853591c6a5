"""Compare the occurrences that the code computes with those that the oracle finds."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from campaigns.domain.schedules.occurrences import occurrences
from tests.domain.schedules.oracle.expressions import Compared, all_of
from tests.domain.schedules.oracle.oracle import DAY_MINUTES, EPOCH, MINUTE, Clock
from tests.domain.schedules.oracle.zones import END, START, changes_of, zone_called, zone_classes

AROUND_MINUTES = DAY_MINUTES * 3 // 2
"""How far before and after a change every occurrence of every schedule is compared."""

DENSE = 4
"""A schedule with more occurrences a day is compared elsewhere on some days only."""

STRIDE_DAYS = 10
"""One day of so many, for those."""

RESTARTS_SECONDS = (-90_000, -7_230, -3_600, -1_815, -1, 0, 1, 1_800, 3_599, 5_400)
"""Moments before and after a change at which somebody may look for the next occurrences."""

CONTINUED = 2
"""So many occurrences after a restart; from each of these on, everything has been compared already."""

SHOWN = 20
SECOND = timedelta(seconds=1)


@dataclass
class Tally:
    """What was compared, and every difference."""

    zones: int = 0
    names: int = 0
    schedules: int = 0
    changes: int = 0
    compared: int = 0
    restarts: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Every difference in words."""
        named = (("wrong", self.wrong), ("doubled", self.doubled), ("missed", self.missed))
        return [f"{name}: {fault}" for name, faults in named for fault in faults]

    @property
    def ok(self) -> bool:
        """Whether there is no difference."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {"wrong": len(self.wrong), "doubled": len(self.doubled), "missed": len(self.missed)}
        return {**vars(self), **counts, "faults": self.faults[:SHOWN], "ok": self.ok}

    def lines(self) -> list[str]:
        """For people."""
        faults = [f"  {fault}" for fault in self.faults[:SHOWN]]
        compared = f"{self.compared} occurrences, and what follows {self.restarts} restarts, in {self.seconds:.0f} s"
        return [
            f"schedules  {self.schedules} in {self.zones} different zones ({self.names} names), {self.changes} changes",
            f"compared   {compared}",
            f"found      wrong {len(self.wrong)}  doubled {len(self.doubled)}  missed {len(self.missed)}",
            *faults,
        ]


class Zone:
    """One zone through a period."""

    def __init__(self, name: str, tally: Tally, start: int = START, end: int = END) -> None:
        changes = [change.instant for change in changes_of(name)]
        self.name = name
        self.changes = [change for change in changes if start <= change < end]
        self._clock = Clock(zone_called(name), changes, start, end)
        self._start, self._end = start, end
        self._tally = tally
        tally.zones += 1
        tally.changes += len(self.changes)

    def compare(self, schedules: Sequence[Compared], stride_days: int = STRIDE_DAYS) -> None:
        """Occurrences, and what follows a restart around each change."""
        for schedule in schedules:
            expected = self._clock.instants(schedule.rule)
            stride = stride_days if len(schedule.rule.minutes) > DENSE else 1
            for begins, ends in self._spans(stride):
                computed = occurrences(schedule.timing, _moment(begins) - SECOND, _moment(ends) - SECOND)
                self._judge(schedule, _between(expected, begins, ends), computed)
            for change in self.changes:
                self._restart(schedule, expected, change)

    def _restart(self, schedule: Compared, expected: Sequence[int], change: int) -> None:
        end = _moment(self._end) - SECOND
        for seconds in RESTARTS_SECONDS:
            moment = _moment(change) + timedelta(seconds=seconds)
            ahead = expected[bisect_left(expected, (moment + SECOND - EPOCH) / MINUTE) :][:CONTINUED]
            computed = islice(occurrences(schedule.timing, moment, end), CONTINUED)
            self._judge(schedule, ahead, computed, f", looked for at {moment:%Y-%m-%d %H:%M:%S}")
            self._tally.restarts += 1

    def _judge(
        self, schedule: Compared, expected: Sequence[int], computed: Iterable[datetime], beside: str = ""
    ) -> None:
        found = [(moment - EPOCH) / MINUTE for moment in computed]
        self._tally.compared += len(expected)
        if found == expected:
            return
        where = f"'{schedule.words}' in {self.name}{beside}"
        wanted, shown = set(expected), {self._clock.local(instant) for instant in expected}
        for instant, count in Counter(found).items():
            again = not schedule.rule.hourly and instant.is_integer() and self._clock.local(int(instant)) in shown
            if count > 1 or (instant not in wanted and again):
                self._tally.doubled.append(f"{where} at {_moment(instant)}")
            elif instant not in wanted:
                self._tally.wrong.append(f"{where} at {_moment(instant)}")
        missed = wanted.difference(found)
        self._tally.missed.extend(f"{where} at {_moment(instant)}" for instant in sorted(missed))
        if found != sorted(found):
            self._tally.wrong.append(f"{where}: not in order")

    def _spans(self, stride_days: int) -> Iterator[tuple[int, int]]:
        """The whole period, or around each change and one day of each stride between."""
        if stride_days == 1:
            yield self._start, self._end
            return
        # A stride that is no multiple of a week, so that every weekday has its turn.
        reached = self._start
        for change in [*self.changes, self._end + AROUND_MINUTES]:
            begins, ends = max(change - AROUND_MINUTES, reached), min(change + AROUND_MINUTES, self._end)
            for day in range(reached, begins, stride_days * DAY_MINUTES):
                yield day, min(day + DAY_MINUTES, begins)
            if begins < ends:
                yield begins, ends
            reached = ends


def compare_all(say: Callable[[str], None], stride_days: int = STRIDE_DAYS) -> Tally:
    """Every zone that differs from the others, every schedule, every change from 2024 to 2030."""
    began = time.monotonic()
    classes = zone_classes()
    tally = Tally(names=sum(len(names) for names in classes))
    for number, names in enumerate(classes, 1):
        schedules = all_of(names[0])
        tally.schedules = len(schedules)
        Zone(names[0], tally).compare(schedules, stride_days)
        tally.seconds = time.monotonic() - began
        say(f"zone {number}/{len(classes)} {names[0]}: faults {len(tally.faults)}, {tally.seconds:.0f} s")
    for line in tally.lines():
        say(line)
    return tally


def _between(instants: Sequence[int], begins: int, ends: int) -> Sequence[int]:
    return instants[bisect_left(instants, begins) : bisect_left(instants, ends)]


def _moment(instant: float) -> datetime:
    return EPOCH + instant * MINUTE
