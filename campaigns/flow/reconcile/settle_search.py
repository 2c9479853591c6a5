"""Write what a look came to: batches that were found are accepted, alone or as a set; others are looked for again.

All of one look is one transaction under the account's lock. A crash before its commit changes nothing, and the look is
made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.messages.message import from_json
from campaigns.domain.reconcile.search import Finding, Judgement, look_delays
from campaigns.domain.states import BATCH_TAKEN, RUN_SENDS, BatchState, EvidenceKind, RunState, taken_state
from campaigns.flow.reconcile.cases import Case
from campaigns.flow.reconcile.picture import Looked
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT
from campaigns.store.reconcile.known_messages import unnamed_for
from campaigns.store.reconcile.message_sets import hold_in_set, next_set
from campaigns.store.reconcile.open_requests import OpenRequest
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.reconcile.searches import LookedFor, settle_find, settle_look, was_ever_listed
from campaigns.store.reconcile.sent_counts import TOLD
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import end_run_if_done, find_run
from campaigns.store.sending.attempts import OpenAttempt, own_message
from campaigns.store.sending.lanes import LaneClaim
from campaigns.store.sending.on_record import hold_own_lane

NOTHING_CAME = frozenset({Finding.REFUSED, Finding.NOT_SENT})
"""What a late answer proves that no message came of its request."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One transaction of a look."""

    connection: Connection
    sender: Sender
    account_id: str
    looked: Looked
    now: datetime


def settle(sender: Sender, claim: LaneClaim, looked: Looked) -> bool | None:
    """Write what one look came to; returns whether a batch was given up, so that nobody looks for it any more.

    None: the lane is no longer ours, so the rows that were looked at may be others by now, and nothing was written.
    """
    account_id = claim.account_id
    with sender.store.write() as connection:
        if not hold_own_lane(connection, claim):
            return None
        turn = _Turn(connection, sender, account_id, looked, sender.store.now(connection))
        taken = {row.key for rows, ids in looked.together for row in _take_set(turn, rows, ids)}
        gave_up = False
        for case, judgement in looked.judged:
            if case.found.key not in taken:
                gave_up |= _settle(turn, case, _own(turn, case.found, judgement))
        for row, message_id in looked.others:
            _adopt(turn, row, message_id)
        crash_point("search.written")
    crash_point("search.committed")
    return gave_up


def _settle(turn: _Turn, case: Case, judgement: Judgement) -> bool:
    found, connection = case.found, turn.connection
    if found.is_accepted:
        _settle_find(turn, found, judgement)
        return False
    to, look_at = _next(turn, case, judgement)
    error = None if to in BATCH_TAKEN else _words(found, to, judgement)
    settled = settle_look(
        connection,
        found.batch_id,
        found.number,
        found.looks,
        to,
        look_at=look_at,
        message_id=judgement.message_id,
        error=error,
        now=turn.now,
    )
    if not settled:
        return False
    _keep(turn, found, judgement, {"to": to.value, "last": look_at is None})
    if look_at is None:
        _say_settled(turn, found, to, judgement)
        end_run_if_done(Act(connection, turn.now, turn.sender.owner), found.run_id)
    return look_at is None and judgement.finding in {Finding.ABSENT, Finding.UNCLEAR}


def _words(found: LookedFor, to: BatchState, judgement: Judgement) -> str:
    is_doubted = to is BatchState.UNKNOWN and judgement.finding in NOTHING_CAME
    doubt = f"; {MAY_HAVE_BEEN_SENT}" if is_doubted else ""
    return f"after {found.looks + 1} looks: {judgement.reason}{doubt}"


def _settle_find(turn: _Turn, found: LookedFor, judgement: Judgement) -> None:
    """A batch that was decided accepted without an ID: its message was found, or is not looked up any more."""
    message_id = judgement.message_id if judgement.finding is Finding.FOUND else None
    settle_find(turn.connection, found.batch_id, found.number, message_id=message_id, now=turn.now)
    _keep(turn, found, judgement, {})
    if message_id is not None:
        _say_found(turn, found, message_id, judgement.reason)


def _keep(turn: _Turn, found: LookedFor, judgement: Judgement, more: dict[str, Any]) -> None:
    seen = turn.looked.seen
    told = {name: count for name, count in seen.items() if count is not None}
    detail = {"look": found.looks + 1, "finding": judgement.finding.value, "candidates": list(seen), TOLD: told}
    Act(turn.connection, turn.now, turn.sender.owner).record_evidence(
        found.batch_id,
        kind=EvidenceKind.LOOK,
        number=found.number,
        reason=judgement.reason,
        message_id=judgement.message_id,
        detail={**detail, **more},
    )


def _own(turn: _Turn, found: LookedFor, judgement: Judgement) -> Judgement:
    """Take the found item as ours; one that another batch took meanwhile is no answer."""
    if judgement.finding is not Finding.FOUND or judgement.message_id is None:
        return Judgement(judgement.finding, judgement.reason)
    if _takes(turn, found, judgement.message_id):
        return judgement
    return Judgement(Finding.UNCLEAR, f"item {judgement.message_id} belongs to another batch")


def _takes(turn: _Turn, found: LookedFor | OpenRequest, message_id: str) -> bool:
    attempt = OpenAttempt(found.batch_id, found.seq, found.number, 0, found.run_id, turn.account_id, 0)
    return own_message(turn.connection, attempt, message_id, now=turn.now)


