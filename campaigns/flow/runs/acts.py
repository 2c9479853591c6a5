"""What a person may do to a run now: what its state allows, and the rights that each act needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from campaigns.domain.access.rights import HOLD_BACK, Principal, Right
from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.flow.runs.outlook import later
from campaigns.store.views.progress.run_page import RunPage

SENDS = frozenset({Right.SENDER})


class RunAct(StrEnum):
    """An act on a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SEARCH = "search"
    DECIDE = "decide"
    RERUN = "rerun"
    RECALL = "recall"


NEEDS: dict[RunAct, frozenset[Right]] = {
    RunAct.PAUSE: HOLD_BACK,
    RunAct.CANCEL: HOLD_BACK,
    RunAct.RESUME: SENDS,
    RunAct.SEARCH: SENDS,
    RunAct.DECIDE: SENDS,
    RunAct.RERUN: SENDS,
    RunAct.RECALL: SENDS,
}
"""One of these rights is needed."""


def acts_on(run: RunPage, by: Principal, *, now: datetime) -> list[RunAct]:
    """The acts that the state of the run allows and that `by` may do. A verb may still refuse, and says why."""
    return [act for act in _possible(run, now) if by.may(NEEDS[act])]


def _possible(run: RunPage, now: datetime) -> Iterator[RunAct]:
    own = {hold.kind for hold in run.holds if hold.scope is HoldScope.RUN}
    is_open, is_recalled_now = run.state in RUN_OPEN, run.recall is not None and run.recall.finished_at is None
    if own:
        yield RunAct.RESUME
    if is_open and HoldKind.OPERATOR not in own:
        yield RunAct.PAUSE
    is_handed_over = bool(run.accepted) and later(run.scheduled_date, now) is not None and not is_recalled_now
    if (is_open and run.state is not RunState.CANCELLING) or is_handed_over:
        yield RunAct.CANCEL
    if run.batches.get(BatchState.UNKNOWN):
        yield RunAct.DECIDE
        yield RunAct.SEARCH
    unreached = run.recipients[BatchState.REJECTED] + run.recipients[BatchState.CANCELLED]
    if unreached and not is_open and not run.whole_list and not run.is_archived and run.campaign_kind == "campaign":
        yield RunAct.RERUN
    is_out = run.accepted > run.recalled
    if is_out and not is_recalled_now and (not is_open or run.state is RunState.CANCELLING):
        yield RunAct.RECALL
