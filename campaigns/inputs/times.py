"""Times as people type them: RFC 3339 with an offset, or a local time in a zone that is named beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.domain.clocks import first_instant, local_of, zone_of
from campaigns.domain.errors import InputFault, InvalidInput

FORM = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?")
LENGTH = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8}(?:\.\d{1,3})?)s)?", re.ASCII)
YEARS = range(1970, 3000)
EXAMPLE = "2026-12-24T18:00:00+01:00, or 2026-12-24 18:00 with the zone Europe/Berlin"


def parse_moment(text: str, zone: str | None, *, field: str = "at") -> datetime:
    """The instant that a text names, in the zone it was given in. Raises InvalidInput.

    A local time needs `zone`; one that the zone's clocks skip or show twice is refused with both its readings.
    """
    text = text.strip()
    place = parse_zone(zone) if zone is not None else None
    if not FORM.fullmatch(text):
        raise _fault(field, f"'{text}' is not a valid time; write it as {EXAMPLE}")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _fault(field, f"'{text}' is not a valid time ({error}); write it as {EXAMPLE}") from None
    if moment.year not in YEARS:
        raise _fault(field, f"'{text}' is too far away; give a year from {YEARS[0]} to {YEARS[-1]}")
    if moment.tzinfo is not None:
        return moment.astimezone(place) if place is not None else moment
    if place is None:
        raise _fault(
            field, f"'{text}' does not say in which zone; add an offset ({text}+01:00) or give a zone (Europe/Berlin)"
        )
    return _local(moment, place, field, text)


def parse_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises InvalidInput, which suggests the nearest name."""
    try:
        return zone_of(name)
    except ValueError as fault:
        raise _fault("zone", str(fault)) from None


def parse_local(text: str, zone: str, *, field: str) -> datetime:
    """A time on the zone's clocks, without an offset; one that was typed with an offset is converted.

    Raises InvalidInput as `parse_moment` does, and for the second of two readings: a schedule uses the first one.
    """
    place = parse_zone(zone)
    moment = parse_moment(text, zone, field=field)
    local = local_of(moment, place)
    if first_instant(local, place) != moment:
        raise _fault(
            field,
            f"'{text}' is the second {local:%H:%M} of that day in {zone}, but a time that comes twice runs the first "
            "time; give another time",
        )
    return local


def parse_duration(text: str) -> float:
    """Seconds of a length of time: 90s, 15m, 6h30m, 1d. Raises ValueError."""
    match = LENGTH.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"is '{text}', not a length of time; write 90s, 15m, 6h30m or 1d")
    return sum(float(count or 0) * size for count, size in zip(match.groups(), (86400, 3600, 60, 1), strict=True))


def require_future(moment: datetime, now: datetime, *, field: str = "at") -> None:
    """Raise InvalidInput when the moment has passed."""
    if moment <= now:
        given, current = (
            time.isoformat(sep=" ", timespec="seconds") for time in (moment, now.astimezone(moment.tzinfo))
        )
        raise _fault(
            field, f"{given} has passed (it is {current}); give a time in the future, or none to start at launch"
        )


def _local(naive: datetime, place: ZoneInfo, field: str, text: str) -> datetime:
    earlier, later = naive.replace(tzinfo=place, fold=0), naive.replace(tzinfo=place, fold=1)
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    exists = earlier.astimezone(UTC).astimezone(place).replace(tzinfo=None) == naive
    readings = sorted(f"{naive.isoformat(timespec='seconds')}{_offset(reading)}" for reading in (earlier, later))
    what = "comes twice" if exists else "does not exist"
    raise _fault(
        field,
        f"'{text}' {what} in {place.key}, because the clocks change then; "
        f"choose one with an offset: {readings[0]} or {readings[1]}",
    )


def _offset(moment: datetime) -> str:
    return moment.isoformat()[-6:]


def _fault(field: str, text: str) -> InvalidInput:
    return InvalidInput(InputFault(text, field))
