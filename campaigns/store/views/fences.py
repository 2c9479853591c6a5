"""Each account's lane with its fence, for `doctor`."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from campaigns.store.backup.restored import LaneFence, every_lane_fence
from campaigns.store.tables.accounts import account
from campaigns.store.tables.attempts import attempt


def lanes_for_people(connection: Connection) -> list[tuple[str, LaneFence, int | None]]:
    """Each account with its lane, and the fence of its newest request."""
    newest = select(func.max(attempt.c.fence)).where(attempt.c.account_id == account.c.id).scalar_subquery()
    requests = {row.id: row.newest for row in connection.execute(select(account.c.id, newest.label("newest")))}
    return [(one.account_id, one, requests[one.account_id]) for one in every_lane_fence(connection)]
