"""Prove law 1 from the rows: the requests on record fit their batches and each other.

Sending does not need this: it is an independent check of the guarded writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from pyroaring import BitMap64
from sqlalchemy import Connection, func, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.ids import run_name
from campaigns.domain.states import BATCH_TAKEN, BatchState, EvidenceKind
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.tables.attempts import attempt, attempt_outcome, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

ROWS_AT_ONCE = 1000

MAY_HAVE_REACHED = {None, OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}
"""Outcomes, or none yet, after which a request may have messaged its users."""

WAITED: set[str] = {BatchState.READY, BatchState.CANCELLED, BatchState.REJECTED, BatchState.UNKNOWN}
"""States allowed for a batch with no request: ready, cancelled, rejected with its sibling halves, or unknown after a
restore."""

LEAVES: dict[str | None, set[str]] = {
    None: {BatchState.SENDING},
    OutcomeKind.ACCEPTED: {BatchState.ACCEPTED, BatchState.SAVED},
    OutcomeKind.UNKNOWN: {BatchState.UNKNOWN},
    OutcomeKind.REJECTED: {BatchState.REJECTED, BatchState.SPLIT, BatchState.UNKNOWN},
    OutcomeKind.NOT_SENT: WAITED,
    OutcomeKind.THROTTLED: WAITED,
    OutcomeKind.HELD: WAITED,
}
"""States allowed for a batch by the outcome of its last request, if nobody decided about it.

A rejected batch is unknown when the database was restored while the request was in flight.
"""

DECIDED: dict[str, set[str]] = {
    "accepted": {BatchState.ACCEPTED, BatchState.SAVED},
    "not-sent": {BatchState.CANCELLED},
    "resend": {BatchState.READY, BatchState.CANCELLED},
    "refuted": {BatchState.REJECTED},
}
"""States allowed for a batch after a decision about its last request, or a search for it."""

LOOKS_DECIDE = {
    BatchState.ACCEPTED.value: "accepted",
    BatchState.SAVED.value: "accepted",
    BatchState.READY.value: "resend",
    BatchState.CANCELLED.value: "not-sent",
    BatchState.REJECTED.value: "refuted",
}
"""The decision that a search amounts to, by the state it settled a batch in: accepted, found; ready, sent again by the
campaign's policy or after a late answer that proves that it was not sent; cancelled, seen unsent before its time;
rejected, refused by a late answer."""

MAY_REACH = [state.value for state in (*BATCH_TAKEN, BatchState.UNKNOWN, BatchState.SENDING, BatchState.READY)]


@dataclass(slots=True)
class _Requests:
    seq: int
    state: str
    counted: int
    outcomes: list[str | None] = field(default_factory=list)  # of request 1, 2 ...; None: none yet


def request_faults(connection: Connection, run_id: int) -> list[str]:
    """Requests of a run that do not fit the states of its batches, and requests that the law forbids."""
    decisions = _decisions(connection, run_id)
    faults = []
    for batch_id, requests in _requests(connection, run_id):
        name = f"run {run_name(run_id)} batch {requests.seq}"
        made = len(requests.outcomes)
        if made != requests.counted:
            faults.append(f"{name}: {made} requests are on record, but it counts {requests.counted}")
        for number, outcome in enumerate(requests.outcomes[:-1], start=1):
            if outcome in MAY_HAVE_REACHED and decisions.get((batch_id, number)) != "resend":
                faults.append(f"{name}: sent again after request {number}, which may have reached its users")
        allowed = _allowed_states(requests, decisions.get((batch_id, made)))
        if requests.state not in allowed:
            fact = "no request was made" if not made else f"its last request is {requests.outcomes[-1] or 'in flight'}"
            faults.append(f"{name}: {requests.state}, but {fact}")
    return faults + _made_too_late(connection, run_id)


def _made_too_late(connection: Connection, run_id: int) -> list[str]:
    rows = connection.execute(
        select(batch.c.seq, attempt.c.number, run.c.expires_at)
        .join(batch, batch.c.run_id == run.c.id)
        .join(attempt, attempt.c.batch_id == batch.c.id)
        .where(run.c.id == run_id, attempt.c.started_at >= run.c.expires_at)
        .order_by(batch.c.seq, attempt.c.number)
    )
    return [
        f"run {run_name(run_id)} batch {row.seq}: request {row.number} was made after the run expired at "
        f"{row.expires_at}"
        for row in rows
    ]


def lineage_faults(connection: Connection) -> list[str]:
    """Users whom two runs of one lineage may have reached or may reach."""
    root = func.coalesce(run.c.root_run_id, run.c.id)
    several = select(root).group_by(root).having(func.count() > 1)
    rows = connection.execute(
        select(root.label("root"), run.c.id, batch.c.users)
        .join(batch, batch.c.run_id == run.c.id)
        .where(
            root.in_(several),
            batch.c.users.is_not(None),
            batch.c.state.in_(MAY_REACH),
        )
        .order_by(root, run.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    faults = []
    for first, of_lineage in groupby(rows, key=lambda row: row.root):
        before = BitMap64()
        for run_id, of_run in groupby(of_lineage, key=lambda row: row.id):
            users = _union(row.users for row in of_run)
            if before & users:
                faults.append(
                    f"run {run_name(run_id)}: {len(before & users)} users are another run's of lineage {first}, too"
                )
            before |= users
    return faults


def _allowed_states(requests: _Requests, decision: str | None) -> set[str]:
    if decision is not None:
        return DECIDED[decision]
    return LEAVES[requests.outcomes[-1]] if requests.outcomes else WAITED


def _requests(connection: Connection, run_id: int) -> Iterator[tuple[int, _Requests]]:
    rows = connection.execute(
        select(batch.c.id, batch.c.seq, batch.c.state, batch.c.attempts, attempt.c.number, attempt_outcome.c.kind)
        .outerjoin(attempt, attempt.c.batch_id == batch.c.id)
        .outerjoin(
            attempt_outcome,
            (attempt_outcome.c.batch_id == attempt.c.batch_id) & (attempt_outcome.c.number == attempt.c.number),
        )
        .where(batch.c.run_id == run_id)
        .order_by(batch.c.seq, attempt.c.number)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for batch_id, of_batch in groupby(rows, key=lambda row: row.id):
        of_this = list(of_batch)
        requests = _Requests(of_this[0].seq, of_this[0].state, of_this[0].attempts)
        requests.outcomes = [row.kind for row in of_this if row.number is not None]
        yield batch_id, requests


def _decisions(connection: Connection, run_id: int) -> dict[tuple[int, int], str]:
    """The last decision on each request that was unknown: an operator's, or that of a search."""
    rows = connection.execute(
        select(evidence.c.batch_id, evidence.c.number, evidence.c.kind, evidence.c.detail)
        .join(batch, batch.c.id == evidence.c.batch_id)
        .where(batch.c.run_id == run_id, evidence.c.kind.in_([EvidenceKind.DECISION.value, EvidenceKind.LOOK.value]))
        .order_by(evidence.c.id)
    )
    words: dict[tuple[int, int], str] = {}
    for row in rows:
        detail = row.detail or {}
        word = detail.get("as") if row.kind == EvidenceKind.DECISION else LOOKS_DECIDE.get(str(detail.get("to")))
        if word is not None:
            words[row.batch_id, row.number] = str(word)
    return words


def _union(blobs: Iterable[bytes]) -> BitMap64:
    users = BitMap64()
    for blob in blobs:
        users |= unpack(blob)
    return users
