"""Leave out users of a batch who were suppressed since the plan, at the last moment before its attempt."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import pack, to_ids, unpack
from campaigns.domain.messages.message import FILTER_ALONE
from campaigns.domain.states import HoldKind
from campaigns.store.audience.suppressions import anybody_suppressed, suppressed_between
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.holds import Held, accepted_suppressions, open_hold
from campaigns.store.runs.named_users import leave_out, named_users
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.attempts import ReadyBatch
from campaigns.store.sending.batches import next_seq, shrink_batch

SUPPRESSED_WORDS = "suppressed since the plan"


def users_left(
    connection: Connection,
    account_id: str,
    ready: ReadyBatch,
    suppressions: int,
    *,
    names_lists: bool,
    actor: str,
    now: datetime,
) -> list[int] | None:
    """The users of a batch without those suppressed since the plan; of whole lists, those named one by one beside them.

    None when it cannot go. The caller holds the account's lock and has read `suppressions` under it. Users taken out
    become a cancelled batch of their own, so the books keep them; an emptied batch is cancelled itself.
    """
    if ready.users is None:
        if not _whole_list_may_go(connection, account_id, ready, suppressions, actor=actor, now=now):
            return None
        looks = suppressions != ready.planned_suppressions
        return _named_beside(connection, account_id, ready, names_lists=names_lists, looks=looks, actor=actor, now=now)
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
        why=SUPPRESSED_WORDS,
        now=now,
    )
    _say_suppressed(connection, account_id, ready, len(out), actor=actor, now=now)
    if not keep:
        end_run_if_done(Act(connection, now, actor), ready.run_id)
    return list(keep) or None


def _say_suppressed(
    connection: Connection, account_id: str, ready: ReadyBatch, users: int, *, actor: str, now: datetime
) -> None:
    Act(connection, now, actor).record(
        EventKind.BATCH_SUPPRESSED,
        account_id=account_id,
        run_id=ready.run_id,
        batch_seq=ready.seq,
        detail={"users": users},
    )


def _named_beside(
    connection: Connection,
    account_id: str,
    ready: ReadyBatch,
    *,
    names_lists: bool,
    looks: bool,
    actor: str,
    now: datetime,
) -> list[int] | None:
    """Whom the one request of a whole-list run names one by one; None when nobody is left, or it never named anybody.

    `looks`: users may have been suppressed since the plan. They are left out, and an exclusion says so.
    """
    users = named_users(connection, ready.run_id)
    if not users and not names_lists:
        held = Held(run_id=ready.run_id)
        open_hold(Act(connection, now, actor), held, HoldKind.RECIPIENTS, reason=FILTER_ALONE)
        return None
    out = users & suppressed_between(connection, account_id, users.min(), users.max()) if users and looks else None
    if not out:
        return list(users)
    leave_out(connection, ready.run_id, pack(out))
    _say_suppressed(connection, account_id, ready, len(out), actor=actor, now=now)
    if users - out or names_lists:
        return list(users - out)
    shrink_batch(connection, ready, keep=None, out=pack(out), seq=ready.seq, why=SUPPRESSED_WORDS, now=now)
    end_run_if_done(Act(connection, now, actor), ready.run_id)
    return None


def _whole_list_may_go(
    connection: Connection, account_id: str, ready: ReadyBatch, suppressions: int, *, actor: str, now: datetime
) -> bool:
    """Looked at for every send: between the arming of a schedule and its plan, nobody did.

    Who resumes the run accepts the suppressions that stood then; a newer one holds it again.
    """
    if not anybody_suppressed(connection, account_id):
        return True
    if find_revision(connection, ready.campaign_id, ready.revision).accept_local_suppressions:
        return True
    if accepted_suppressions(connection, ready.run_id, HoldKind.SUPPRESSIONS) == suppressions:
        return True
    open_hold(
        Act(connection, now, actor),
        Held(run_id=ready.run_id),
        HoldKind.SUPPRESSIONS,
        reason="users are suppressed here, and the vendor would message them with its whole list",
    )
    return False
