"""`runs recall`: take back what the vendor has accepted of a run."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.kit.output import counted, json_option, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.runs.runs import given_reason, reason_option, run_argument, runs

__all__ = ["runs"]


@runs.command()
@run_argument
@reason_option
@json_option
def recall(run_id: int, *, reason: str, as_json: bool) -> None:
    """Take back what was accepted of a run.

    Every accepted batch is unsent, the newest first, by one request each; fans keep what they bought. Whoever was
    taken back is not sent to again by a rerun.
    """
    from campaigns.flow.recall.recall import recall_run

    with opened() as parts:
        asked = recall_run(parts.store, run_id, reason=given_reason(reason), actor=actor())
    show(asked, as_json=as_json, people=lambda: click.echo(_words(asked)))


def _words(asked: dict[str, Any]) -> str:
    out = f"{counted(asked['batches'], 'batch')} of run {asked['run_id']} will be taken back"
    begins = "" if asked["state"] != "cancelling" else ", once the request in flight is settled"
    unknown = f"; {counted(asked['unknown'], 'batch')} unknown cannot be" if asked["unknown"] else ""
    return f"{out}{begins}{unknown}. `campaigns runs watch {asked['run_id']}` shows it."
