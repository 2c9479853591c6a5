"""Leave out users of a batch who were suppressed since the plan, at the last moment before its attempt."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import pack, to_ids, unpack
from campaigns.store.audience.suppressions import newest_suppression, suppressed_between
from campaigns.store.audit.events import EventKind, record_event
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.holds import Held, last_closed, open_hold
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.attempts import ReadyBatch
from campaigns.store.sending.batches import next_seq, shrink_batch

SUPPRESSIONS = "suppressions"
"""The kind of the hold on a whole-list run of an account where somebody is suppressed."""


def users_left(
    connection: Connection, account_id: str, ready: ReadyBatch, suppressions: int, *, actor: str, now: datetime
) -> list[int] | None:
    """The users of a batch without those suppressed since the plan; [] for whole lists, None when it cannot go.

    The caller holds the account's lock and has read `suppressions` under it. Users taken out become a cancelled batch
    of their own, so the books keep them; an emptied batch is cancelled itself.
    """
    if ready.users is None:
        may_go = _whole_list_may_go(connection, account_id, ready, actor=actor, now=now)
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
    connection: Connection, account_id: str, ready: ReadyBatch, *, actor: str, now: datetime
) -> bool:
    """Looked at for every send: between the arming of a schedule and its plan, nobody did.

    Who resumes the run accepts the suppressions that stood then; a newer one holds it again.
    """
    newest = newest_suppression(connection, account_id)
    if newest is None or find_revision(connection, ready.campaign_id, ready.revision).accept_local_suppressions:
        return True
    held = Held(run_id=ready.run_id)
    accepted_at = last_closed(connection, held, SUPPRESSIONS)
    if accepted_at is not None and accepted_at > newest:
        return True
    open_hold(
        connection,
        held,
        SUPPRESSIONS,
        reason="users are suppressed here, and the vendor would message them with its whole list",
        actor=actor,
        now=now,
    )
    return False
