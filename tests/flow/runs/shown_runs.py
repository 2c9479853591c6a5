"""A run in the middle of its sending, for tests of what is said about it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import BatchState, HoldKind, RunKind, RunState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.flow.runs.outlook import ShownRun
from campaigns.store.views.runs import HoldView

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

LIMITS = Limits(
    rate_per_minute=1000,
    reserve=0.05,
    account_gap_seconds=1.0,
    request_timeout_seconds=60,
    lease_seconds=90,
    max_attempts=8,
    batch_size=500,
)

ZERO = {
    *("accepted", "saved", "rejected", "unknown", "cancelled", "recalled", "credits_used", "questions"),
    *("question_credits", "expired"),
}
EMPTY_LISTS = {"waits_for_recall_of", "holds", "sending_hours"}
SOME: dict[str, Any] = {
    "id": 7,
    "campaign_id": 3,
    "revision": 1,
    "account": "acct_one",
    "upstream": "sandbox",
    "kind": RunKind.LAUNCH,
    "state": RunState.SENDING,
    "planned": 1000,
    "recipients": 1000,
    "waiting": 1000,
    "excluded": {},
    "batches": {BatchState.READY: 100},
    "whole_list": False,
    "actor": "operator:anna",
    "created_at": NOW,
    "text": "Hello",
}


def a_run(**facts: Any) -> ShownRun:
    """Run r7 with 100 batches of ten users, none of them sent yet, changed by `facts`."""
    values: dict[str, Any] = {field.name: None for field in fields(ShownRun)}
    values.update(dict.fromkeys(ZERO, 0))
    values.update({name: [] for name in EMPTY_LISTS})
    given = {**facts, "state": RunState(facts.get("state", RunState.SENDING))}
    return ShownRun(**{**values, **SOME, **given})


def held(kind: str, reason: str = "no credits are left") -> HoldView:
    """An open hold on it."""
    return HoldView(1, HoldScope.RUN, HoldKind(kind), reason, "worker:one", NOW)


def held_account(kind: str, reason: str) -> HoldView:
    """An open hold on its account."""
    return replace(held(kind, reason), scope=HoldScope.ACCOUNT)
