"""What a person was shown before an answer is what is done: a picture that has changed since is refused."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.domain.errors import NotAllowed
from campaigns.store.holds.reach import WaitingRun

__all__ = ["WaitingRun", "changed", "runs_in_numbers"]


def runs_in_numbers(runs: Sequence[WaitingRun]) -> str:
    """Such as `2 runs to 1,200 recipients`; a run to whole lists, or one that is not planned yet, has no number."""
    if not runs:
        return "no run"
    recipients = sum(run.waiting or 0 for run in runs if not run.whole_list)
    parts = [f"{recipients:,} recipient{'' if recipients == 1 else 's'}"] if recipients else []
    if any(run.whole_list for run in runs):
        parts.append("whole lists")
    if any(run.waiting is None for run in runs):
        parts.append("recipients who are not counted yet")
    return f"{len(runs):,} run{'' if len(runs) == 1 else 's'} to {' and '.join(parts)}"


def changed(shown: str, seen: str) -> NotAllowed:
    """The refusal of an act whose picture has changed while a person was asked; it names both pictures."""
    now = seen if seen != shown else f"{seen}, but not the same"
    return NotAllowed(
        f"This has changed since the question. Shown: {shown}. Now: {now}. Nothing was done; look at it again.",
        code="changed",
    )
