"""How people read and type the IDs of runs and campaigns: `r12` and `c12`. In JSON they are numbers."""

from __future__ import annotations

from collections.abc import Iterable

RUN_LETTER, CAMPAIGN_LETTER = "r", "c"


def run_name(run_id: int | None) -> str:
    """A run as people read and type it: `r12`; `RUN` for one that does not exist yet."""
    return "RUN" if run_id is None else f"{RUN_LETTER}{run_id}"


def run_names(run_ids: Iterable[int]) -> str:
    """Several runs: `r12, r13`."""
    return ", ".join(map(run_name, run_ids))


def campaign_name(campaign_id: int | None) -> str:
    """A campaign as people read and type it: `c12`; `ID` for one that nobody has named."""
    return "ID" if campaign_id is None else f"{CAMPAIGN_LETTER}{campaign_id}"
