"""Lanes: an account has one sender at a time, and one lock for everything about its sending.

A lane's row is also the account's lock: whoever commits an attempt, plans a run, adds a suppression, places a hold or
cancels a run has it until its transaction ends. So no attempt is ever committed after a pause was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from campaigns.domain.states import RUN_SENDS, BatchState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.handoff.handed_over import watch_is_due
from campaigns.store.holds.holds import run_is_held, vendor_refuses
from campaigns.store.holds.hours_and_expiry import run_is_in_time
from campaigns.store.probe.probes import due_probes
from campaigns.store.recall.recalls import due_recalls, recall_is_due
from campaigns.store.reconcile.questions import may_ask
from campaigns.store.reconcile.searches import account_has_look, account_is_looked_at
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.batches import batch
from campaigns.store.tables.probes import probe
from campaigns.store.tables.runs import run

ALL_ACCOUNTS_LOCK = 7_246_002
"""PostgreSQL's advisory lock on the list of accounts; any number that nothing else uses."""


@dataclass(frozen=True, slots=True)
class LaneClaim:
    """A lane that is ours until its lease ends, or until somebody with a higher fence takes it."""

    account_id: str
    owner: str
    fence: int
    name: str  # of the lane in the fence book
    incarnation: str = ""  # of the database when the lane was claimed


def lock_lanes(connection: Connection, account_ids: Sequence[str] | None = None) -> dict[str, int]:
    """Take the locks of these accounts (of all for None); returns their suppression numbers.

    In account order, so that two callers never wait for each other. A caller with all locks also keeps new accounts out
    until its transaction ends: what is done to every account is then done to all there are. On SQLite the transaction
    itself is the lock.
    """
    if account_ids is None:
        hold_account_list(connection)
    statement = select(lane.c.account_id, lane.c.suppressions).order_by(lane.c.account_id).with_for_update()
    if account_ids is not None:
        statement = statement.where(lane.c.account_id.in_(account_ids))
    return {row.account_id: row.suppressions for row in connection.execute(statement)}


def hold_account_list(connection: Connection) -> None:
    """Until this transaction ends, nobody else adds an account, or changes all accounts at once.

    Taken before any lane, so that nobody who has a lane waits for it. On SQLite the writer has everything already.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(ALL_ACCOUNTS_LOCK)))


def lock_free_lanes(connection: Connection, account_ids: Sequence[str]) -> list[str]:
    """Take the locks of these accounts that are free, without waiting; returns those accounts, in the given order.

    A worker that vanished in the middle of a transaction keeps its account's lock, and only that account must wait.
    """
    statement = select(lane.c.account_id).where(lane.c.account_id.in_(account_ids)).order_by(lane.c.account_id)
    free = set(connection.scalars(statement.with_for_update(skip_locked=True)))
    return [account_id for account_id in account_ids if account_id in free]


def hold_lane_briefly(connection: Connection, account_id: str) -> None:
    """As `hold_lane`, for a caller with other accounts to serve. Raises DatabaseBusy when somebody has the lock."""
    wait_briefly(connection)
    hold_lane(connection, account_id)


def hold_lane(connection: Connection, account_id: str) -> None:
    """Take the account's lock until this transaction ends. On SQLite the writer has it already."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(lane.c.account_id).where(lane.c.account_id == account_id).with_for_update())


def lock_for_hold(connection: Connection, account_id: str, scope: HoldScope | None) -> None:
    """Take the locks to place a hold of that scope: for a team those of all accounts, else (or None) its own."""
    if scope is HoldScope.TEAM:
        lock_lanes(connection)
    else:
        hold_lane(connection, account_id)


def claim_lane(
    connection: Connection,
    account_id: str,
    *,
    owner: str,
    name: str,
    now: datetime,
    lease: timedelta,
    seen: int = 0,
    incarnation: str = "",
) -> LaneClaim | None:
    """Become the account's one sender; None when somebody else is, or when the lane must still wait.

    An attempt in flight also keeps the lane closed: its owner's lease may have ended just after the sweep. The check of
    the time keeps a doubled or late wake-up from cutting a back-off short. A crash afterwards leaves the lane claimed
    until the lease ends. `seen`: the fence of the lane when it was compared with the fence book; if it is lower now,
    the database was restored since, and the lane must be compared again.
    """
    in_flight = select(batch.c.id).where(batch.c.account_id == account_id, batch.c.state == BatchState.SENDING.value)
    fence = connection.scalar(
        update(lane)
        .where(
            lane.c.account_id == account_id,
            lane.c.fence >= seen,
            or_(lane.c.owner.is_(None), lane.c.lease_until <= now),
            ~lane_waits(now),
            ~in_flight.exists(),
        )
        .values(fence=lane.c.fence + 1, owner=owner, lease_until=now + lease)
        .returning(lane.c.fence)
    )
    return None if fence is None else LaneClaim(account_id, owner, fence, name, incarnation)


def release_lane(
    connection: Connection,
    claim: LaneClaim,
    *,
    now: datetime,
    wait: timedelta = timedelta(0),
    waits_for: str | None = None,
    failures: int = 0,
) -> None:
    """Give the lane back, if it is still ours; nobody claims it before the `wait` is over."""
    connection.execute(
        update(lane)
        .where(lane.c.account_id == claim.account_id, lane.c.owner == claim.owner, lane.c.fence == claim.fence)
        .values(
            owner=None,
            lease_until=None,
            hinted_at=None,
            available_at=now + wait if wait else None,
            waits_since=now if wait else None,
            waits_for=waits_for,
            failures=failures,
        )
    )


