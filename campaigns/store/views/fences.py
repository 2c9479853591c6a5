"""Each account's lane with its fence, for `doctor`."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from campaigns.store.backup.restored import LaneFence, _name
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt


def lanes_for_people(connection: Connection) -> list[tuple[str, LaneFence, int | None]]:
    """Each account with its lane, and the fence of its newest request."""
    newest = select(func.max(attempt.c.fence)).where(attempt.c.account_id == account.c.id).scalar_subquery()
    rows = connection.execute(
        select(account.c.id, account.c.created_at, lane.c.fence, newest.label("newest"))
        .join(lane, lane.c.account_id == account.c.id)
        .order_by(account.c.id)
    )
    return [(row.id, LaneFence(_name(row.id, row.created_at), row.fence), row.newest) for row in rows]
