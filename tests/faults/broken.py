"""Broken builds for the negative controls: celery with one rule of the product taken away, in a real process.

`python -m tests.faults.broken` is `python -m celery` with the build that CAMPAIGNS_BROKEN names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from celery.__main__ import main

from campaigns.adapters.redis import fence_book
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.reconcile import abandoned
from campaigns.flow.sending import send
from campaigns.ports import Remembered
from campaigns.store.sending.attempts import OpenAttempt, settle_batch


def abandoned_is_ready() -> None:
    """An attempt whose worker went away counts as not sent."""

    def make_ready(connection: Any, opened: OpenAttempt, _: BatchState, **how: Any) -> bool:
        return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})

    abandoned.ABANDONED = Outcome(OutcomeKind.NOT_SENT, error="its worker went away")
    vars(abandoned)["settle_batch"] = make_ready


def lost_answer_is_retried() -> None:
    """A request without an answer counts as not sent."""
    record = vars(send)["record_outcome"]

    def record_as_not_sent(store: Any, opened: Any, outcome: Outcome, *args: Any, **how: Any) -> Any:
        if outcome.kind is OutcomeKind.UNKNOWN:
            outcome = replace(outcome, kind=OutcomeKind.NOT_SENT)
        return record(store, opened, outcome, *args, **how)

    vars(send)["record_outcome"] = record_as_not_sent


def restore_is_not_seen() -> None:
    """Nothing outside the database remembers a fence."""
    book = vars(fence_book)["KeptFences"]
    book.compare = lambda _self, _lane, _fence, _hosts: Remembered(0)
    book.claim = lambda _self, _lane, _fence, _hosts: Remembered(0)
    book.note = lambda _self, _lane, _fence: True
    book.see = lambda _self, _lanes: []


BUILDS: dict[str, Callable[[], None]] = {
    "abandoned is ready": abandoned_is_ready,
    "lost answer is retried": lost_answer_is_retried,
}
"""Each of them doubles users when a worker dies over a request."""

BUILDS_THAT_FORGET: dict[str, Callable[[], None]] = {
    "restore is not seen": restore_is_not_seen,
}
"""Each of them doubles users when a database is put back."""

if __name__ == "__main__":
    {**BUILDS, **BUILDS_THAT_FORGET}[os.environ["CAMPAIGNS_BROKEN"]]()
    sys.exit(main())
