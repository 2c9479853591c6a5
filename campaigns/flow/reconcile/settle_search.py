"""Write the result of a look: batches that were found are accepted, alone or as a set; others are searched for again.

One look is one transaction under the account's lock. A crash before its commit changes nothing, and the look is made
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from campaigns.crashpoint import crash_point
from campaigns.domain.messages.message import from_json
from campaigns.domain.reconcile.search import Finding, Judgement, look_delays
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import BATCH_TAKEN, RUN_SENDS, BatchState, EvidenceKind, RunState, taken_state
from campaigns.flow.reconcile.cases import Case
from campaigns.flow.reconcile.picture import Looked
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT
from campaigns.store.reconcile.known_messages import unnamed_for
from campaigns.store.reconcile.message_sets import hold_in_set, next_set
from campaigns.store.reconcile.open_requests import OpenRequest
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.reconcile.searches import LookedFor, settle_find, settle_look, was_ever_listed
from campaigns.store.reconcile.sent_counts import SENT_COUNTS
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import end_run_if_done, find_run
from campaigns.store.sending.attempts import own_message
from campaigns.store.sending.lanes import LaneClaim
from campaigns.store.sending.on_record import hold_own_lane

NOTHING_CAME = frozenset({Finding.REFUSED, Finding.NOT_SENT})
"""Findings of late answers that prove that the request sent no message."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One transaction of a look."""

    act: Act
    limits: Limits
    account_id: str
    looked: Looked


def settle(context: LaneContext, claim: LaneClaim, looked: Looked) -> bool | None:
    """Write the result of one look; returns whether a batch was given up, so that nobody searches for it any longer.

    None: the lane is no longer ours, so its rows may be others by now, and nothing was written.
    """
    account_id = claim.account_id
    with context.store.write() as connection:
        if not hold_own_lane(connection, claim):
            return None
        turn = _Turn(context.act(connection), context.limits, account_id, looked)
        taken = {row.key for rows, ids in looked.together for row in _take_set(turn, rows, ids)}
        gave_up = False
        for case, judgement in looked.judged:
            if case.batch.key not in taken:
                gave_up |= _settle(turn, case, _own(turn, case.batch, judgement))
        for row, message_id in looked.others:
            _adopt(turn, row, message_id)
        crash_point("search.written")
    crash_point("search.committed")
    return gave_up


def _settle(turn: _Turn, case: Case, judgement: Judgement) -> bool:
    batch, act = case.batch, turn.act
    if batch.is_accepted:
        _settle_find(turn, batch, judgement)
        return False
    to, look_at = _next(turn, case, judgement)
    settled = settle_look(
        act.connection,
        batch.batch_id,
        batch.number,
        batch.looks,
        to,
        look_at=look_at,
        message_id=judgement.message_id,
        error=None if to in BATCH_TAKEN else _error(batch, to, judgement),
        now=act.now,
    )
    if not settled:
        return False
    _keep(turn, batch, judgement, {"to": to.value, "last": look_at is None})
    if look_at is None:
        _record_settled(turn, batch, to, judgement)
        end_run_if_done(act, batch.run_id)
    return look_at is None and judgement.finding in {Finding.ABSENT, Finding.UNCLEAR}


def _error(batch: LookedFor, to: BatchState, judgement: Judgement) -> str:
    is_doubted = to is BatchState.UNKNOWN and judgement.finding in NOTHING_CAME
    doubt = f"; {MAY_HAVE_BEEN_SENT}" if is_doubted else ""
    looks = "1 look" if batch.looks == 0 else f"{batch.looks + 1} looks"
    return f"after {looks}: {judgement.reason}{doubt}"


def _settle_find(turn: _Turn, batch: LookedFor, judgement: Judgement) -> None:
    """A batch that was decided accepted without an ID: its message was found, or is no longer looked up."""
    message_id = judgement.message_id if judgement.finding is Finding.FOUND else None
    settle_find(turn.act.connection, batch.batch_id, batch.number, message_id=message_id, now=turn.act.now)
    _keep(turn, batch, judgement, {})
    if message_id is not None:
        _record_found(turn, batch, message_id, judgement.reason)


def _keep(turn: _Turn, batch: LookedFor, judgement: Judgement, more: dict[str, Any]) -> None:
    """Keep the look as evidence, with the candidates and the sent counts that the vendor shows for them."""
    seen = turn.looked.seen
    counts = {name: count for name, count in seen.items() if count is not None}
    detail = {
        "look": batch.looks + 1,
        "finding": judgement.finding.value,
        "candidates": list(seen),
        SENT_COUNTS: counts,
    }
    turn.act.record_evidence(
        batch.batch_id,
        kind=EvidenceKind.LOOK,
        number=batch.number,
        reason=judgement.reason,
        message_id=judgement.message_id,
        detail={**detail, **more},
    )


def _own(turn: _Turn, batch: LookedFor, judgement: Judgement) -> Judgement:
    """Take the item of a finding as ours; an item that another batch took meanwhile makes the look unclear."""
    if judgement.finding is not Finding.FOUND or judgement.message_id is None:
        return Judgement(judgement.finding, judgement.reason)
    if _takes(turn, batch.batch_id, judgement.message_id):
        return judgement
    return Judgement(Finding.UNCLEAR, f"item {judgement.message_id} belongs to another batch")


def _takes(turn: _Turn, batch_id: int, message_id: str) -> bool:
    return own_message(turn.act.connection, turn.account_id, batch_id, message_id, now=turn.act.now)


