"""Times as people type them: RFC 3339 with an offset, or a local time with its zone beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.domain.clocks import first_instant, local_of, zone_of
from campaigns.domain.errors import UsageError

FORM = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?")
LENGTH = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8}(?:\.\d{1,3})?)s)?", re.ASCII)
YEARS = range(1970, 3000)
EXAMPLE = "2026-12-24T18:00:00+01:00, or 2026-12-24 18:00 with --zone Europe/Berlin"


def parse_moment(text: str, zone: str | None, *, option: str = "--at") -> datetime:
    """The instant that a text means, in the zone it was given in. Raises UsageError.

    A local time needs `zone`; one that the zone's clocks skip or show twice is refused with both its readings.
    """
    text = text.strip()
    place = parse_zone(zone) if zone is not None else None
    if not FORM.fullmatch(text):
        raise UsageError(f"{option} '{text}' is no time; write it as {EXAMPLE}.")
    try:
        read = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise UsageError(f"{option} '{text}' is no time ({error}); write it as {EXAMPLE}.") from None
    if read.year not in YEARS:
        raise UsageError(f"{option} '{text}' is too far away; give a year from {YEARS[0]} to {YEARS[-1]}.")
    if read.tzinfo is not None:
        return read.astimezone(place) if place is not None else read
    if place is None:
        raise UsageError(
            f"{option} '{text}' does not say in which zone; add an offset ({text}+01:00) or --zone (Europe/Berlin)."
        )
    return _local(read, place, option, text)


def parse_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises UsageError, which suggests the nearest name."""
    try:
        return zone_of(name)
    except ValueError as fault:
        raise UsageError(f"--zone {fault}{'' if str(fault).endswith('?') else '.'}") from None


def parse_local(text: str, zone: str, *, option: str) -> datetime:
    """A time on the zone's clocks, without an offset; one that was typed with an offset is turned into it.

    Raises UsageError as `parse_moment` does, and for the second of two readings: what comes twice runs the first time.
    """
    place = parse_zone(zone)
    moment = parse_moment(text, zone, option=option)
    local = local_of(moment, place)
    if first_instant(local, place) != moment:
        raise UsageError(
            f"{option} '{text}' is the second {local:%H:%M} of that day in {zone}, but what comes twice runs the first "
            "time; give another time."
        )
    return local


def parse_duration(text: str) -> float:
    """Seconds of a length of time: 90s, 15m, 6h30m, 1d. Raises ValueError."""
    match = LENGTH.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"is '{text}', not a length of time; write 90s, 15m, 6h30m or 1d")
    return sum(float(count or 0) * size for count, size in zip(match.groups(), (86400, 3600, 60, 1), strict=True))


def require_future(moment: datetime, now: datetime, *, option: str = "--at") -> None:
    """Raise UsageError when the moment has passed."""
    if moment <= now:
        given, current = (
            time.isoformat(sep=" ", timespec="seconds") for time in (moment, now.astimezone(moment.tzinfo))
        )
        raise UsageError(
            f"{option} {given} has passed (it is {current}); give a time to come, or none to start at launch."
        )


def _local(naive: datetime, place: ZoneInfo, option: str, text: str) -> datetime:
    earlier, later = naive.replace(tzinfo=place, fold=0), naive.replace(tzinfo=place, fold=1)
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    exists = earlier.astimezone(UTC).astimezone(place).replace(tzinfo=None) == naive
    readings = sorted(f"{naive.isoformat(timespec='seconds')}{_offset(reading)}" for reading in (earlier, later))
    what = "comes twice" if exists else "does not exist"
    raise UsageError(
        f"{option} '{text}' {what} in {place.key}, because the clocks change then; "
        f"say which you mean with an offset: {readings[0]} or {readings[1]}."
    )


def _offset(moment: datetime) -> str:
    return moment.isoformat()[-6:]
