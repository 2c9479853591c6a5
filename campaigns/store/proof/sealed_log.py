"""Prove the sealed log: name the first edited, missing or moved row of each chain, and count what is not sealed yet.

Everything is streamed: a million events need no more memory than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import DBAPIError

from campaigns.store.audit.canonical import ROWS_AT_ONCE, Unreadable, covered_by, instant_text, raw, sealed_content
from campaigns.store.audit.seals import START, TRAIL, Head, Speaks, seal_digest, trail_digest
from campaigns.store.audit.versions import VERSION
from campaigns.store.proof.sealed_ends import Cover, Rows, cover_faults
from campaigns.store.proof.sealed_recalls import RECALLS
from campaigns.store.tables.audit import event, seal, unsealed

DAMAGES = ("malformed", "decode", "not a database", "invalid", "out of range", "too large", "too small")
"""Words in a driver's error for rows that cannot be read; other errors mean that the database is away."""


@dataclass
class LogProof:
    """The results of the proof besides its faults; complete after all faults were read."""

    unsealed: int = 0
    heads: dict[str, Head] = field(default_factory=dict)


def log_faults(
    connection: Connection, proof: LogProof, kept: Mapping[str, Head] | None = None, *, every_chain: bool = False
) -> Iterator[str]:
    """Every fault of the sealed log as a sentence, while `proof` is filled.

    `kept`: heads of an earlier proof, which the chains must still contain. `every_chain`: fill in the head of each
    chain too, not only the head of the whole log. Raises DBAPIError only when the database is away.
    """
    parts = (
        _link_faults(connection, proof, kept or {}),
        _chain_faults(connection, proof, kept or {}, every_chain=every_chain),
        cover_faults(connection, RECORDS),
        cover_faults(connection, RECALLS),
        _unsealed_faults(connection, proof),
    )
    try:
        for part in parts:
            yield from part
    except (DBAPIError, TypeError, ValueError) as error:
        if not is_damage(error):
            raise
        connection.rollback()  # PostgreSQL refuses every statement in a transaction that has failed
        yield f"the audit log cannot be read further: {cause(error)}"


def is_damage(error: Exception) -> bool:
    """Whether the error means that rows cannot be read, and not that the database is away."""
    if not isinstance(error, DBAPIError):
        return True
    words = cause(error).lower()
    return not error.connection_invalidated and any(word in words for word in DAMAGES)


