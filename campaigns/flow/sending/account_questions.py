"""Questions about an account: how many workers may ask on their own, and what happens when one gets no answer."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.reconcile.questions import ask_failures, ask_later, asked_by_themselves
from campaigns.store.sending.lanes import lock_for_hold

AGAIN_SECONDS = 5.0
"""Wait after a question without an answer, in seconds; each further failure in a row doubles it."""

LONGEST_AGAIN_SECONDS = 600.0
"""The longest such wait, in seconds, unless the vendor asks for a longer one."""


class QuestionsUsedUp(Exception):
    """Workers may ask no more questions about a run on their own. The message is shown to people."""


def require_questions_left(context: LaneContext, connection: Connection, run_id: int) -> None:
    """Raise QuestionsUsedUp when a run has used its questions. A search that an operator asks for allows more."""
    most = context.limits.questions_per_run
    if asked_by_themselves(connection, run_id) >= most:
        raise QuestionsUsedUp(
            f"{most} questions were asked about the run, which is all that CAMPAIGNS_QUESTIONS_PER_RUN allows until an "
            "operator asks for another search"
        )


def put_off(context: LaneContext, account_id: str, obstacle: VendorAway | VendorRefused | PacerAway) -> int:
    """Postpone questions about the account; returns how many in a row have failed, 0 when none was asked now.

    A refusal of the account or of the key puts it on hold until a person has fixed that; then nothing is asked.
    """
    with context.store.write() as connection:
        kind = obstacle.hold if isinstance(obstacle, VendorRefused) else None
        is_teams = kind is not None and kind is not HoldKind.ACCOUNT
        lock_for_hold(connection, account_id, HoldScope.TEAM if is_teams else None)
        act = context.act(connection)
        failures = ask_failures(connection, account_id)
        if isinstance(obstacle, PacerAway):
            wait = AGAIN_SECONDS if obstacle.after_seconds is None else obstacle.after_seconds
            ask_later(connection, account_id, until=act.now + timedelta(seconds=wait), failures=failures)
            return 0
        failures += 1
        wait = (obstacle.after_seconds if isinstance(obstacle, VendorAway) else None) or 0.0
        until = act.now + timedelta(seconds=max(wait, back_off(failures)))
        ask_later(connection, account_id, until=until, failures=failures)
        if kind is not None:
            held = Held(upstream=context.upstream) if is_teams else Held(account_id=account_id)
            place_hold(act, held, kind, reason=str(obstacle))
    return failures


def back_off(failures: int) -> float:
    """Seconds until the next question after `failures` in a row without an answer."""
    return min(LONGEST_AGAIN_SECONDS, AGAIN_SECONDS * 2.0 ** min(failures - 1, 16))
