"""What a run does now, in words that every edge shows. An edge prints the time in them in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.domain.ids import run_name
from campaigns.domain.states import RUN_OPEN, RunState
from campaigns.flow.runs.outlook import RunWait, Wait
from campaigns.flow.runs.tonight import RunTonight

WAITS = {
    Wait.HOLD: "paused: {reason}",
    Wait.RECALL: "waits until run {run} is recalled",
    Wait.EARLIER_RUN: "waits until run {run} has ended",
    Wait.PLAN: "planning",
    Wait.SEARCH: "searching the vendor's queue for an unknown batch of run {run}",
    Wait.OWN_TIME: "not handed over; sent at {until}",
    Wait.HOURS: "outside its sending hours until {until}",
    Wait.LANE: "the account waits {left} more ({reason})",
    Wait.NEXT_BATCH: "its next batch goes at {until}",
    Wait.VENDOR: "with the vendor until {until}",
}
UNSENT_FIRST = "messages of {account} are unsent first"


@dataclass(frozen=True, slots=True)
class Words:
    """A text with names in braces, and their values; `{until}` is a time and `{left}` a length until then."""

    text: str
    until: datetime | None = None
    values: Mapping[str, str] = field(default_factory=dict)


def words_of_wait(wait: RunWait, account: str) -> Words:
    """What a run of this account waits for."""
    text = UNSENT_FIRST if wait.kind is Wait.RECALL and wait.run_id is None else WAITS[wait.kind]
    values = {"reason": wait.reason or "its turn", "run": run_name(wait.run_id), "account": account}
    return Words(text, wait.until, values)


def words_of_state(run: RunTonight) -> Words:
    """The state in words that say what happens next."""
    if run.paused is not None:
        return Words("paused: {kind}", values={"kind": run.paused.kind.replace("_", " ")})
    if run.after_run_id is not None:
        return Words("waits for {run}", values={"run": run_name(run.after_run_id)})
    if run.waits_until is not None and run.state is not RunState.CANCELLING:
        return Words("waits until {until}", run.waits_until)
    if run.searched and run.state in RUN_OPEN and not run.waiting:
        return Words("searches")
    return Words(run.state.replace("_", " "))