def _next(turn: _Turn, case: Case, judgement: Judgement) -> tuple[BatchState, datetime | None]:
    """The next state of the batch, and when it is searched for again: as long after this look as the settings say."""
    batch, limits = case.batch, turn.limits
    if judgement.finding is Finding.FOUND:
        return taken_state(saves=case.message.save_for_later), None
    if judgement.finding in NOTHING_CAME:
        return _proved_not_sent(turn, batch, judgement), None
    delays = look_delays(limits.settle_seconds, limits.settle_looks)
    looks = batch.looks + 1
    if looks < len(delays) and not turn.looked.is_last:
        return BatchState.UNKNOWN, turn.act.now + timedelta(seconds=delays[looks] - delays[looks - 1])
    may_resend = judgement.finding is Finding.ABSENT and _may_resend(turn, case)
    return (BatchState.READY if may_resend else BatchState.UNKNOWN), None


def _proved_not_sent(turn: _Turn, batch: LookedFor, judgement: Judgement) -> BatchState:
    """That request messaged nobody: its batch waits in a run that still sends, and else is never sent.

    Not in a restored database, where a later request for the batch may be missing.
    """
    if batch.was_restored:
        return BatchState.UNKNOWN
    run = find_run(turn.act.connection, batch.run_id)
    if run.state is RunState.CANCELLING:
        return BatchState.CANCELLED
    is_in_time = run.expires_at is None or turn.act.now < run.expires_at
    if judgement.finding is Finding.NOT_SENT and run.state in RUN_SENDS and is_in_time:
        return BatchState.READY
    return BatchState.REJECTED


def _may_resend(turn: _Turn, case: Case) -> bool:
    """Whether the campaign's policy sends a batch again that no look ever saw a trace of, in a run that still sends."""
    batch, connection = case.batch, turn.act.connection
    run = find_run(connection, batch.run_id)
    return (
        case.on_unknown == "resend"
        and batch.size is not None
        and not batch.was_restored
        and not case.message.uses_one_use_media
        and run.state in RUN_SENDS
        and (run.expires_at is None or turn.act.now < run.expires_at)
        and not was_ever_listed(connection, batch)
        and not unnamed_for(
            connection, run.lineage, batch.users, first_user=batch.first_user, last_user=batch.last_user
        )
    )


def _record_settled(turn: _Turn, batch: LookedFor, to: BatchState, judgement: Judgement) -> None:
    kind = EventKind.UNKNOWN_FOUND if to in BATCH_TAKEN else EventKind.UNKNOWN_GIVEN_UP
    if judgement.finding in NOTHING_CAME and to is not BatchState.UNKNOWN:
        kind = EventKind.UNKNOWN_REFUTED
    elif to is BatchState.READY:
        kind = EventKind.UNKNOWN_RESENT
    turn.act.record(
        kind,
        account_id=batch.account_id,
        campaign_id=batch.campaign_id,
        run_id=batch.run_id,
        batch_seq=batch.seq,
        reason=judgement.reason,
        detail={"looks": batch.looks + 1, "message_id": judgement.message_id},
    )


def _record_found(
    turn: _Turn,
    batch: LookedFor | OpenRequest,
    message_id: str,
    reason: str,
    *,
    kind: EventKind = EventKind.MESSAGE_FOUND,
) -> None:
    turn.act.record(
        kind,
        account_id=turn.account_id,
        run_id=batch.run_id,
        batch_seq=batch.seq,
        reason=reason,
        detail={"message_id": message_id},
    )


def _adopt(turn: _Turn, row: OpenRequest, message_id: str) -> None:
    """Give a request its item, found in a search for others, whatever the state of its batch is now."""
    if _takes(turn, row.batch_id, message_id):
        reason = f"item {message_id} is the only one that can be it, seen in a look for others"
        _give(turn, row, message_id, reason, {"finding": Finding.FOUND.value})


def _take_set(turn: _Turn, rows: Sequence[OpenRequest], ids: tuple[str, ...]) -> list[OpenRequest]:
    """Accept requests together with their items: nobody knows which is whose, so each holds one in name only."""
    if owners_among(turn.act.connection, turn.account_id, ids):
        return []  # another batch took one of them meanwhile, so the next look decides
    number = next_set(turn.act.connection, turn.account_id)
    reason = f"one of the messages {', '.join(ids)}, which are those of {len(rows)} batches together"
    detail = {"finding": Finding.FOUND_TOGETHER.value, "message_ids": list(ids)}
    for row, message_id in zip(rows, ids, strict=True):
        _takes(turn, row.batch_id, message_id)
        _give(turn, row, message_id, reason, detail, in_set=(number, message_id))
    return list(rows)


def _give(
    turn: _Turn,
    row: OpenRequest,
    message_id: str,
    reason: str,
    detail: dict[str, Any],
    *,
    in_set: tuple[int, str] | None = None,
) -> None:
    """Give a request a message, or one to hold for its set; its batch is accepted if it was unknown for want of it."""
    connection, now, to = turn.act.connection, turn.act.now, None
    if row.is_last and row.state is BatchState.UNKNOWN:
        to = taken_state(saves=from_json(message_of_run(connection, row.run_id)).save_for_later)
        settle_look(
            connection,
            row.batch_id,
            row.number,
            row.looks,
            to,
            look_at=None,
            message_id=message_id if in_set is None else None,
            error=None,
            now=now,
            in_set=in_set,
        )
    elif in_set is not None:
        hold_in_set(connection, row.batch_id, *in_set)
    elif row.is_last:
        settle_find(connection, row.batch_id, row.number, message_id=message_id, now=now)
    turn.act.record_evidence(
        row.batch_id,
        kind=EvidenceKind.LOOK,
        number=row.number,
        reason=reason,
        message_id=message_id,
        detail=detail if to is None else {**detail, "to": to.value},
    )
    kind = EventKind.MESSAGE_FOUND if to is None else EventKind.UNKNOWN_FOUND
    _record_found(turn, row, message_id, reason, kind=kind)
    end_run_if_done(turn.act, row.run_id)
