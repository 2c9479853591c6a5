"""The zones of the `tzdata` package whose clocks change from 2024 to 2030, those that always agree only once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from tests.domain.schedules.oracle.oracle import DAY_MINUTES, EPOCH, MINUTE

SCAN_MINUTES = DAY_MINUTES // 4
"""Two changes closer than this that cancel out would not be seen; the shortest summer times last for weeks."""


def year_at(year: int) -> int:
    """The minute at which a year begins in UTC."""
    return (datetime(year, 1, 1, tzinfo=EPOCH.tzinfo) - EPOCH) // MINUTE


START, END = year_at(2024), year_at(2031)


@dataclass(frozen=True)
class Change:
    """From this minute on the clock is so far ahead of UTC."""

    instant: int
    offset: timedelta


@cache
def zone_names() -> tuple[str, ...]:
    """Every IANA zone."""
    return tuple(files("tzdata").joinpath("zones").read_text().split())


@cache
def zone_called(name: str) -> ZoneInfo:
    """Read from the package itself, whatever else this machine has."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as found:
        return ZoneInfo.from_file(found, key=name)


@cache
def changes_of(name: str) -> tuple[Change, ...]:
    """The changes of the period, in order."""
    return tuple(_scan(zone_called(name)))


def zone_classes() -> list[list[str]]:
    """The zones with a change, grouped by equal clocks."""
    found: dict[tuple[timedelta, tuple[Change, ...]], list[str]] = {}
    for name in zone_names():
        if changes := changes_of(name):
            found.setdefault((_offset(zone_called(name), START), changes), []).append(name)
    return list(found.values())


def _scan(zone: ZoneInfo) -> Iterator[Change]:
    before = _offset(zone, START)
    for instant in range(START + SCAN_MINUTES, END + 1, SCAN_MINUTES):
        after = _offset(zone, instant)
        if after != before:
            yield Change(_bisect(zone, instant - SCAN_MINUTES, instant), after)
            before = after


def _bisect(zone: ZoneInfo, early: int, late: int) -> int:
    old = _offset(zone, early)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(zone, middle) == old else (early, middle)
    return late


def _offset(zone: ZoneInfo, instant: int) -> timedelta:
    return (EPOCH + instant * MINUTE).astimezone(zone).utcoffset() or timedelta(0)
