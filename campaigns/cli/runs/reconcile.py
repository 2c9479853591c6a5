"""`reconcile`: search the vendor's queue for unknown batches now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import counted, json_option, show
from campaigns.cli.kit.session import RUN, actor, opened
from campaigns.domain.ids import run_name, run_names

if TYPE_CHECKING:
    from campaigns.flow.reconcile.search import SearchAsked


@click.command()
@click.argument("run_id", type=RUN, metavar="[RUN]", required=False)
@json_option
def reconcile(run_id: int | None, *, as_json: bool) -> None:
    """Search the vendor's queue for unknown batches now.

    Of one run, or of all; also those that were given up. A worker makes the search; the account sends nothing until it
    is done.
    """
    from campaigns.flow.reconcile.search import ask_to_look

    with opened() as parts:
        asked = ask_to_look(parts.store, run_id, actor=actor())
    show(asked, as_json=as_json, people=lambda: click.echo(_sentence(asked)))


def _sentence(asked: SearchAsked) -> str:
    batches = counted(asked.batches, "unknown batch")
    if len(asked.runs) == 1:
        return f"A worker searches for {batches} now; `campaigns runs show {run_name(asked.runs[0])}` shows the result."
    runs = run_names(asked.runs)
    return f"A worker searches for {batches} of runs {runs} now; `campaigns runs show RUN` shows the result for one."
