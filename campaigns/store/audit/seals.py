"""Seals: each event is hashed together with the one before it in its chain, and each seal with the one before it.

    sha256        = SHA-256(canonical JSON of chain, position, sealed_at, covered digests, version, the event,
                            and the sha256 before it in its chain)
    trail_sha256  = SHA-256(trail_sha256 of the seal before it, sha256), both as hexadecimal ASCII

Whoever changes one row must change all seals after it, and a kept copy of the newest `trail_sha256` then no longer
fits. Events are sealed after their own commit, so that no send waits: docs/audit.md, docs/decisions/0006.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from campaigns.domain.audience.user_sets import pack
from campaigns.domain.errors import StaleClaim
from campaigns.store.audit.canonical import (
    NOTHING_BEFORE,
    Unreadable,
    canonical,
    covered_by,
    digest,
    instant_text,
    raw,
    recalls_covered_by,
    sealed_content,
)
from campaigns.store.audit.events import EventKind
from campaigns.store.audit.versions import VERSION
from campaigns.store.tables.audit import event, seal, unsealed

TRAIL = "trail"
"""The name of the chain over all chains."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal of a chain."""

    position: int
    sha256: str


START = Head(0, NOTHING_BEFORE)

_NEWEST = (
    select(seal.c.position, seal.c.sha256)
    .where(seal.c.chain == bindparam("of_chain"))
    .order_by(seal.c.position.desc())
    .limit(1)
)


def chain_of(run_id: int | None, account_id: str | None) -> str:
    """The chain of an event: that of its run, else of its account, else the global one."""
    if run_id is not None:
        return f"run:{run_id}"
    return "global" if account_id is None else f"account:{account_id}"


@dataclass(frozen=True, slots=True)
class Speaks:
    """What a seal covers beside its event: its time, its version, and digests of other rows."""

    sealed_at: str
    version: int
    covered_sha256: str | None = None
    recalls_sha256: str | None = None


def seal_digest(before: Head, chain: str, event_row: Row[Any], speaks: Speaks, prefix: str = "") -> str:
    """The `sha256` of the seal that follows `before` in its chain. Raises Unreadable.

    `event_row` holds the event as `raw` selects it with that prefix.
    """
    sealed = {
        "before": before.sha256,
        "chain": chain,
        "position": before.position + 1,
        "sealed_at": speaks.sealed_at,
        "covered": speaks.covered_sha256,
        "event": sealed_content(event_row, event, speaks.version, prefix),
    }
    if speaks.version > 1:
        sealed |= {"version": speaks.version, "recalls": speaks.recalls_sha256}
    return digest(canonical(sealed))


def trail_digest(before: str, sha256: str) -> str:
    """The `trail_sha256` of a seal."""
    return digest(before.encode(), sha256.encode())


def unsealed_events(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """The oldest events without a seal."""
    # In two steps: with a join, SQLite reads all events there are to find that none of them waits.
    waiting = connection.scalars(select(unsealed.c.event_id).order_by(unsealed.c.event_id).limit(limit)).all()
    if not waiting:
        return []
    return connection.execute(select(*raw(event)).where(event.c.id.in_(waiting)).order_by(event.c.id)).all()


def make_seals(connection: Connection, waiting: Iterable[Row[Any]], *, now: datetime) -> list[dict[str, Any]]:
    """The rows of the seals of these events, after the newest seals there are. Writes nothing.

    An event that cannot be read stays unsealed: `verify` names it, and the others must not wait for it.
    """
    rows = list(waiting)
    trail = _trail_head(connection)
    heads = _heads(connection, {chain_of(row.run_id, row.account_id) for row in rows})
    made = []
    for row in rows:
        chain = chain_of(row.run_id, row.account_id)
        before = heads.get(chain, START)
        try:
            columns = _columns_covered(connection, row.kind, row.run_id)
            speaks = Speaks(instant_text(now), VERSION, columns.get("covered_sha256"), columns.get("recalls_sha256"))
            sha256 = seal_digest(before, chain, row, speaks)
        except Unreadable:
            continue
        heads[chain] = Head(before.position + 1, sha256)
        trail = Head(trail.position + 1, trail_digest(trail.sha256, sha256))
        made.append(
            {
                "number": trail.position,
                "chain": chain,
                "position": before.position + 1,
                "event_id": row.id,
                "sha256": sha256,
                "trail_sha256": trail.sha256,
                "sealed_at": now,
                "version": VERSION,
                **NOTHING_COVERED,
                **columns,
            }
        )
    return made


NOTHING_COVERED: dict[str, Any] = dict.fromkeys(
    (
        "covered_attempts",
        "covered_evidence",
        "covered_sha256",
        "recalls_covered",
        "unsends_covered",
        "recalls_sha256",
    )
)


def _columns_covered(connection: Connection, kind: str, run_id: int | None) -> dict[str, Any]:
    """The other rows that the seal of an event covers: at the end of a run, or of a recall, its requests."""
    if kind == EventKind.RUN_ENDED and run_id is not None:
        ended = covered_by(connection, run_id)
        return {
            "covered_attempts": pack(ended.attempts).blob,
            "covered_evidence": pack(ended.evidence).blob,
            "covered_sha256": ended.sha256,
        }
    if kind == EventKind.RECALL_FINISHED and run_id is not None:
        back = recalls_covered_by(connection, run_id)
        return {
            "recalls_covered": pack(back.recalls).blob,
            "unsends_covered": pack(back.unsends).blob,
            "recalls_sha256": back.sha256,
        }
    return {}


def add_seals(connection: Connection, seals: list[dict[str, Any]]) -> None:
    """Write the seals. Raises StaleClaim when another sealer was quicker: the caller rolls back."""
    try:
        connection.execute(insert(seal), seals)
    except IntegrityError as error:
        # Somebody sealed since we read: the next number of the log is taken, or these events have their seals.
        raise StaleClaim("Another sealer was quicker; the log goes on from its seals.") from error
    connection.execute(delete(unsealed).where(unsealed.c.event_id.in_([each["event_id"] for each in seals])))


def _trail_head(connection: Connection) -> Head:
    row = connection.execute(
        select(seal.c.number, seal.c.trail_sha256).order_by(seal.c.number.desc()).limit(1)
    ).one_or_none()
    return START if row is None else Head(row.number, row.trail_sha256)


def _heads(connection: Connection, chains: set[str]) -> dict[str, Head]:
    # One look into the index for each: a query for the newest of each group would read all seals of the chains.
    newest = {chain: connection.execute(_NEWEST, {"of_chain": chain}).one_or_none() for chain in chains}
    return {chain: Head(row.position, row.sha256) for chain, row in newest.items() if row is not None}
