"""The runs that go on when a hold is lifted, as a person reads them before agreeing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from campaigns.cli.kit.output import counted
from campaigns.domain.ids import run_name

if TYPE_CHECKING:
    from campaigns.flow.accounts.as_shown import WaitingRun

LISTED = 10
"""At most this many runs are listed one by one."""


def run_lines(runs: Sequence[WaitingRun]) -> Iterator[str]:
    """A line for each of the first runs, and how many there are in all."""
    for run in runs[:LISTED]:
        yield f"Run {run_name(run.run_id)} ({run.campaign}) on {run.account} goes on: {_left(run)}."
    if len(runs) > LISTED:
        yield f"... {counted(len(runs), 'run')} in all."


def people_of(runs: Sequence[WaitingRun]) -> int | None:
    """How many recipients they still have; None where the vendor alone knows, or a run is not planned yet."""
    if any(run.whole_list or run.waiting is None for run in runs):
        return None
    return sum(run.waiting or 0 for run in runs)


def _left(run: WaitingRun) -> str:
    if run.waiting is None:
        return "its recipients are not counted yet"
    return "whole lists left" if run.whole_list else f"{counted(run.waiting, 'recipient')} left"
