"""Halve a refused batch: until one bad user is alone in a batch, or until a request that was too large is not.

All other users are accepted once. It costs about 2 log2(n) requests for each bad user. It stops when the refusals show
that the cause is not one user: then the rest is rejected, and the run is put on hold with the vendor's message.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log2

from pyroaring import BitMap64
from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import pack
from campaigns.domain.messages.message import from_json
from campaigns.domain.states import RUN_SENDS, HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind, one_line
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.attempts import OpenAttempt
from campaigns.store.sending.batches import anything_waits
from campaigns.store.sending.halves import Refused, add_halves, find_refused, refusals_in_a_row, reject_family


def with_size_advice(connection: Connection, opened: OpenAttempt, outcome: Outcome) -> Outcome:
    """For a request that is too large for the vendor: the outcome with advice to an operator. Others are unchanged.

    Whole lists and one-use media go out in one request or not at all: their run is put on hold, and the batch waits.
    """
    if not outcome.is_too_large:
        return outcome
    refused = find_refused(connection, opened.batch_id)
    if refused is None:
        return _held(outcome, "a request for whole lists cannot be made smaller; shorten the text")
    if from_json(message_of_run(connection, opened.run_id)).uses_one_use_media:
        return _held(outcome, "one-use media go out in one request; use media of the vault and smaller batches")
    advice = "use smaller batches" if len(refused.users) > 1 else "shorten the text"
    return replace(outcome, error=one_line(f"{advice}: {outcome.error}"))


def _held(outcome: Outcome, advice: str) -> Outcome:
    return replace(
        outcome,
        kind=OutcomeKind.HELD,
        hold=HoldOrder(HoldScope.RUN, HoldKind.REFUSED),
        error=one_line(f"{advice}: {outcome.error}"),
        is_too_large=False,
    )


def may_halve(connection: Connection, opened: OpenAttempt, outcome: Outcome) -> Refused | None:
    """The refused batch if halving it may find one bad user; else None, and the batch is rejected.

    Whole lists, one-use media, single users and runs that no longer send are never halved. Nor is a batch after so many
    refusals of its family in a row, this one included, that one user cannot be the cause.
    """
    if not outcome.may_halve:
        return None
    run = find_run(connection, opened.run_id)
    if run.state not in RUN_SENDS:
        return None
    message = from_json(message_of_run(connection, run.id))
    refused = find_refused(connection, opened.batch_id)
    if refused is None or len(refused.users) == 1 or message.uses_one_use_media:
        return None
    most = _most_refusals(refused.root_size)
    return None if 1 + refusals_in_a_row(connection, refused.root_id, most=most) >= most else refused


def halve(act: Act, opened: OpenAttempt, refused: Refused, outcome: Outcome) -> None:
    """Add two halves in place of a batch that has become `split`."""
    users = list(refused.users)
    middle = len(users) // 2
    halves = [pack(BitMap64(users[:middle])), pack(BitMap64(users[middle:]))]
    seqs = add_halves(act.connection, refused, halves, smallest_first=outcome.is_too_large, now=act.now)
    act.record(
        EventKind.BATCH_HALVED,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        detail={"halves": seqs},
    )


def stop_halving(act: Act, opened: OpenAttempt, outcome: Outcome) -> None:
    """After a rejection: reject the rest of a family that was always refused, and put the rest of the run on hold."""
    if not outcome.may_halve:
        return
    connection = act.connection
    refused = find_refused(connection, opened.batch_id)
    if refused is None:
        return
    most = _most_refusals(refused.root_size)
    if refusals_in_a_row(connection, refused.root_id, most=most) < most:
        return
    reason = outcome.error or "refused"
    error = f"{most} requests in a row were refused: {reason}"
    rest = reject_family(connection, refused.root_id, error=error, now=act.now)
    if not rest:
        return
    if anything_waits(connection, opened.run_id):
        place_hold(act, Held(run_id=opened.run_id), HoldKind.REFUSED, reason=reason)
    act.record(
        EventKind.HALVING_STOPPED,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        reason=reason,
        detail={"rejected_batches": [row.seq for row in rest], "recipients": sum(row.size for row in rest)},
    )


def _most_refusals(size: int) -> int:
    """One bad user explains one refusal on each level of halving; after two more in a row the cause is another one."""
    return ceil(log2(size)) + 2
