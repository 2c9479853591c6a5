"""Operations: the acts that can be done to many runs at once, and what becomes of each run."""

from __future__ import annotations

from enum import StrEnum

from campaigns.domain.access.rights import HOLD_BACK, LOOK, Right


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


BULK = tuple(act for act in OperationAct if act is not OperationAct.VERIFY)
"""The acts that are done to each run that fits a filter."""

OF_BATCHES = frozenset({OperationAct.RERUN, OperationAct.DECIDE})
"""Acts that are about some batches of a run, which are fixed with it."""

NEEDS: dict[OperationAct, frozenset[Right]] = {
    OperationAct.PAUSE: HOLD_BACK,
    OperationAct.CANCEL: HOLD_BACK,
    OperationAct.RESUME: frozenset({Right.SENDER}),
    OperationAct.RERUN: frozenset({Right.SENDER}),
    OperationAct.DECIDE: frozenset({Right.SENDER}),
    OperationAct.RECALL: frozenset({Right.SENDER}),
    OperationAct.VERIFY: LOOK,
}
"""The rights of which one is needed, as for the same act on one run."""
