"""Leave out the users of a batch who were suppressed since the plan, at the last moment before its attempt."""

from __future__ import annotations

from campaigns.domain.audience.user_sets import pack, to_ids, unpack
from campaigns.domain.messages.message import FILTER_ALONE
from campaigns.domain.states import HoldKind
from campaigns.store.audience.suppressions import anybody_suppressed, suppressed_between
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.holds import Held, accepted_suppressions, place_hold
from campaigns.store.runs.named_users import leave_out, named_users
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.attempts import ReadyBatch
from campaigns.store.sending.batches import next_seq, shrink_batch

SUPPRESSED_WORDS = "suppressed since the plan"


def users_left(
    act: Act, account_id: str, ready: ReadyBatch, suppressions: int, *, names_lists: bool
) -> list[int] | None:
    """The users of a batch without those suppressed since the plan; of whole lists, those named one by one beside them.

    None when the batch cannot be sent. The caller holds the account's lock and has read `suppressions` under it. Users
    who are taken out become a cancelled batch of their own, so the books still balance; an empty batch is cancelled.
    """
    connection = act.connection
    if ready.users is None:
        if not _whole_list_may_go(act, account_id, ready, suppressions):
            return None
        is_outdated = suppressions != ready.planned_suppressions
        return _named_beside(act, account_id, ready, names_lists=names_lists, is_outdated=is_outdated)
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
        error=SUPPRESSED_WORDS,
        now=act.now,
    )
    _record_suppressed(act, account_id, ready, len(out))
    if not keep:
        end_run_if_done(act, ready.run_id)
    return list(keep) or None


def _record_suppressed(act: Act, account_id: str, ready: ReadyBatch, users: int) -> None:
    act.record(
        EventKind.BATCH_SUPPRESSED,
        account_id=account_id,
        run_id=ready.run_id,
        batch_seq=ready.seq,
        detail={"users": users},
    )


def _named_beside(
    act: Act, account_id: str, ready: ReadyBatch, *, names_lists: bool, is_outdated: bool
) -> list[int] | None:
    """The users whom the one request of a whole-list run names one by one; None when it would reach nobody.

    `is_outdated`: users may have been suppressed since the plan. They are left out, and an exclusion records that.
    """
    connection = act.connection
    users = named_users(connection, ready.run_id)
    if not users and not names_lists:
        place_hold(act, Held(run_id=ready.run_id), HoldKind.RECIPIENTS, reason=FILTER_ALONE)
        return None
    is_asked = bool(users) and is_outdated
    out = users & suppressed_between(connection, account_id, users.min(), users.max()) if is_asked else None
    if not out:
        return list(users)
    leave_out(connection, ready.run_id, pack(out))
    _record_suppressed(act, account_id, ready, len(out))
    if users - out or names_lists:
        return list(users - out)
    shrink_batch(connection, ready, keep=None, out=pack(out), seq=ready.seq, error=SUPPRESSED_WORDS, now=act.now)
    end_run_if_done(act, ready.run_id)
    return None


def _whole_list_may_go(act: Act, account_id: str, ready: ReadyBatch, suppressions: int) -> bool:
    """Whether whole lists may be sent in spite of suppressions; else the run is put on hold.

    Checked before every send: nobody checks between the arming of a schedule and its plan. Whoever resumes the run
    accepts the suppressions of that moment; a newer one puts it on hold again.
    """
    connection = act.connection
    if not anybody_suppressed(connection, account_id):
        return True
    if find_revision(connection, ready.campaign_id, ready.revision).accept_local_suppressions:
        return True
    if accepted_suppressions(connection, ready.run_id, HoldKind.SUPPRESSIONS) == suppressions:
        return True
    place_hold(
        act,
        Held(run_id=ready.run_id),
        HoldKind.SUPPRESSIONS,
        reason="users are suppressed here, and the vendor would message them with its whole list",
    )
    return False
