"""The users whom a whole-list run names one by one, beside a list or for the vendor to choose from.

Its one batch has no users, since the vendor alone knows who gets it. The named users are the run's audience without
everybody who was left out.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count, takewhile

from pyroaring import BitMap64
from sqlalchemy import Connection, insert, select

from campaigns.domain.audience.user_sets import UserSet, union, unpack
from campaigns.store.tables.audience import audience_version, exclusion
from campaigns.store.tables.columns import user_columns
from campaigns.store.tables.runs import run

SUPPRESSED_SINCE = "suppressed_since_plan"


def named_users(connection: Connection, run_id: int) -> BitMap64:
    """The users named in the next request of a whole-list run; nobody where it names only lists."""
    return named_in_turn(connection, run_id)[-1]


def named_in_turn(connection: Connection, run_id: int) -> list[BitMap64]:
    """The users that requests of a whole-list run named: by its plan, then after each time that users were left out."""
    audience = connection.scalar(
        select(audience_version.c.users)
        .join(run, run.c.audience_version_id == audience_version.c.id)
        .where(run.c.id == run_id, run.c.whole_list)
    )
    if audience is None:
        return [BitMap64()]
    rows = connection.execute(select(exclusion.c.reason, exclusion.c.users).where(exclusion.c.run_id == run_id))
    left_out = {row.reason: unpack(row.users) for row in rows}
    since = [left_out.pop(name) for name in _since_plan(left_out)]
    named = [unpack(audience) - union(left_out.values())]
    for users in since:
        named.append(named[-1] - users)
    return named


def leave_out(connection: Connection, run_id: int, users: UserSet) -> None:
    """Leave users out who were suppressed since the plan. The caller holds the account's lock.

    Rows are written once, so each time has a reason of its own.
    """
    taken = set(connection.scalars(select(exclusion.c.reason).where(exclusion.c.run_id == run_id)))
    reason = _reason(len(_since_plan(taken)) + 1)
    connection.execute(insert(exclusion).values(run_id=run_id, reason=reason, **user_columns(users)))


def _since_plan(reasons: Collection[str]) -> list[str]:
    """The reasons that were added after the plan, in their order."""
    return list(takewhile(reasons.__contains__, map(_reason, count(1))))


def _reason(number: int) -> str:
    return SUPPRESSED_SINCE if number == 1 else f"{SUPPRESSED_SINCE}_{number}"
