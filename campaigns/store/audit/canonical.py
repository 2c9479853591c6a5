"""Rows in one form that never depends on the database behind them, to be hashed: what the seals are made of.

Values are asked for as the driver has them and read here, so that a row that was damaged beyond reading is one fault
with a name, and not the end of the whole question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import JSON, ColumnElement, Connection, Row, Table, Text, cast, select, type_coerce

from campaigns.store.tables.attempts import attempt, attempt_outcome, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import Instant

NOTHING_BEFORE = "0" * 64
"""What the first seal of a chain follows."""

ROWS_AT_ONCE = 1000

SINCE_VERSION_2 = frozenset({"attempt.form", "attempt.mark"})
"""Columns that version 1 of the form does not cover: rows that were sealed before have the digest they had."""


class Unreadable(ValueError):
    """A row holds what its column cannot mean; the message names the column."""


def raw(table: Table, prefix: str = "") -> list[ColumnElement[Any]]:
    """The table's columns as the driver has them, labelled `prefix` and their name."""
    return [_raw(column).label(prefix + column.name) for column in _covered(table)]


def _raw(column: Any) -> ColumnElement[Any]:
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return type_coerce(column, Text) if isinstance(column.type, Instant) else column


def content(row: Row[Any], table: Table, prefix: str = "") -> dict[str, Any]:
    """One table's part of a row that was asked for by `raw`, as JSON can say it. Raises Unreadable."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return {column.name: _plain(column, values[prefix + column.name]) for column in _covered(table)}


def _covered(table: Table) -> list[Any]:
    return [column for column in table.columns if str(column) not in SINCE_VERSION_2]


def _plain(column: Any, value: Any) -> Any:
    try:
        if value is None:
            return None
        if isinstance(column.type, Instant):
            return instant_text(value)
        if isinstance(column.type, JSON):
            return json.loads(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable(f"{column.table.name}.{column.name} holds no such value") from error
    return value


def instant_text(value: datetime | str) -> str:
    """An instant in UTC with microseconds; SQLite's text is in UTC already."""
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")


def canonical(value: Any) -> bytes:
    """JSON in one form: keys in order, no spaces, ASCII. Raises Unreadable for what JSON cannot say."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable("a value is of a kind that was never written") from error


def digest(*parts: bytes) -> str:
    """SHA-256 of the parts in a row."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Covered:
    """Which attempts (by the fence that is theirs alone) and evidence (by ID) of a run a digest speaks for."""

    attempts: BitMap64
    evidence: BitMap64
    sha256: str


def covered_by(
    connection: Connection, run_id: int, attempts: BitMap64 | None = None, evidence: BitMap64 | None = None
) -> Covered:
    """The digest over a run's attempts with their outcomes and over its evidence, those of the sets or all there are.

    All there are is what one statement sees: rows that come later belong to a later digest. Raises Unreadable.
    """
    found = Covered(BitMap64(), BitMap64(), "")
    hashed = hashlib.sha256()
    for fence, line in _attempts(connection, run_id):
        if attempts is None or fence in attempts:
            found.attempts.add(fence)
            hashed.update(line)
    for number, line in _evidence(connection, run_id):
        if evidence is None or number in evidence:
            found.evidence.add(number)
            hashed.update(line)
    return Covered(found.attempts, found.evidence, hashed.hexdigest())


def _attempts(connection: Connection, run_id: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.execute(
        select(*raw(attempt, "attempt_"), *raw(attempt_outcome, "outcome_"))
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(
            attempt_outcome,
            (attempt_outcome.c.batch_id == attempt.c.batch_id) & (attempt_outcome.c.number == attempt.c.number),
        )
        .where(batch.c.run_id == run_id)
        .order_by(attempt.c.fence)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        made = {"attempt": content(row, attempt, "attempt_"), "outcome": content(row, attempt_outcome, "outcome_")}
        yield _key(made["attempt"]["fence"]), canonical(made) + b"\n"


def _evidence(connection: Connection, run_id: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.execute(
        select(*raw(evidence))
        .join(batch, batch.c.id == evidence.c.batch_id)
        .where(batch.c.run_id == run_id)
        .order_by(evidence.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        yield _key(row.id), canonical({"evidence": content(row, evidence)}) + b"\n"


def _key(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise Unreadable(f"{value!r} is no number of a row")
    return value
