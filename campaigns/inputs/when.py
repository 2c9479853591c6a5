"""The fields of a campaign about time, read into a timing. Which timings make sense is decided by the domain."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.schedules.timing import Timing
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.fields import NOTHING_STORED, Given
from campaigns.inputs.times import parse_local, parse_moment, parse_zone, require_future

TIME_KEYS = frozenset(each.key for each in FIELDS if each.of_time)

KINDS = {"at": {"at"}, "cron": {"cron"}, "every": {"every", "starting"}}
"""The kinds of schedule. An edit that names one kind replaces the others."""

NEEDS_ZONE = {"at", "starting", "begins", "until", "zone"}
"""Fields that are read with the zone. All others go into the timing as they were given."""


@dataclass(frozen=True, slots=True)
class When:
    """When a campaign is sent: once at a time, by a schedule, or when it is launched."""

    starts_at: datetime | None = None
    zone: str | None = None
    timing: Timing = field(default_factory=Timing)


def read_when(
    given: Given,
    *,
    now: datetime,
    account_zone: str | None,
    old: When | None = None,
    cleared: Collection[str] = (),
) -> When:
    """The given times, on top of those of an edited campaign. Raises InvalidInput that names every fault.

    A zone that was not given is the old one, else the account's.
    """
    before = _without_replaced(old or When(), given, cleared)
    zone = given.values.get("zone") or before.zone or (account_zone if given.times else None)
    changes: dict[str, Any] = {key: value for key, value in given.times.items() if key not in NEEDS_ZONE}
    try:
        changes |= _moments(given, zone, now)
    except InvalidInput as refusal:
        raise InvalidInput(*refusal.faults, closing=NOTHING_STORED) from None
    starts_at = changes.pop("at", before.starts_at)
    timing = replace(before.timing, **changes)
    timing = replace(timing, zone=zone if timing.recurs or timing.hours is not None else None)
    return When(starts_at, zone, timing)


def _without_replaced(old: When, given: Given, cleared: Collection[str]) -> When:
    """The old times, without what is cleared and what a new kind of schedule replaces."""
    gone = set(cleared)
    named = {kind for kind, keys in KINDS.items() if kind in given.values or keys & given.values.keys()}
    if named:
        gone |= {key for kind, keys in KINDS.items() if kind not in named for key in keys}
    defaults = Timing()
    timing = replace(old.timing, **{key: getattr(defaults, key) for key in gone & TIME_KEYS - {"at", "zone"}})
    return When(None if "at" in gone else old.starts_at, None if "zone" in gone else old.zone, timing)


def _moments(given: Given, zone: str | None, now: datetime) -> dict[str, datetime]:
    """The given times, read on the zone's clocks. Raises InvalidInput with every fault; a wrong zone is one alone."""
    if zone is not None:
        parse_zone(zone)
    readers: dict[str, Callable[[str], datetime]] = {
        "at": lambda text: _in_future(parse_moment(text, zone), now),
        "starting": lambda text: _local(text, zone),
        "begins": lambda text: parse_moment(text, zone, field="begins").astimezone(UTC),
        "until": lambda text: parse_moment(text, zone, field="until").astimezone(UTC),
    }
    moments: dict[str, datetime] = {}
    faults: list[InputFault] = []
    for key, read in readers.items():
        try:
            if key in given.values:
                moments[key] = read(given.values[key])
        except InvalidInput as refusal:
            faults += refusal.faults
    if faults:
        raise InvalidInput(*faults)
    return moments


def _in_future(moment: datetime, now: datetime) -> datetime:
    require_future(moment, now)
    return moment


def _local(text: str, zone: str | None) -> datetime:
    if zone is None:
        raise InvalidInput(
            InputFault(f"'{text}' is a time on whose clocks? Give a zone, such as Europe/Berlin", "starting")
        )
    return parse_local(text, zone, field="starting")
