"""Say that a run was opened held, and how it is let go."""

from __future__ import annotations

from typing import Any

from campaigns.cli.kit.output import note


def say_held(opened: dict[str, Any]) -> None:
    """A note for people when what they opened is held; nothing when it is not."""
    if opened["held"] is not None:
        run = "it would be" if opened["run_id"] is None else f"run {opened['run_id']} is"
        note(
            f"Note: {run} held ({opened['held']}). See at the vendor whether its fans have it, then send it by "
            f"`campaigns runs resume {opened['run_id'] or 'RUN'} --reason TEXT`, or cancel it."
        )
