"""Prove from the database that the books of every run balance, and that the sealed log is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from campaigns.domain.audience.user_sets import is_digest_of, unpack
from campaigns.domain.ids import run_name
from campaigns.domain.states import RUN_OPEN, BatchState, RunKind
from campaigns.store.audit.seals import Head
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.proof.bodies import Bodies, body_faults
from campaigns.store.proof.recalls import recall_faults
from campaigns.store.proof.requests import lineage_faults, request_faults
from campaigns.store.proof.sealed_log import LogProof, cause, count_events, is_damage, log_faults
from campaigns.store.proof.sent_counts import Compared, count_faults
from campaigns.store.runs.runs import books
from campaigns.store.tables.audience import audience_version, exclusion
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

FAULTS_LISTED = 100
"""At most this many faults are listed one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a proof. Every fault is a sentence."""

    events: int
    runs: int
    ok: bool
    faults: Sequence[str]
    unsealed: int  # events that wait for their seal
    bodies: Bodies
    sent_counts: Compared
    heads: Mapping[str, Head]  # by the name of the chain


def verify(
    connection: Connection,
    earlier: Mapping[str, Head] | None = None,
    *,
    every_chain: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Prove the books of every run again from the sets, law 1 from the requests, and the sealed log.

    Every request's body is built again and compared with the digest on record. The vendor's sent counts are compared
    where they are on record.

    `earlier`: the heads of an earlier proof, without which a log that was cut off or rewritten as a whole cannot be
    distinguished from a true one. `every_chain`: return the head of each chain too, one for each run and account.
    `progress`: called with how many runs are proved, of how many; what it raises ends the proof.
    """
    run_ids = list(connection.scalars(select(run.c.id).order_by(run.c.id)))
    log_proof, compared, bodies = LogProof(), Compared(), Bodies()
    told = run_ids if progress is None else _told(run_ids, progress)
    faults = _listed(_book_faults(connection, told, bodies))
    faults += _listed(count_faults(connection, compared))
    faults += _listed(log_faults(connection, log_proof, earlier, every_chain=every_chain))
    return Verified(
        events=count_events(connection),
        runs=len(run_ids),
        ok=not faults,
        faults=faults,
        unsealed=log_proof.unsealed,
        bodies=bodies,
        sent_counts=compared,
        heads=log_proof.heads,
    )


def _told(run_ids: Sequence[int], progress: Callable[[int, int], None]) -> Iterator[int]:
    """The runs, with a call for each hundredth part that is proved."""
    every = max(1, len(run_ids) // 100)
    for place, run_id in enumerate(run_ids):
        if place % every == 0:
            progress(place, len(run_ids))
        yield run_id
    progress(len(run_ids), len(run_ids))


def _listed(faults: Iterable[str]) -> list[str]:
    """The first faults, and the number of the others, so that a ruined database cannot fill the memory."""
    rest = iter(faults)
    first = list(islice(rest, FAULTS_LISTED))
    more = sum(1 for _ in rest)
    return [*first, f"and {more:,} more faults like these"] if more else first


def _book_faults(connection: Connection, run_ids: Iterable[int], bodies: Bodies) -> Iterator[str]:
    for run_id in run_ids:
        try:
            yield from run_faults(connection, run_id)
            yield from request_faults(connection, run_id)
            yield from body_faults(connection, run_id, bodies)
        except (DBAPIError, TypeError, ValueError) as error:
            if not is_damage(error):
                raise
            connection.rollback()  # PostgreSQL refuses every statement in a transaction that has failed
            yield f"run {run_name(run_id)}: its books cannot be read ({cause(error)})"
    yield from lineage_faults(connection)
    yield from recall_faults(connection)


def run_faults(connection: Connection, run_id: int) -> list[str]:
    """The faults of one run: sums, sizes, digests, users in two batches, plan against audience."""
    faults = []
    counted = books(connection, run_id)
    if not counted.balanced:
        faults.append(f"run {run_name(run_id)}: planned {counted.planned}, but its batches hold {counted}")
    stored = connection.execute(select(run).where(run.c.id == run_id)).one()
    if counted.waiting and stored.state not in RUN_OPEN:
        faults.append(f"run {run_name(run_id)}: {stored.state}, but {counted.waiting} recipients wait")
    union = BitMap64()
    last = 0
    rows = connection.execute(
        select(batch)
        .where(batch.c.run_id == run_id, batch.c.state != BatchState.SPLIT.value, batch.c.users.is_not(None))
        .order_by(batch.c.first_user)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in rows:
        users = unpack(row.users)
        faults += _set_faults(f"run {run_name(run_id)} batch {row.seq}", row, users)
        # Ranges in ID order are disjoint, so most batches need no comparison; those cut by a suppression overlap.
        if row.first_user <= last and union & users:
            faults.append(
                f"run {run_name(run_id)} batch {row.seq}: {len(union & users)} users are in another batch too"
            )
        union |= users
        last = max(last, row.last_user)
    if not stored.whole_list and len(union) != stored.planned:
        faults.append(f"run {run_name(run_id)}: planned {stored.planned} users, but its batches name {len(union)}")
    return faults + _audience_faults(connection, stored, union)


def _set_faults(name: str, row: Any, users: BitMap64) -> list[str]:
    faults = []
    if not is_digest_of(users, row.users, row.users_sha256, row.users_sha256_version):
        faults.append(f"{name}: its users are not those of its digest")
    if (len(users), users.min(), users.max()) != (row.size, row.first_user, row.last_user):
        faults.append(f"{name}: its size or range is not that of its users")
    return faults


def _audience_faults(connection: Connection, stored: Any, union: BitMap64) -> list[str]:
    """Faults when a run's batches and exclusions together are not exactly its audience.

    Those of a rerun are a part of it; so are those of a run to whole lists, whose batch has no user IDs.
    """
    if stored.audience_version_id is None or stored.planned_at is None:
        return []
    its_version = select(audience_version).where(audience_version.c.id == stored.audience_version_id)
    version = connection.execute(its_version).one()
    audience = unpack(version.users)
    faults = _set_faults(f"run {run_name(stored.id)}, audience version {version.id}", version, audience)
    left_out = BitMap64()
    for row in connection.execute(select(exclusion).where(exclusion.c.run_id == stored.id)):
        users = unpack(row.users)
        faults += _set_faults(f"run {run_name(stored.id)}, left out as {row.reason}", row, users)
        left_out |= users
    if union & left_out:
        faults.append(f"run {run_name(stored.id)}: {len(union & left_out)} users are both left out and in a batch")
    whole = union | left_out
    if whole - audience or (stored.kind != RunKind.RERUN and not stored.whole_list and audience - whole):
        faults.append(f"run {run_name(stored.id)}: its batches and exclusions are not its audience")
    return faults
