"""Occurrences against an oracle that was written apart from the code; `./run storm` compares all of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.schedules.compare import Tally, Zone
from tests.schedules.expressions import all_of, cron, drawn
from tests.schedules.zones import changes_of, year_at, zone_names

ODD = ("Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll")
"""Half an hour; twice a year at other dates each year; two hours."""

DRAWN_ZONES = 2
DRAWN_EXPRESSIONS = 6
SAMPLE_STRIDE_DAYS = 53


@pytest.fixture
def seed() -> int:
    """A new one each time; SCHEDULES_SEED repeats one."""
    return int(os.environ.get("SCHEDULES_SEED", random.SystemRandom().randrange(10**6)))


def test_occurrences_are_those_that_a_look_at_the_clock_finds(seed: int) -> None:
    print(f"SCHEDULES_SEED={seed}")
    chance = random.Random(seed)
    tally = Tally()
    for name in [*ODD, *_drawn_zones(chance)]:
        year = chance.randint(2024, 2030)
        schedules = all_of(name) + [cron(drawn(chance), name) for _ in range(DRAWN_EXPRESSIONS)]
        Zone(name, tally, year_at(year), year_at(year + 1)).compare(schedules, SAMPLE_STRIDE_DAYS)
    assert tally.faults == [], f"SCHEDULES_SEED={seed}"
    assert tally.compared > 10_000


def _drawn_zones(chance: random.Random) -> Iterator[str]:
    found = 0
    for name in chance.sample(zone_names(), len(zone_names())):
        if changes_of(name):
            yield name
            found += 1
        if found == DRAWN_ZONES:
            return
