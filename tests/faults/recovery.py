"""How long a kill kept an account from its next send, the time in which it was looked for an unknown left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from campaigns.store.database.engine import Store
from tests.faults.installation import LEASE_SECONDS
from tests.faults.moments import seconds_of


@dataclass(frozen=True)
class Struck:
    """An account whose worker was killed while it had more to send."""

    at: float  # seconds since 1970: workers, database and rig are on one machine
    account: str
    in_flight: int | None  # the batch whose request was under way


def lanes_of(store: Store, pid: int, since: float) -> dict[str, int | None]:
    """The accounts that a process holds, and the batch whose request is under way there.

    `since`: when it started. Its number may have been an earlier worker's, whose leases run on for a while.
    """
    statement = text(
        "SELECT lane.account_id, lane.lease_until, (SELECT max(id) FROM batch WHERE state = 'sending'"
        " AND batch.account_id = lane.account_id) AS in_flight FROM lane WHERE owner LIKE :owner"
    )
    with store.read() as connection:
        rows = list(connection.execute(statement, {"owner": f"worker:%:{pid}:%"}))
    return {row.account_id: row.in_flight for row in rows if seconds_of(row.lease_until) > since + LEASE_SECONDS}


def struck_accounts(store: Store, pid: int, since: float, at: float) -> list[Struck]:
    """The accounts that a process held when it was killed, of those with something left to send."""
    with store.read() as connection:
        waiting = set(connection.scalars(text("SELECT DISTINCT account_id FROM batch WHERE state = 'ready'")))
    held = lanes_of(store, pid, since)
    return [Struck(at, account, in_flight) for account, in_flight in held.items() if account in waiting]


def recovery_seconds(store: Store, struck: list[Struck]) -> list[float]:
    """From each kill to the next attempt on another batch of that account, without the time of looking.

    An account that a later kill struck before it got there is measured from that one.
    """
    attempts, looking = _attempts(store), _looking(store)
    kills: dict[str, list[float]] = defaultdict(list)
    for one in struck:
        kills[one.account].append(one.at)
    found = []
    for one in struck:
        then = next((at for at, batch in attempts[one.account] if at > one.at and batch != one.in_flight), None)
        if then is None or any(one.at < other < then for other in kills[one.account]):
            continue
        looked = _overlap(looking[one.account], one.at, then)
        found.append(then - one.at - looked)
    return sorted(found)


def percentile(ordered: list[float], share: float) -> float | None:
    """The value that this share of the sorted ones does not exceed; None when there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _attempts(store: Store) -> dict[str, list[tuple[float, int]]]:
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    with store.read() as connection:
        for row in connection.execute(text("SELECT account_id, started_at, batch_id FROM attempt")):
            found[row.account_id].append((seconds_of(row.started_at), row.batch_id))
    for each in found.values():
        each.sort()
    return found


def _looking(store: Store) -> dict[str, list[tuple[float, float]]]:
    """From when to when each account was looked for an unknown: from the verdict to its last look."""
    statement = text(
        "SELECT attempt.account_id, attempt_outcome.finished_at, max(evidence.at) AS ended FROM attempt_outcome"
        " JOIN attempt ON attempt.batch_id = attempt_outcome.batch_id AND attempt.number = attempt_outcome.number"
        " JOIN evidence ON evidence.batch_id = attempt.batch_id AND evidence.number = attempt.number"
        " WHERE attempt_outcome.kind = 'unknown' AND evidence.kind = 'look'"
        " GROUP BY attempt.account_id, attempt.batch_id, attempt.number, attempt_outcome.finished_at"
    )
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with store.read() as connection:
        rows: Any = connection.execute(statement)
        for row in rows:
            found[row.account_id].append((seconds_of(row.finished_at), seconds_of(row.ended)))
    return found


def _overlap(intervals: list[tuple[float, float]], start: float, end: float) -> float:
    """How much of the time from start to end the intervals cover together."""
    covered, reached = 0.0, start
    for interval in sorted(intervals):
        begin, finish = max(interval[0], reached), min(interval[1], end)
        if finish > begin:
            covered += finish - begin
            reached = finish
    return covered
