"""Questions about an account: how many workers may ask by themselves, and what one leaves that got no answer."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.states import HoldKind
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.reconcile.questions import ask_failures, ask_later, asked_by_themselves
from campaigns.store.sending.lanes import hold_lane, lock_lanes

AGAIN_SECONDS = 5.0
"""How soon a question is asked again that got no answer; after each failure in a row twice as late ..."""

LONGEST_AGAIN_SECONDS = 600.0
"""... but not later than this, unless the vendor says so."""


class QuestionsUsedUp(Exception):
    """Workers may ask no more about a run by themselves; the message says so to people."""


def require_questions_left(sender: LaneContext, connection: Connection, run_id: int) -> None:
    """Raise QuestionsUsedUp when a run has used its questions; whoever asks for a search allows as many again."""
    most = sender.limits.questions_per_run
    if asked_by_themselves(connection, run_id) >= most:
        raise QuestionsUsedUp(
            f"{most} questions were asked about the run, which is all that CAMPAIGNS_QUESTIONS_PER_RUN allows; "
            f"`campaigns reconcile {run_id}` allows as many again"
        )


def put_off(sender: LaneContext, account_id: str, obstacle: VendorAway | VendorRefused | PacerAway) -> int:
    """Ask later about the account; returns how many questions in a row have failed, 0 when none was asked now.

    A refusal that concerns the account or the key holds it, since a person must mend that; then nothing is asked.
    """
    with sender.store.write() as connection:
        kind = obstacle.hold if isinstance(obstacle, VendorRefused) else None
        if kind is None or kind is HoldKind.ACCOUNT:
            hold_lane(connection, account_id)
        else:
            lock_lanes(connection)
        now = sender.store.now(connection)
        failures = ask_failures(connection, account_id)
        if isinstance(obstacle, PacerAway):
            wait = AGAIN_SECONDS if obstacle.after_seconds is None else obstacle.after_seconds
            ask_later(connection, account_id, until=now + timedelta(seconds=wait), failures=failures)
            return 0
        failures += 1
        told = (obstacle.after_seconds if isinstance(obstacle, VendorAway) else None) or 0.0
        until = now + timedelta(seconds=max(told, back_off(failures)))
        ask_later(connection, account_id, until=until, failures=failures)
        if kind is not None:
            held = Held(account_id=account_id) if kind is HoldKind.ACCOUNT else Held(upstream=sender.upstream)
            place_hold(Act(connection, now, sender.owner), held, kind, reason=str(obstacle))
    return failures


def back_off(failures: int) -> float:
    """Seconds until the next question after so many in a row without an answer."""
    return min(LONGEST_AGAIN_SECONDS, AGAIN_SECONDS * 2.0 ** min(failures - 1, 16))
