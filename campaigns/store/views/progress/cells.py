"""The batches of a run, counted by state in cells of neighbours: the books of the run and its map in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, func, literal_column, select

from campaigns.domain.states import BatchState
from campaigns.store.tables.batches import batch

MOST_SINGLE = 2_000
"""Up to this many batches each has a cell of its own."""

MOST_CELLS = 400
"""With more batches than that, at most this many cells of neighbours."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Neighbouring batches."""

    first: int
    last: int
    batches: dict[BatchState, int]  # by state


@dataclass(frozen=True, slots=True)
class Cells:
    """All batches of a run."""

    cells: Sequence[Cell]
    per_cell: int
    batches: dict[BatchState, int]  # of the run, by state
    recipients: dict[BatchState, int]


def cells_of(connection: Connection, run_id: int) -> Cells:
    """The cells of a run, in the order of its batches."""
    newest = int(connection.scalar(select(func.max(batch.c.seq)).where(batch.c.run_id == run_id)) or 0)
    per_cell = 1 if newest <= MOST_SINGLE else -(-newest // MOST_CELLS)
    # Numbers and not parameters: PostgreSQL groups by the name, and divides whole numbers as SQLite does.
    number = ((batch.c.seq - literal_column("1", Integer)) // literal_column(str(per_cell), Integer)).label("cell")
    rows = connection.execute(
        select(number, batch.c.state, func.count().label("batches"), func.sum(batch.c.size).label("recipients"))
        .where(batch.c.run_id == run_id)
        .group_by("cell", batch.c.state)
    )
    cells: dict[int, dict[BatchState, int]] = {}
    batches = dict.fromkeys(BatchState, 0)
    recipients = dict.fromkeys(BatchState, 0)
    for at, word, count, people in rows:
        state = BatchState(word)
        cells.setdefault(at, {})[state] = count
        batches[state] += count
        recipients[state] += int(people)
    return Cells(
        [Cell(at * per_cell + 1, min((at + 1) * per_cell, newest), states) for at, states in sorted(cells.items())],
        per_cell,
        {state: count for state, count in batches.items() if count},
        recipients,
    )
