"""Say that a run was opened held, and how to let it go on."""

from __future__ import annotations

from campaigns.cli.kit.output import note
from campaigns.domain.ids import run_name


def say_held(run_id: int | None, held: str | None) -> None:
    """A note for people when the run that they opened is held; `run_id` is None for one that would be opened."""
    if held is None:
        return
    run = run_name(run_id)
    what = "it would be" if run_id is None else f"run {run} is"
    note(
        f"Note: {what} held ({held}). Look at the vendor whether its fans have it, then send it by "
        f"`campaigns runs resume {run} --reason TEXT`, or cancel it."
    )
