"""Times as people type them: RFC 3339 with an offset, or a local time with its zone beside it."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.domain.errors import UsageError

FORM = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?")
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
    if read.tzinfo is not None:
        return read.astimezone(place) if place is not None else read
    if place is None:
        raise UsageError(
            f"{option} '{text}' does not say in which zone; add an offset ({text}+01:00) or --zone (Europe/Berlin)."
        )
    return _local(read, place, option, text)


def parse_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises UsageError, which suggests the nearest name."""
    known = zoneinfo.available_timezones()
    if name in known:
        return ZoneInfo(name)
    raise UsageError(f"--zone '{name}' is no known time zone{_nearest(name, known)}")


def require_future(moment: datetime, now: datetime, *, option: str = "--at") -> None:
    """Raise UsageError when the moment has passed."""
    if moment <= now:
        given, current = (
            time.isoformat(sep=" ", timespec="seconds") for time in (moment, now.astimezone(moment.tzinfo))
        )
        raise UsageError(
            f"{option} {given} has passed (it is {current}); give a time to come, or none to start at launch."
        )


def _nearest(name: str, known: set[str]) -> str:
    by_lower = {zone.lower(): zone for zone in known}
    wanted = name.strip().lower().replace(" ", "_")
    # People often type the city alone; the last part of a name is what they know.
    by_city = {zone.rpartition("/")[2]: zone for zone in sorted(by_lower)}
    found = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=0.7) or [
        by_city[city] for city in difflib.get_close_matches(wanted.rpartition("/")[2], by_city, n=1, cutoff=0.7)
    ]
    return f"; did you mean {by_lower[found[0]]}?" if found else "; use a name such as Europe/Berlin or UTC."


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
