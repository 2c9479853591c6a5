"""The plan of what is in the form: who gets it and who does not, what it costs, what a fan sees, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.flow.campaigns.preview_draft import DraftPreview
from campaigns.flow.planning.preview import Preview
from campaigns.web.pages.campaigns.ahead import RunAhead, runs_ahead
from campaigns.web.pages.campaigns.form.placed import Faults


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """What the region of the preview shows; nothing before anything was typed."""

    plan: Preview | None = None
    faults: Faults = field(default_factory=Faults)
    ahead: Sequence[RunAhead] = ()


def shown_plan(seen: DraftPreview | None, faults: Faults) -> ShownPlan:
    """The plan with its faults, those of the form and those that a launch would find."""
    if seen is None:
        return ShownPlan(faults=faults)
    faults.add_clauses(seen.faults)
    plan = seen.preview
    return ShownPlan(plan, faults, () if plan is None else runs_ahead(plan.next_runs, plan.zone))
