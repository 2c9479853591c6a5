"""Permits of the shared rate budget for a DELETE and the look before it, and the report to the pacer afterwards.

A DELETE uses the senders' share, in place of a message of the account; the look is a question and uses the reserve.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.errors import PacerAway
from campaigns.domain.sending.pacing import LONGEST_WAIT_IN_MEMORY, PERMIT_SECONDS
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.sending.ask_vendor import Permitted, forget_permit, permit_to_ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import LaneClaim

AWAY_SECONDS = 2.0
"""How soon a recall goes on after the shared rate budget could not be reached, in seconds."""


@dataclass(frozen=True, slots=True)
class Permits:
    """Taken before anything is committed, so that no look is made for a DELETE that has no room."""

    to_delete: Permitted
    to_look: Permitted | None  # None: the DELETE is made at once


@dataclass(frozen=True, slots=True)
class Wait:
    """There is no permit now: how long to wait in seconds, and for what."""

    seconds: float
    why: str


def take_permits(sender: LaneContext, claim: LaneClaim, *, looks_first: bool) -> Permits | Wait:
    """Slots for a DELETE, under the fence that its request will have, and for a look at the message."""
    to_delete = _acquire(sender, permit_key(claim.name, claim.fence + 1, claim.incarnation), claim.account_id)
    if isinstance(to_delete, Wait) or not looks_first:
        return to_delete if isinstance(to_delete, Wait) else Permits(to_delete, None)
    try:
        return Permits(to_delete, permit_to_ask(sender, claim.account_id))
    except PacerAway as away:
        forget_permit(sender, to_delete)
        return _away(away)


def give_back(sender: LaneContext, permits: Permits) -> None:
    """Give slots back that were not used."""
    forget_permit(sender, permits.to_delete)
    if permits.to_look is not None:
        forget_permit(sender, permits.to_look)


def still_permitted(sender: LaneContext, permits: Permits) -> bool:
    """Whether the committed DELETE still has its slot; a slot that is too old by now is asked for again."""
    permit = permits.to_delete
    if sender.monotonic() - permit.at <= PERMIT_SECONDS:
        return True
    return isinstance(_acquire(sender, permit.key, permit.account_id), Permitted)


def tell_pacer(sender: LaneContext, permits: Permits, outcome: UnsendOutcome) -> None:
    """Report the outcome of the DELETE. Without a reply the vendor may still count it, so its slot stays taken."""
    permit, report = permits.to_delete, outcome.report
    try:
        if outcome.http_status is not None:
            sender.pacer.answered(
                permit.key, limit_minute=report.limit_minute, remaining_minute=report.remaining_minute
            )
        elif outcome.kind is UnsendKind.NOT_SENT:
            sender.pacer.refund(permit.key, permit.account_id)
        if outcome.kind is UnsendKind.THROTTLED:
            sender.pacer.cool_down(permit.account_id, outcome.retry_after_seconds or 0.0)
    except PacerAway:
        return  # the slot is freed by itself, later than it could be; lane and recall wait by their own times


def _acquire(sender: LaneContext, key: str, account_id: str) -> Permitted | Wait:
    """Take a slot. A short wait, such as the account's gap, is spent here: else the lane would send in between."""
    waited = 0.0
    while True:
        permitted = Permitted(key, account_id, sender.monotonic())
        try:
            permit = sender.pacer.acquire(key, account_id, hold_seconds=sender.limits.lease_seconds)
        except PacerAway as away:
            return _away(away)
        if permit.granted:
            return permitted
        waited += permit.wait_seconds
        if waited > LONGEST_WAIT_IN_MEMORY or sender.stopping():
            return Wait(permit.wait_seconds, permit.why)
        sender.sleep(permit.wait_seconds)


def _away(away: PacerAway) -> Wait:
    return Wait(away.after_seconds or AWAY_SECONDS, "the shared rate budget")