def _next(turn: _Turn, case: Case, judgement: Judgement) -> tuple[BatchState, datetime | None]:
    """Where the batch goes, and when it is looked for next: so long after this look as the settings say."""
    found, limits = case.found, turn.sender.limits
    if judgement.finding is Finding.FOUND:
        return taken_state(saves=case.message.save_for_later), None
    if judgement.finding in NOTHING_CAME:
        return _proved_not_sent(turn, found, judgement), None
    delays = look_delays(limits.settle_seconds, limits.settle_looks)
    looks = found.looks + 1
    if looks < len(delays) and not turn.looked.is_last:
        return BatchState.UNKNOWN, turn.now + timedelta(seconds=delays[looks] - delays[looks - 1])
    may_resend = judgement.finding is Finding.ABSENT and _may_resend(turn, case)
    return (BatchState.READY if may_resend else BatchState.UNKNOWN), None


def _proved_not_sent(turn: _Turn, found: LookedFor, judgement: Judgement) -> BatchState:
    """Nobody was messaged by that request: its batch waits in a run that still sends, and else is not sent any more.

    Not in a restored database, where a later request for the batch may be missing.
    """
    if found.was_restored:
        return BatchState.UNKNOWN
    run = find_run(turn.connection, found.run_id)
    if run.state is RunState.CANCELLING:
        return BatchState.CANCELLED
    is_in_time = run.expires_at is None or turn.now < run.expires_at
    if judgement.finding is Finding.NOT_SENT and run.state in RUN_SENDS and is_in_time:
        return BatchState.READY
    return BatchState.REJECTED


def _may_resend(turn: _Turn, case: Case) -> bool:
    """Whether the campaign's policy sends again what no look has ever seen a trace of, in a run that still sends."""
    found, connection = case.found, turn.connection
    run = find_run(connection, found.run_id)
    return (
        case.on_unknown == "resend"
        and found.size is not None
        and not found.was_restored
        and not case.message.uses_one_use_media
        and run.state in RUN_SENDS
        and (run.expires_at is None or turn.now < run.expires_at)
        and not was_ever_listed(connection, found)
        and not unnamed_for(
            connection, run.lineage, found.users, first_user=found.first_user, last_user=found.last_user
        )
    )


def _say_settled(turn: _Turn, found: LookedFor, to: BatchState, judgement: Judgement) -> None:
    kind = EventKind.UNKNOWN_FOUND if to in BATCH_TAKEN else EventKind.UNKNOWN_GIVEN_UP
    if judgement.finding in NOTHING_CAME and to is not BatchState.UNKNOWN:
        kind = EventKind.UNKNOWN_REFUTED
    elif to is BatchState.READY:
        kind = EventKind.UNKNOWN_RESENT
    Act(turn.connection, turn.now, turn.sender.owner).record(
        kind,
        account_id=found.account_id,
        campaign_id=found.campaign_id,
        run_id=found.run_id,
        batch_seq=found.seq,
        reason=judgement.reason,
        detail={"looks": found.looks + 1, "message_id": judgement.message_id},
    )


def _say_found(
    turn: _Turn,
    found: LookedFor | OpenRequest,
    message_id: str,
    reason: str,
    *,
    kind: EventKind = EventKind.MESSAGE_FOUND,
) -> None:
    Act(turn.connection, turn.now, turn.sender.owner).record(
        kind,
        account_id=turn.account_id,
        run_id=found.run_id,
        batch_seq=found.seq,
        reason=reason,
        detail={"message_id": message_id},
    )


def _adopt(turn: _Turn, row: OpenRequest, message_id: str) -> None:
    """Give a request its item that was found while others were looked for, whatever its batch has come to since."""
    if _takes(turn, row, message_id):
        reason = f"item {message_id} is the only one that can be it, seen in a look for others"
        _give(turn, row, message_id, reason, {"finding": Finding.FOUND.value})


def _take_set(turn: _Turn, rows: Sequence[OpenRequest], ids: tuple[str, ...]) -> list[OpenRequest]:
    """Accept requests together with their items: which is whose is not known, so each holds one in name only."""
    if owners_among(turn.connection, turn.account_id, ids):
        return []  # somebody took one meanwhile, so it is looked at anew
    number = next_set(turn.connection, turn.account_id)
    reason = f"one of the messages {', '.join(ids)}, which are those of {len(rows)} batches together"
    detail = {"finding": Finding.FOUND_TOGETHER.value, "message_ids": list(ids)}
    for row, message_id in zip(rows, ids, strict=True):
        _takes(turn, row, message_id)
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
    """Let a request have a message, or hold it for its set; its batch is accepted if it was unknown for that."""
    connection, to = turn.connection, None
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
            now=turn.now,
            in_set=in_set,
        )
    elif in_set is not None:
        hold_in_set(connection, row.batch_id, *in_set)
    elif row.is_last:
        settle_find(connection, row.batch_id, row.number, message_id=message_id, now=turn.now)
    Act(connection, turn.now, turn.sender.owner).record_evidence(
        row.batch_id,
        kind=EvidenceKind.LOOK,
        number=row.number,
        reason=reason,
        message_id=message_id,
        detail=detail if to is None else {**detail, "to": to.value},
    )
    kind = EventKind.MESSAGE_FOUND if to is None else EventKind.UNKNOWN_FOUND
    _say_found(turn, row, message_id, reason, kind=kind)
    end_run_if_done(Act(connection, turn.now, turn.sender.owner), row.run_id)
