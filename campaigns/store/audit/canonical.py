"""Rows in one canonical form that does not depend on the database, to be hashed for the seals.

Values are selected as the driver has them and read here, so that a damaged row is one fault with a name, and does not
stop the whole check.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import JSON, ColumnElement, Connection, Row, Table, Text, and_, cast, select, type_coerce

from campaigns.store.audit.versions import VERSION, sealed_columns
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import Instant
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome

NOTHING_BEFORE = "0" * 64
"""The hash before the first seal of a chain."""

ROWS_AT_ONCE = 1000


class Unreadable(ValueError):
    """A row holds a value that its column cannot have; the message names the column."""


def raw(table: Table, prefix: str = "") -> list[ColumnElement[Any]]:
    """The table's columns as the driver has them, labelled `prefix` and their name."""
    return [_raw(column).label(prefix + column.name) for column in table.columns]


def _raw(column: Any) -> ColumnElement[Any]:
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return type_coerce(column, Text) if isinstance(column.type, Instant) else column


def content(row: Row[Any], table: Table, prefix: str = "") -> dict[str, Any]:
    """One table's part of a row that was selected by `raw`, as JSON values. Raises Unreadable."""
    return _content(row, table, [column.name for column in table.columns], prefix)


def sealed_content(row: Row[Any], table: Table, version: int, prefix: str = "") -> dict[str, Any]:
    """As `content`, but only the columns that a seal of that version covers. Raises Unreadable."""
    require_version(version)
    return _content(row, table, sealed_columns(table.name, version), prefix)


def require_version(version: int) -> None:
    """Raise Unreadable for a seal of a later release."""
    if version not in range(1, VERSION + 1):
        raise Unreadable(f"version {version} of the seals is of a later release")


def _content(row: Row[Any], table: Table, names: Iterable[str], prefix: str) -> dict[str, Any]:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return {name: _plain(table.columns[name], values[prefix + name]) for name in names}


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
    """JSON in one form: keys in order, no spaces, ASCII. Raises Unreadable for values that JSON does not have."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable("a value is of a kind that was never written") from error


def digest(*parts: bytes) -> str:
    """SHA-256 of the parts in a row."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Covered:
    """The attempts (by fence, unique for the account) and the evidence (by ID) of a run that a digest covers."""

    attempts: BitMap64
    evidence: BitMap64
    sha256: str


@dataclass(frozen=True, slots=True)
class CoveredRecalls:
    """The finished recalls (by ID) and the requests with an outcome (by fence) of a run that a digest covers."""

    recalls: BitMap64
    unsends: BitMap64
    sha256: str


def covered_by(
    connection: Connection,
    run_id: int,
    attempts: BitMap64 | None = None,
    evidence: BitMap64 | None = None,
    *,
    version: int = VERSION,
) -> Covered:
    """The digest over a run's attempts with their outcomes and over its evidence: those of the sets, or all for None.

    All means all that one statement sees: later rows belong to a later digest. Raises Unreadable.
    """
    require_version(version)
    hashed = hashlib.sha256()
    return Covered(
        _hash_lines(hashed, _attempts(connection, run_id, version), attempts),
        _hash_lines(hashed, _evidence(connection, run_id, version), evidence),
        hashed.hexdigest(),
    )


def recalls_covered_by(
    connection: Connection,
    run_id: int,
    recalls: BitMap64 | None = None,
    unsends: BitMap64 | None = None,
    *,
    version: int = VERSION,
) -> CoveredRecalls:
    """The digest over a run's finished recalls and over its requests to unsend messages, with their outcomes.

    As `covered_by`: those of the sets, or all for None. Raises Unreadable.
    """
    require_version(version)
    hashed = hashlib.sha256()
    return CoveredRecalls(
        _hash_lines(hashed, _recalls(connection, run_id, version), recalls),
        _hash_lines(hashed, _unsends(connection, run_id, version), unsends),
        hashed.hexdigest(),
    )


def _hash_lines(hashed: Any, lines: Iterable[tuple[int, bytes]], wanted: BitMap64 | None) -> BitMap64:
    """Hash the lines whose key is wanted; returns their keys."""
    keys = BitMap64()
    for key, line in lines:
        if wanted is None or key in wanted:
            keys.add(key)
            hashed.update(line)
    return keys


def _attempts(connection: Connection, run_id: int, version: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.execute(
        select(*raw(attempt, "attempt_"), *raw(attempt_outcome, "outcome_"))
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(batch.c.run_id == run_id)
        .order_by(attempt.c.fence)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        made = {
            "attempt": sealed_content(row, attempt, version, "attempt_"),
            "outcome": sealed_content(row, attempt_outcome, version, "outcome_"),
        }
        yield _key(made["attempt"]["fence"]), canonical(made) + b"\n"


def _evidence(connection: Connection, run_id: int, version: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.execute(
        select(*raw(evidence))
        .join(batch, batch.c.id == evidence.c.batch_id)
        .where(batch.c.run_id == run_id)
        .order_by(evidence.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        yield _key(row.id), canonical({"evidence": sealed_content(row, evidence, version)}) + b"\n"


def _recalls(connection: Connection, run_id: int, version: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.execute(
        select(*raw(recall))
        .where(recall.c.run_id == run_id, recall.c.finished_at.is_not(None))
        .order_by(recall.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        yield _key(row.id), canonical({"recall": sealed_content(row, recall, version)}) + b"\n"


def _unsends(connection: Connection, run_id: int, version: int) -> Iterator[tuple[int, bytes]]:
    same = [unsend_outcome.c[name] == unsend.c[name] for name in ("recall_id", "batch_id", "number")]
    rows = connection.execute(
        select(*raw(unsend, "unsend_"), *raw(unsend_outcome, "outcome_"))
        .join(recall, recall.c.id == unsend.c.recall_id)
        .join(unsend_outcome, and_(*same))
        .where(recall.c.run_id == run_id)
        .order_by(unsend.c.fence)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        made = {
            "unsend": sealed_content(row, unsend, version, "unsend_"),
            "outcome": sealed_content(row, unsend_outcome, version, "outcome_"),
        }
        yield _key(made["unsend"]["fence"]), canonical(made) + b"\n"


def _key(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise Unreadable(f"{value!r} is not the number of a row")
    return value
