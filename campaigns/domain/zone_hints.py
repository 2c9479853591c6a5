"""Names that people type although no time zone has them, such as abbreviations and offsets, and the zones they mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

ABBREVIATIONS = {
    "CEST": ("Europe/Berlin",), "MESZ": ("Europe/Berlin",), "MEZ": ("Europe/Berlin",), "EEST": ("Europe/Athens",),
    "WEST": ("Europe/Lisbon",), "BST": ("Europe/London",), "MSK": ("Europe/Moscow",), "TRT": ("Europe/Istanbul",),
    "ET": ("America/New_York",), "EDT": ("America/New_York",), "CT": ("America/Chicago",), "CDT": ("America/Chicago",),
    "CST": ("America/Chicago", "Asia/Shanghai"), "MT": ("America/Denver",), "MDT": ("America/Denver",),
    "PT": ("America/Los_Angeles",), "PST": ("America/Los_Angeles",), "PDT": ("America/Los_Angeles",),
    "AKST": ("America/Anchorage",), "AKDT": ("America/Anchorage",), "HDT": ("America/Adak",),
    "AST": ("America/Halifax", "Asia/Riyadh"), "ADT": ("America/Halifax",), "NST": ("America/St_Johns",),
    "NDT": ("America/St_Johns",), "BRT": ("America/Sao_Paulo",), "ART": ("America/Argentina/Buenos_Aires",),
    "COT": ("America/Bogota",), "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"), "IDT": ("Asia/Jerusalem",),
    "GST": ("Asia/Dubai",), "PKT": ("Asia/Karachi",), "ICT": ("Asia/Bangkok",), "WIB": ("Asia/Jakarta",),
    "PHT": ("Asia/Manila",), "SGT": ("Asia/Singapore",), "HKT": ("Asia/Hong_Kong",), "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",), "AWST": ("Australia/Perth",), "ACST": ("Australia/Adelaide",),
    "ACDT": ("Australia/Adelaide",), "AEST": ("Australia/Sydney", "Australia/Brisbane"), "AEDT": ("Australia/Sydney",),
    "NZST": ("Pacific/Auckland",), "NZDT": ("Pacific/Auckland",), "SAST": ("Africa/Johannesburg",),
    "CAT": ("Africa/Maputo",), "EAT": ("Africa/Nairobi",), "WAT": ("Africa/Lagos",),
}  # fmt: skip

WITHOUT_SUMMER_TIME = {"EST": "America/New_York", "MST": "America/Denver", "HST": None}
"""Zones that never change their clocks, each with the place that people often mean by them, which does."""

PARTS_OF_AN_HOUR = {
    "-09:30": "Pacific/Marquesas", "-03:30": "America/St_Johns", "+03:30": "Asia/Tehran", "+04:30": "Asia/Kabul",
    "+05:30": "Asia/Kolkata", "+05:45": "Asia/Kathmandu", "+06:30": "Asia/Yangon", "+08:45": "Australia/Eucla",
    "+09:30": "Australia/Adelaide", "+10:30": "Australia/Lord_Howe", "+12:45": "Pacific/Chatham",
}  # fmt: skip

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+\u2212-])\s*(\d{1,2})(?::?(\d{2}))?(?:\s*H)?", re.IGNORECASE | re.ASCII)
_HOURS = range(-12, 15)


def hint(name: str, zones: Collection[str]) -> str:
    """What to write instead of a name that is not a zone; never suggests a zone with another offset."""
    wanted = name.strip()
    if meant := ABBREVIATIONS.get(wanted.upper()):
        return f"; did you mean {' or '.join(meant)}?"
    if offset := _OFFSET.fullmatch(wanted):
        return _offset_hint(offset)
    by_lower = {zone.lower(): zone for zone in zones}
    if wanted.lower() in by_lower:
        return f"; did you mean {by_lower[wanted.lower()]}?"
    place = _place(wanted.lower().replace(" ", "_"), by_lower)
    return f"; did you mean {place}?" if place else "; use a name such as Europe/Berlin or UTC"


def _offset_hint(offset: re.Match[str]) -> str:
    hours = int(offset[2]) * (1 if offset[1] == "+" else -1)
    if int(offset[3] or 0):
        place = PARTS_OF_AN_HOUR.get(f"{'+' if offset[1] == '+' else '-'}{int(offset[2]):02}:{offset[3]}")
        return f"; did you mean {place}?" if place else "; name a place with that offset, such as Asia/Kolkata"
    if hours not in _HOURS:
        return "; no zone is so far from UTC"
    fixed = f"Etc/GMT{-hours:+}" if hours else "UTC"
    sign = f" ({fixed} counts with the opposite sign)" if hours else ""
    return f"; a place such as Europe/Berlin follows summer time, {fixed} keeps that offset all year{sign}"


def _place(wanted: str, by_lower: dict[str, str]) -> str | None:
    """The place with the nearest name, or whose city has it. Abbreviations and `Etc/` offsets are never suggested."""
    places = {zone for zone in by_lower if "/" in zone and not zone.startswith("etc/")}
    by_city = {zone.rpartition("/")[2]: zone for zone in sorted(places)}
    near = difflib.get_close_matches(wanted, places, n=1, cutoff=0.7) or [
        by_city[city] for city in difflib.get_close_matches(wanted.rpartition("/")[2], by_city, n=1, cutoff=0.7)
    ]
    return by_lower[near[0]] if near else None


def zone_note(zone: str) -> str | None:
    """A warning about a zone without summer time; None for other zones."""
    if zone in WITHOUT_SUMMER_TIME:
        place = WITHOUT_SUMMER_TIME[zone]
        return f"{zone} has no summer time" + (f"; {place} has" if place else "")
    fixed = re.fullmatch(r"Etc/GMT([+-])(\d+)", zone)
    if fixed and fixed[2] != "0":
        return f"{zone} is {fixed[2]} h {'behind' if fixed[1] == '+' else 'ahead of'} UTC, and has no summer time"
    return None
