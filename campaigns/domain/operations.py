"""Operations: the acts that can be done to many runs at once, and what becomes of each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaigns.domain.access.rights import HOLD_BACK, Right
from campaigns.domain.states import RunState


class OperationAct(StrEnum):
    """What an operation does."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RERUN = "rerun"  # to those who were rejected
    DECIDE = "decide"  # what became of unknown batches
    RECALL = "recall"
    VERIFY = "verify"  # the books and the audit; it is about no run in particular


class TargetState(StrEnum):
    """What became of one run of an operation."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"  # refused, with a sentence
    LEFT = "left"  # the operation was aborted before


@dataclass(frozen=True, slots=True)
class BulkFilter:
    """Which runs an operation is about; a field that is None leaves none out."""

    campaign: int | None = None
    account: str | None = None
    state: RunState | None = None
    since: datetime | None = None  # opened at that time or later
    runs: Sequence[int] | None = None  # of these


OF_BATCHES = frozenset({OperationAct.RERUN, OperationAct.DECIDE})
"""Acts that are about some batches of a run, which are fixed with it."""

NEEDS: dict[OperationAct, frozenset[Right]] = {
    OperationAct.PAUSE: HOLD_BACK,
    OperationAct.CANCEL: HOLD_BACK,
    OperationAct.RESUME: frozenset({Right.SENDER}),
    OperationAct.RERUN: frozenset({Right.SENDER}),
    OperationAct.DECIDE: frozenset({Right.SENDER}),
    OperationAct.RECALL: frozenset({Right.SENDER}),
    OperationAct.VERIFY: HOLD_BACK,
}
"""The rights of which one is needed, as for the same act on one run."""
