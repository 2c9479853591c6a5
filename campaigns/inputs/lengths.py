"""Lengths of time as people type them: `6h30m`."""

from __future__ import annotations

UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def length_words(seconds: float) -> str:
    """Seconds in the form in which a length of time is typed: `parse_duration` returns the same number for it."""
    left, words = seconds, ""
    for unit, size in UNITS:
        count, left = divmod(left, size)
        words += f"{count:.0f}{unit}" if count else ""
    return words + (f"{left:g}s" if left or not words else "")