def cause(error: Exception) -> str:
    """The driver's message, on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _link_faults(connection: Connection, proof: LogProof, kept: Mapping[str, Head]) -> Iterator[str]:
    """Check the seals in the order they were made: no number is missing, each digest covers the one before it."""
    rows = connection.execute(
        select(seal.c.number, seal.c.event_id, seal.c.chain, seal.c.sha256, seal.c.trail_sha256)
        .order_by(seal.c.number)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    before, wanted, broken = START, kept.get(TRAIL), False
    for row in rows:
        if not broken and row.number != before.position + 1:
            yield f"the audit log: {_gap(before.position + 1, row.number - 1)}"
            broken = True
        elif not broken and row.trail_sha256 != trail_digest(before.sha256, str(row.sha256)):
            yield f"seal {row.number} (event {row.event_id} of {row.chain}) does not follow from the one before it"
            broken = True
        before = Head(row.number, row.trail_sha256)
        if before.position == (wanted and wanted.position) and before != wanted:
            yield f"the audit log was rewritten: seal {row.number} is not the one that was kept"
    if wanted is not None and before.position < wanted.position:
        yield f"the audit log is cut off: it ends with seal {before.position}, but seal {wanted.position} was kept"
    proof.heads[TRAIL] = before


def _gap(first: int, last: int) -> str:
    """A clause about the seals from `first` to `last` that are missing."""
    if first > last:
        return f"there are two seals for number {last + 1}"
    return f"seal {first} is missing" if first == last else f"seals {first} to {last} are missing"


def _chain_faults(
    connection: Connection, proof: LogProof, kept: Mapping[str, Head], *, every_chain: bool
) -> Iterator[str]:
    """Check each event against its seal, chain by chain; at most one fault is returned for a chain."""
    rows = connection.execute(
        select(*raw(seal, "seal_"), *raw(event, "event_"))
        .outerjoin(event, event.c.id == seal.c.event_id)
        .order_by(seal.c.chain, seal.c.position)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    chain, head, number, broken = "", START, 0, False
    missing = {name: head for name, head in kept.items() if name != TRAIL}

    for row in rows:
        if row.seal_chain != chain:
            yield from _ended(chain, head, missing)
            chain, head, number, broken = row.seal_chain, START, 0, False
        fault = None if broken else _seal_fault(row, head, number)
        if fault is not None:
            broken = True
            yield f"{chain}: {fault}"
        head, number = Head(row.seal_position, row.seal_sha256), row.seal_number
        if every_chain:
            proof.heads[chain] = head
        wanted = missing.get(chain)
        if wanted is not None and wanted.position == head.position:
            del missing[chain]
            if wanted != head:
                yield f"{chain} was rewritten: its seal {head.position} is not the one that was kept"
    yield from _ended(chain, head, missing)
    yield from (f"{name} is gone: its seal {one.position} was kept" for name, one in missing.items())


def _ended(chain: str, head: Head, missing: dict[str, Head]) -> Iterator[str]:
    wanted = missing.pop(chain, None)
    if wanted is not None:
        yield f"{chain} is cut off: it ends with seal {head.position}, but seal {wanted.position} was kept"


def _seal_fault(row: Row[Any], before: Head, number: int) -> str | None:
    """The fault of one seal and its event; None when they fit each other and the seal before."""
    if row.seal_position != before.position + 1:
        return _gap(before.position + 1, row.seal_position - 1)
    if row.seal_number <= number:
        return f"seals {row.seal_position - 1} and {row.seal_position} are out of order"
    if row.event_id is None:
        return f"event {row.seal_event_id}, sealed as number {row.seal_position} of it, is missing"
    place = f"event {row.event_id} ({row.event_kind}), sealed as number {row.seal_position} of it,"
    try:
        sealed_at = instant_text(row.seal_sealed_at)
        speaks = Speaks(sealed_at, row.seal_version, row.seal_covered_sha256, row.seal_recalls_sha256)
        digest = seal_digest(before, row.seal_chain, row, speaks, "event_")
    except (Unreadable, TypeError, ValueError) as error:
        return f"{place} cannot be read: {error}"
    return None if digest == row.seal_sha256 else f"{place} is not what was sealed there: edited, or moved"


def _records(connection: Connection, row: Row[Any], attempts: BitMap64, evidence: BitMap64) -> Rows:
    now = covered_by(connection, row.run_id, attempts, evidence, version=row.version)
    return Rows(now.attempts, now.evidence, now.sha256)


RECORDS = Cover(
    columns=(seal.c.covered_attempts, seal.c.covered_evidence, seal.c.covered_sha256),
    read=_records,
    end="it ended",
    all_rows="attempts, outcomes and evidence",
    some_rows="attempts, outcomes or evidence",
    parts=("attempts or outcomes", "rows of evidence"),
)
"""The attempts, outcomes and evidence that were sealed with the end of a run."""


def _unsealed_faults(connection: Connection, proof: LogProof) -> Iterator[str]:
    """Count the events that wait for their seal. An event that has no seal and waits for none was not written by us."""
    rows: Any = connection.execute(
        select(*raw(event), unsealed.c.event_id.label("waits"))
        .outerjoin(seal, seal.c.event_id == event.c.id)
        .outerjoin(unsealed, unsealed.c.event_id == event.c.id)
        .where(seal.c.event_id.is_(None))
        .order_by(event.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        proof.unsealed += 1
        if row.waits is None:
            yield f"event {row.id} ({row.kind}) has no seal and waits for none: it was not written by campaigns"
            continue
        try:
            sealed_content(row, event, VERSION)
        except Unreadable as error:
            yield f"event {row.id} ({row.kind}) cannot be sealed: {error}"
    gone = connection.execute(
        select(unsealed.c.event_id)
        .outerjoin(event, event.c.id == unsealed.c.event_id)
        .where(event.c.id.is_(None))
        .order_by(unsealed.c.event_id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    yield from (f"event {number} is missing: it was deleted before it was sealed" for number in gone.scalars())


def count_events(connection: Connection) -> int:
    """How many events there are."""
    return connection.scalar(select(func.count()).select_from(event)) or 0
