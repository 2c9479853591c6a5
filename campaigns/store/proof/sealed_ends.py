"""Walk the seals that cover rows besides their event: those of the ends of runs and of recalls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Column, Connection, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.ids import run_name
from campaigns.store.audit.canonical import ROWS_AT_ONCE
from campaigns.store.tables.audit import event, seal


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a seal covers, as they are now."""

    first: BitMap64
    second: BitMap64
    sha256: str
    added: int = 0  # rows that were added after they were sealed


@dataclass(frozen=True, slots=True)
class Cover:
    """Which columns of a seal cover what, and what the sentences about it call that."""

    columns: tuple[Column[Any], Column[Any], Column[Any]]  # two sets of IDs, and the digest of their rows
    read: Callable[[Connection, Any, BitMap64, BitMap64], Rows]
    end: str  # such as `it ended`
    all_rows: str
    some_rows: str
    parts: tuple[str, str]


def cover_faults(connection: Connection, cover: Cover) -> Iterator[str]:
    """Rows that are missing, were edited, or were added since they were sealed, in the order of the seals."""
    first, second, digest = cover.columns
    rows = connection.execute(
        select(
            *(event.c.id, event.c.run_id, seal.c.version),
            *(first.label("first"), second.label("second"), digest.label("sha256")),
        )
        .join(event, event.c.id == seal.c.event_id)
        .where(digest.is_not(None))
        .order_by(seal.c.number)
        .execution_options(yield_per=ROWS_AT_ONCE // 10)
    )
    for row in rows:
        name = f"run {run_name(row.run_id)}, as {cover.end} with event {row.id}"
        try:
            sealed = unpack(row.first), unpack(row.second)
            now = cover.read(connection, row, *sealed)
        except (ValueError, TypeError) as error:
            yield f"{name}: its {cover.all_rows} cannot be read ({error})"
            continue
        missing = [
            f"{len(before - after)} {part}"
            for before, after, part in zip(sealed, (now.first, now.second), cover.parts, strict=True)
        ]
        if any(before - after for before, after in zip(sealed, (now.first, now.second), strict=True)):
            yield f"{name}: of the sealed rows, {' and '.join(missing)} are missing"
        elif now.sha256 != row.sha256:
            yield f"{name}: its {cover.some_rows} were edited since they were sealed"
        if now.added:
            yield f"{name}: {now.added} {cover.parts[1].partition(' or ')[0]} were added after they were sealed"
