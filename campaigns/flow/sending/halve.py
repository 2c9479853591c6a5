"""Halve a batch that was refused because of one user, until that one stands alone; or as too large, until it is not.

Everybody else is accepted once. It costs about 2 log2(n) requests for each bad user, and stops when the refusals show
that the cause is not one user: then the rest is rejected, and the run is held with the vendor's words.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
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


def in_view_of_size(connection: Connection, opened: OpenAttempt, outcome: Outcome) -> Outcome:
    """The outcome with what an operator can do about a request that is too large for the vendor; others as they are.

    Whole lists and one-use media go out in one request or not at all: their run is held, and the batch waits.
    """
    if not outcome.is_too_large:
        return outcome
    refused = find_refused(connection, opened.batch_id)
    if refused is None:
        return _held(outcome, "a request for whole lists cannot be made smaller; shorten the text")
    if from_json(message_of_run(connection, opened.run_id)).uses_one_use_media:
        return _held(outcome, "one-use media go out in one request; use media of the vault and lower --batch-size")
    cure = "lower --batch-size" if len(refused.users) > 1 else "shorten the text"
    return replace(outcome, error=one_line(f"{cure}: {outcome.error}"))


def _held(outcome: Outcome, cure: str) -> Outcome:
    return replace(
        outcome,
        kind=OutcomeKind.HELD,
        hold=HoldOrder(HoldScope.RUN, HoldKind.REFUSED),
        error=one_line(f"{cure}: {outcome.error}"),
        is_too_large=False,
    )


def may_halve(connection: Connection, opened: OpenAttempt, outcome: Outcome) -> Refused | None:
    """The refused batch if halving it may find the one bad user; else None, and it is rejected.

    Never whole lists or one-use media, a single user, or a run that sends no more; and not when so many requests of
    its family were refused in a row, this one among them, that one user cannot be the cause.
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


def halve(
    connection: Connection, opened: OpenAttempt, refused: Refused, outcome: Outcome, *, actor: str, now: datetime
) -> None:
    """Put two halves in the place of a batch that has become `split`."""
    users = list(refused.users)
    middle = len(users) // 2
    halves = [pack(BitMap64(users[:middle])), pack(BitMap64(users[middle:]))]
    seqs = add_halves(connection, refused, halves, smallest_first=outcome.is_too_large, now=now)
    Act(connection, now, actor).record(
        EventKind.BATCH_HALVED,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        detail={"halves": seqs},
    )


def stop_halving(connection: Connection, opened: OpenAttempt, outcome: Outcome, *, actor: str, now: datetime) -> None:
    """After a rejection: reject the rest of a family that was refused throughout, and hold what is left of the run."""
    if not outcome.may_halve:
        return
    refused = find_refused(connection, opened.batch_id)
    if refused is None:
        return
    most = _most_refusals(refused.root_size)
    if refusals_in_a_row(connection, refused.root_id, most=most) < most:
        return
    words = outcome.error or "refused"
    rest = reject_family(connection, refused.root_id, why=f"{most} requests in a row were refused: {words}", now=now)
    if not rest:
        return
    if anything_waits(connection, opened.run_id):
        place_hold(Act(connection, now, actor), Held(run_id=opened.run_id), HoldKind.REFUSED, reason=words)
    Act(connection, now, actor).record(
        EventKind.HALVING_STOPPED,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        reason=words,
        detail={"rejected_batches": [row.seq for row in rest], "recipients": sum(row.size for row in rest)},
    )


def _most_refusals(size: int) -> int:
    """One bad user explains a refusal on each level of halving; two more in a row, and it is something else."""
    return ceil(log2(size)) + 2