def postpone_lane(connection: Connection, account_id: str, *, until: datetime, waits_for: str, now: datetime) -> None:
    """Let a free lane wait until that time."""
    connection.execute(
        update(lane)
        .where(lane.c.account_id == account_id, lane.c.owner.is_(None))
        .values(available_at=until, waits_since=now, waits_for=waits_for)
    )


def lane_waits(now: datetime) -> ColumnElement[bool]:
    """The condition that a row of `lane` waits for its time.

    A wait that begins in the future was written by a clock that was ahead, so its length is unknown: it does not count.
    """
    return and_(
        lane.c.available_at.is_not(None),
        lane.c.available_at > now,
        or_(lane.c.waits_since.is_(None), lane.c.waits_since <= now),
    )


def lane_failures(connection: Connection, account_id: str) -> int:
    """How many requests of the account in a row did not get through."""
    return connection.scalar(select(lane.c.failures).where(lane.c.account_id == account_id)) or 0


def lane_suppressions(connection: Connection, account_id: str) -> int:
    """The lane's suppression number, which grows with each suppression that concerns the account."""
    return connection.scalar(select(lane.c.suppressions).where(lane.c.account_id == account_id)) or 0


def count_suppressions(connection: Connection, account_id: str | None) -> None:
    """Raise the suppression number of a lane (of all for None): suppressions were added. The caller has the lock."""
    statement = update(lane).values(suppressions=lane.c.suppressions + 1)
    connection.execute(statement if account_id is None else statement.where(lane.c.account_id == account_id))


def lane_has_work(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> bool:
    """Whether some batch of the account could be sent now."""
    return bool(
        connection.scalar(
            select(run.c.id)
            .where(run.c.account_id == account_id, run.c.upstream == upstream, _sends(now), _has_ready_batch(now))
            .limit(1)
        )
    )


def lanes_to_wake(connection: Connection, *, upstream: str, now: datetime, again_before: datetime) -> list[str]:
    """Accounts with a search, a recall, a watch or a probe that is due, then those that send, the longest idle first.

    Lanes that wait are left out, and those woken after `again_before`; a wake-up may be lost, so it is repeated then.
    """
    rows = connection.execute(
        select(lane.c.account_id)
        .join(run, run.c.account_id == lane.c.account_id)
        .where(
            run.c.upstream == upstream,
            _sends(now),
            _has_ready_batch(now),
            *_may_wake(now, again_before),
        )
        .group_by(lane.c.account_id)
        .order_by(func.min(func.coalesce(run.c.served_at, run.c.planned_at)), lane.c.account_id)
    )
    # By the account, whose upstream is that of its runs: joined to them, PostgreSQL may read all runs there ever were.
    looks = connection.scalars(
        select(lane.c.account_id)
        .join(account, account.c.id == lane.c.account_id)
        .where(account.c.upstream == upstream, account_has_look(upstream, now), *_may_wake(now, again_before))
        .order_by(lane.c.account_id)
    )
    recalls = connection.scalars(
        due_recalls(upstream, now)
        .join(lane, lane.c.account_id == run.c.account_id)
        .where(*_may_wake(now, again_before))
        .distinct()
        .order_by(run.c.account_id)
    )
    watches = connection.scalars(
        select(lane.c.account_id)
        .join(run, run.c.account_id == lane.c.account_id)
        .where(
            *watch_is_due(upstream, now),
            may_ask(now),
            ~vendor_refuses(run.c.account_id, run.c.upstream),
            *_may_wake(now, again_before),
        )
        .distinct()
        .order_by(lane.c.account_id)
    )
    probes = _probed(connection, upstream, now, again_before)
    return list(dict.fromkeys([*looks, *recalls, *watches, *probes, *(row.account_id for row in rows)]))


def _probed(connection: Connection, upstream: str, now: datetime, again_before: datetime) -> list[str]:
    probes = connection.scalars(
        due_probes(upstream, now)
        .join(lane, lane.c.account_id == probe.c.account_id)
        .where(*_may_wake(now, again_before))
        .distinct()
        .order_by(probe.c.account_id)
    )
    return list(probes)


def mark_woken(connection: Connection, account_ids: Sequence[str], *, now: datetime) -> None:
    """Remember when these lanes were last woken."""
    connection.execute(update(lane).where(lane.c.account_id.in_(account_ids)).values(hinted_at=now))


def not_told_lately(
    hinted_at: ColumnElement[datetime], *, now: datetime, again_before: datetime
) -> ColumnElement[bool]:
    """The condition that no wake-up was sent for a row since then. A later time is of a clock that was ahead."""
    return or_(hinted_at.is_(None), hinted_at <= again_before, hinted_at > now)


def _may_wake(now: datetime, again_before: datetime) -> list[ColumnElement[bool]]:
    return [
        or_(lane.c.owner.is_(None), lane.c.lease_until <= now),
        ~lane_waits(now),
        not_told_lately(lane.c.hinted_at, now=now, again_before=again_before),
    ]


def _sends(now: datetime) -> ColumnElement[bool]:
    return and_(
        run.c.state.in_(sorted(RUN_SENDS)),
        run_is_in_time(now),
        ~run_is_held(),
        ~account_is_looked_at(run.c.account_id),
        ~recall_is_due(run.c.account_id, now),
    )


def _has_ready_batch(now: datetime) -> ColumnElement[bool]:
    return (
        select(batch.c.id)
        .where(batch.c.run_id == run.c.id, batch.c.state == BatchState.READY.value, batch.c.available_at <= now)
        .exists()
    )
