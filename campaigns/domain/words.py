"""Numbers and lengths of time in words, the same on a terminal and on a page."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """`1 batch`, `2 batches`."""
    ending = "" if number == 1 else "es" if thing.endswith(("ch", "s")) else "s"
    return f"{number:,} {thing}{ending}"


def duration(seconds: float) -> str:
    """A length of time for display, in its two largest units: `3 min 20 s`."""
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
