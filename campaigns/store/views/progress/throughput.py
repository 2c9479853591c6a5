"""How fast sending goes: the recipients that the vendor took in each minute, from the attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Connection, case, cast, extract, func, literal_column, select

from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch

MINUTES = 60
"""The chart of a run shows this many minutes, up to its newest request."""

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Throughput:
    """What the vendor took in each minute of a run. Times are those of the requests."""

    begins: datetime
    ends: datetime
    accepted: Sequence[int]  # recipients, by minute


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done lately for a run."""

    requests: int
    accepted: int  # recipients


def throughput(connection: Connection, run_id: int, account_id: str, *, newest: datetime) -> Throughput:
    """The last minutes of a run up to `newest`, the time of its newest request.

    It reads the requests of that hour by their time, so a long run costs no more than a short one.
    """
    last = int(newest.timestamp()) // SECONDS
    begins = datetime.fromtimestamp((last - MINUTES + 1) * SECONDS, UTC)
    minute = (
        cast(extract("epoch", attempt.c.started_at), BigInteger) // literal_column(str(SECONDS), BigInteger)
    ).label("minute")
    rows = connection.execute(
        select(minute, func.sum(attempt.c.recipients).label("accepted"))
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(
            attempt.c.started_at >= begins,
            attempt.c.started_at <= newest,
            attempt.c.account_id == account_id,
            batch.c.run_id == run_id,
            attempt_outcome.c.kind == OutcomeKind.ACCEPTED.value,
        )
        .group_by("minute")
    )
    by_minute = {int(row.minute): int(row.accepted) for row in rows}
    return Throughput(begins, newest, [by_minute.get(last - back, 0) for back in reversed(range(MINUTES))])


def paces(connection: Connection, *, since: datetime) -> dict[int, Pace]:
    """What was done since then, by run."""
    took = case((attempt_outcome.c.kind == OutcomeKind.ACCEPTED.value, attempt.c.recipients), else_=0)
    rows = connection.execute(
        select(batch.c.run_id, func.count().label("requests"), func.coalesce(func.sum(took), 0).label("accepted"))
        .select_from(attempt)
        .join(batch, batch.c.id == attempt.c.batch_id)
        .outerjoin(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(attempt.c.started_at > since)
        .group_by(batch.c.run_id)
    )
    return {row.run_id: Pace(row.requests, int(row.accepted)) for row in rows}
