"""Holds on runs, accounts and teams. A thing is paused while at least one hold on it is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from campaigns.domain.states import REFUSED_BY_VENDOR, RUN_OPEN, HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.encoding import holdable
from campaigns.store.tables.audit import event
from campaigns.store.tables.runs import hold, run


@dataclass(frozen=True, slots=True)
class Held:
    """What a hold is on: exactly one of the three is set."""

    run_id: int | None = None
    account_id: str | None = None
    upstream: str | None = None

    @property
    def scope(self) -> HoldScope:
        """What it pauses: one run, one account, or every account of a team."""
        if self.run_id is not None:
            return HoldScope.RUN
        return HoldScope.ACCOUNT if self.account_id is not None else HoldScope.TEAM


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that pauses something now."""

    id: int
    held: Held
    kind: HoldKind
    reason: str


def place_hold(act: Act, held: Held, kind: HoldKind, *, reason: str, opened_at: datetime | None = None) -> bool:
    """Pause something. False when a hold of that kind on it is open already: then nothing is added.

    `opened_at`: the time of the row instead of now. `reason` states a fact; what to do about it follows from the kind.
    The caller has the lane's lock of every account concerned, so that no attempt is committed in between; a stop waits
    for those locks after its commit.
    """
    connection = act.connection
    if connection.scalar(select(hold.c.id).where(_on(held), hold.c.kind == kind.value, hold.c.closed_at.is_(None))):
        return False
    connection.execute(
        insert(hold).values(
            scope=held.scope.value,
            run_id=held.run_id,
            account_id=held.account_id,
            upstream=held.upstream,
            kind=kind.value,
            reason=holdable(connection, reason),
            actor=act.actor,
            opened_at=opened_at or act.now,
        )
    )
    act.record(
        EventKind.HOLD_OPENED,
        run_id=held.run_id,
        account_id=held.account_id,
        reason=reason,
        detail={"scope": held.scope.value, "kind": kind.value},
    )
    return True


def holds_on(connection: Connection, held: Held) -> list[OpenHold]:
    """The open holds on one thing, the operator's first, then the oldest."""
    open_ones = select(hold).where(_on(held), hold.c.closed_at.is_(None))
    rows = connection.execute(open_ones.order_by(hold.c.kind != HoldKind.OPERATOR.value, hold.c.id))
    return [_open_hold(row) for row in rows]


def every_open_hold(connection: Connection) -> list[OpenHold]:
    """All open holds, the oldest first."""
    rows = connection.execute(select(hold).where(hold.c.closed_at.is_(None)).order_by(hold.c.id))
    return [_open_hold(row) for row in rows]


def _open_hold(row: Row[Any]) -> OpenHold:
    held = Held(run_id=row.run_id, account_id=row.account_id, upstream=row.upstream)
    return OpenHold(row.id, held, HoldKind(row.kind), row.reason)


def holds_open_runs(connection: Connection, held: Held) -> bool:
    """Whether a hold keeps a run from going on that has not ended."""
    if held.run_id is not None:
        reached = run.c.id == held.run_id
    else:
        reached = run.c.account_id == held.account_id if held.account_id else run.c.upstream == held.upstream
    return connection.scalar(select(run.c.id).where(reached, run.c.state.in_(sorted(RUN_OPEN))).limit(1)) is not None


def last_closed(connection: Connection, held: Held, kind: HoldKind) -> datetime | None:
    """When a hold of that kind on the thing was last closed; None when none was."""
    closed: datetime | None = connection.scalar(
        select(func.max(hold.c.closed_at)).where(_on(held), hold.c.kind == kind.value, hold.c.closed_at.is_not(None))
    )
    return closed


def accepted_suppressions(connection: Connection, run_id: int, kind: HoldKind) -> int | None:
    """The lane's suppression number when a hold of that kind on the run was last closed; None when none was.

    A number, because times do not show the order: clocks step back.
    """
    details = connection.scalars(
        select(event.c.detail)
        .where(event.c.run_id == run_id, event.c.kind == EventKind.HOLD_CLOSED.value)
        .order_by(event.c.id.desc())
    )
    closed = (detail for detail in details if detail["kind"] == kind.value)
    return next((detail.get("suppressions") for detail in closed), None)


def lift_hold(act: Act, hold_id: int, *, reason: str, suppressions: int | None = None) -> None:
    """Close one hold; others on the same thing stay open. Does nothing when it is closed already.

    `suppressions`: of a run, its lane's suppression number, read under the lock: whoever resumes the run accepts the
    suppressions up to that number.
    """
    closed = act.connection.execute(
        update(hold)
        .where(hold.c.id == hold_id, hold.c.closed_at.is_(None))
        .values(closed_at=act.now, closed_by=act.actor, close_reason=reason)
        .returning(hold.c.kind, hold.c.scope, hold.c.run_id, hold.c.account_id)
    ).one_or_none()
    if closed is None:
        return
    act.record(
        EventKind.HOLD_CLOSED,
        run_id=closed.run_id,
        account_id=closed.account_id,
        reason=reason,
        detail={
            "scope": closed.scope,
            "kind": closed.kind,
            **({} if suppressions is None else {"suppressions": suppressions}),
        },
    )


def run_is_held() -> ColumnElement[bool]:
    """The condition that a row of `run` is paused by a hold on it, on its account or on its team."""
    own = select(hold.c.id).where(
        hold.c.closed_at.is_(None), hold.c.scope == HoldScope.RUN.value, hold.c.run_id == run.c.id
    )
    return or_(own.exists(), wider_hold(run.c.account_id, run.c.upstream))


def wider_hold(account_id: ColumnElement[str], upstream: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an account, or the team that sends for it, is held."""
    return _held_wider(account_id, upstream, hold.c.closed_at.is_(None))


def vendor_refuses(account_id: ColumnElement[str], upstream: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that the vendor refused an account or the key, and nobody has released it: do not ask it."""
    refused = hold.c.kind.in_(sorted(kind.value for kind in REFUSED_BY_VENDOR))
    return _held_wider(account_id, upstream, and_(hold.c.closed_at.is_(None), refused))


def holds_recalls(account_id: ColumnElement[str], upstream: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an account, or its team, is held by more than a stop: a stop lets messages be unsent."""
    not_a_stop = hold.c.kind != HoldKind.STOP.value
    return _held_wider(account_id, upstream, and_(hold.c.closed_at.is_(None), not_a_stop))


def _held_wider(
    account_id: ColumnElement[str], upstream: ColumnElement[str], still_open: ColumnElement[bool]
) -> ColumnElement[bool]:
    on_account = select(hold.c.id).where(
        still_open, hold.c.scope == HoldScope.ACCOUNT.value, hold.c.account_id == account_id
    )
    on_team = select(hold.c.id).where(still_open, hold.c.scope == HoldScope.TEAM.value, hold.c.upstream == upstream)
    return or_(on_account.exists(), on_team.exists())


def _on(held: Held) -> ColumnElement[bool]:
    return and_(
        hold.c.scope == held.scope.value,
        hold.c.run_id == held.run_id if held.run_id is not None else hold.c.run_id.is_(None),
        hold.c.account_id == held.account_id if held.account_id is not None else hold.c.account_id.is_(None),
        hold.c.upstream == held.upstream if held.upstream is not None else hold.c.upstream.is_(None),
    )
