"""Read-only view of the lanes with their fences, for checks of the installation."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from campaigns.store.backup.restored import every_lane_fence
from campaigns.store.tables.accounts import account
from campaigns.store.tables.attempts import attempt


@dataclass(frozen=True, slots=True)
class FencedLane:
    """An account's lane as the database has it."""

    account_id: str
    name: str  # of the lane in the fence book
    fence: int
    newest_request: int | None  # the fence of its newest request; None: it made none


def fenced_lanes(connection: Connection) -> list[FencedLane]:
    """The lane of every account."""
    newest = select(func.max(attempt.c.fence)).where(attempt.c.account_id == account.c.id).scalar_subquery()
    requests = {row.id: row.newest for row in connection.execute(select(account.c.id, newest.label("newest")))}
    return [
        FencedLane(lane.account_id, lane.name, lane.fence, requests[lane.account_id])
        for lane in every_lane_fence(connection)
    ]
