"""Times on the clocks of their own schedule, whatever zone the reader chose: `21:00 in Berlin`, `in 12 min`."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from campaigns.domain.clocks import zone_of

UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def on_its_clock(moment: datetime, zone: str | None, now: datetime) -> Markup:
    """A time in a zone by the name of its place; with the date unless it is the same day there."""
    name = zone or "UTC"
    local, today = moment.astimezone(zone_of(name)), now.astimezone(zone_of(name)).date()
    place = name if "/" not in name else f"in {name.rsplit('/', 1)[1].replace('_', ' ')}"
    day = "" if local.date() == today else f"{local:%a %d %b}{'' if local.year == today.year else f' {local.year}'}, "
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), f"{day}{local:%H:%M} {place}")


def from_now(moment: datetime, now: datetime) -> str:
    """How far a time is from now, in its two largest units: `in 3 h 5 min`, `12 min ago`."""
    seconds = round((moment - now).total_seconds())
    left, parts = abs(seconds), []
    for name, size in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    length = " ".join(parts[:2])
    if not length:
        return "in less than a minute" if seconds > 0 else "now"
    return f"in {length}" if seconds > 0 else f"{length} ago"
