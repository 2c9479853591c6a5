"""4a. Who of a batch may still be sent to, at the last moment: suppressions that came in since the plan."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.audience import pack, to_ids, unpack
from campaigns.store.audit import EventKind, record_event
from campaigns.store.batches import next_seq, shrink_batch
from campaigns.store.campaigns import find_revision
from campaigns.store.claims import ReadyBatch
from campaigns.store.holds import Held, open_hold
from campaigns.store.runs import end_run_if_done
from campaigns.store.suppressions import anybody_suppressed, suppressed_between


def users_left(
    connection: Connection, account_id: str, ready: ReadyBatch, suppressions: int, *, actor: str, now: datetime
) -> list[int] | None:
    """The users of a batch without those suppressed since the plan; [] for whole lists, None when it cannot go.

    The caller holds the account's lock and has read `suppressions` under it. Users taken out become a cancelled batch
    of their own, so the books keep them; an emptied batch is cancelled itself.
    """
    if ready.users is None:
        may_go = _whole_list_may_go(connection, account_id, ready, suppressions, actor=actor, now=now)
        return [] if may_go else None
    if suppressions == ready.planned_suppressions:
        return to_ids(ready.users)
    assert ready.first_user is not None
    assert ready.last_user is not None
    users = unpack(ready.users)
    out = users & suppressed_between(connection, account_id, ready.first_user, ready.last_user)
    if not out:
        return list(users)
    keep = users - out
    shrink_batch(
        connection,
        ready,
        keep=pack(keep) if keep else None,
        out=pack(out),
        seq=next_seq(connection, ready.run_id) if keep else ready.seq,
        why="suppressed since the plan",
        now=now,
    )
    record_event(
        connection,
        EventKind.BATCH_SUPPRESSED,
        at=now,
        actor=actor,
        account_id=account_id,
        run_id=ready.run_id,
        batch_seq=ready.seq,
        detail={"users": len(out)},
    )
    if not keep:
        end_run_if_done(connection, ready.run_id, now=now, actor=actor)
    return list(keep) or None


def _whole_list_may_go(
    connection: Connection, account_id: str, ready: ReadyBatch, suppressions: int, *, actor: str, now: datetime
) -> bool:
    revision = find_revision(connection, ready.campaign_id, ready.revision)
    if suppressions == ready.planned_suppressions or revision.accept_local_suppressions:
        return True
    if not anybody_suppressed(connection, account_id):
        return True
    open_hold(
        connection,
        Held(run_id=ready.run_id),
        "suppressions",
        reason="users were suppressed since the plan, and the vendor would message them with its whole list",
        actor=actor,
        now=now,
    )
    return False
