"""What `create` and `edit` were told about time, made into a timing. All faults are named at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from campaigns.cli.inputs.field_table import FIELDS
from campaigns.cli.inputs.fields import Given, in_options
from campaigns.cli.inputs.times import parse_local, parse_moment, parse_zone, require_future
from campaigns.domain.errors import UsageError
from campaigns.domain.schedules.occurrences import schedule_faults
from campaigns.domain.schedules.timing import Timing

TIME_KEYS = frozenset(each.key for each in FIELDS if each.of_time)

KINDS = {"at": {"at"}, "cron": {"cron"}, "every": {"every", "starting"}}
"""What says when; naming one kind in an edit takes the place of the others."""

READ_HERE = {"at", "starting", "begins", "until", "zone"}
"""What needs the zone, or none of its own, to be read; the rest stands in a timing as it was given."""


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
    tick_seconds: float,
    account_zone: str | None,
    old: When | None = None,
    cleared: Collection[str] = (),
) -> When:
    """What was told, over what an edited campaign had before. Raises UsageError that names every fault.

    A zone that was not given is the old one, else the account's.
    """
    kept = _kept(old or When(), given, cleared)
    zone = given.values.get("zone") or kept.zone or (account_zone if given.times else None)
    faults: list[str] = []
    told: dict[str, Any] = {key: value for key, value in given.times.items() if key not in READ_HERE}
    told |= _moments(given, zone, now, faults)
    starts_at = told.pop("at", kept.starts_at)
    timing = replace(kept.timing, **told)
    timing = replace(timing, zone=zone if timing.recurs or timing.hours is not None else None)
    if faults:  # what could not be read is no second fault
        checked = replace(timing, zone="UTC", starting=now.replace(tzinfo=None) if timing.every else None)
    else:
        checked = timing
    faults += schedule_faults(checked, now, starts_at=starts_at, tick_seconds=tick_seconds)
    if faults:
        raise UsageError(f"{_joined(faults)} Nothing was stored.")
    return When(starts_at, zone, timing)


def _kept(old: When, given: Given, cleared: Collection[str]) -> When:
    """The old times, less what is cleared and what a new kind of schedule replaces."""
    gone = set(cleared)
    named = {kind for kind, keys in KINDS.items() if kind in given.values or keys & given.values.keys()}
    if named:
        gone |= {key for kind, keys in KINDS.items() if kind not in named for key in keys}
    plain = Timing()
    timing = replace(old.timing, **{key: getattr(plain, key) for key in gone & TIME_KEYS - {"at", "zone"}})
    return When(None if "at" in gone else old.starts_at, None if "zone" in gone else old.zone, timing)


def _moments(given: Given, zone: str | None, now: datetime, faults: list[str]) -> dict[str, datetime]:
    """The times that were given, read on the zone's clocks; what cannot be read is noted as a fault."""
    readers: dict[str, Callable[[str], datetime]] = {
        "at": lambda text: _to_come(parse_moment(text, zone), now),
        "starting": lambda text: _local(text, zone),
        "begins": lambda text: parse_moment(text, zone, option="--begins").astimezone(UTC),
        "until": lambda text: parse_moment(text, zone, option="--until").astimezone(UTC),
    }
    found: dict[str, datetime] = {}
    try:
        if zone is not None:
            parse_zone(zone)
    except UsageError as fault:
        faults.append(str(fault).rstrip("."))
        return found
    for key, read in readers.items():
        try:
            if key in given.values:
                found[key] = read(given.values[key])
        except UsageError as fault:
            faults.append(str(fault).rstrip("."))
    return found


def _to_come(moment: datetime, now: datetime) -> datetime:
    require_future(moment, now)
    return moment


def _local(text: str, zone: str | None) -> datetime:
    if zone is None:
        raise UsageError(f"--starting '{text}' is a time on whose clocks? Give --zone, such as Europe/Berlin.")
    return parse_local(text, zone, option="--starting")


def _joined(faults: list[str]) -> str:
    said = in_options("; ".join(faults))
    return said if said.endswith("?") else f"{said}."
