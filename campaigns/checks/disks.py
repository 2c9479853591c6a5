"""Checks of disks: how much room there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.checks.check import AWAY, Check

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.store.database.engine import Store

LITTLE, TOO_LITTLE = 1_000_000_000, 100_000_000
"""Free bytes below which a disk is noted, and below which it is a fault."""


def room_fix(fault: Exception, store: Store) -> str | None:
    """The fix for a database whose disk is full; None: that is not the fault."""
    from campaigns.store.database.faults import says_full

    place = _file(store) or "the database server"
    return f"make room on the disk of {place}" if says_full(str(fault)) else None


def room_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """How much room there is for what this machine writes; each disk once."""
    places = {"home": settings.home.resolve(), "database": _file(store)}
    seen: set[int] = set()
    for what, place in places.items():
        folder = None if place is None else _existing(place)
        if folder is not None and (device := folder.stat().st_dev) not in seen:
            seen.add(device)
            yield _room(f"disk of the {what}", folder)


def _room(part: str, folder: Path) -> Check:
    figures = os.statvfs(folder)
    free, whole = figures.f_bavail * figures.f_frsize, figures.f_blocks * figures.f_frsize
    found = f"{free / 1e9:,.1f} GB free of {whole / 1e9:,.1f} GB at {folder}"
    fix = "make room: when it is full, nothing is sent"
    if free < TOO_LITTLE:
        return Check(part, "fault", found, fix, AWAY)
    if figures.f_files and not figures.f_favail:
        return Check(part, "fault", f"{found}, but no further file can be made (inodes)", fix, AWAY)
    return Check(part, "note" if free < LITTLE else "ok", found, fix if free < LITTLE else None)


def _file(store: Store) -> Path | None:
    """The file of a SQLite database."""
    url = store.writer.url
    return Path(str(url.database)).resolve() if url.get_backend_name() == "sqlite" else None


def _existing(place: Path) -> Path:
    """The folder that is there already, of a place where something may be made later."""
    return next(folder for folder in (place, *place.parents) if folder.exists())
