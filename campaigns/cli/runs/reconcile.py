"""`reconcile`: look for unknowns in the vendor's queue now."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.session import RUN, actor, opened


@click.command()
@click.argument("run_id", type=RUN, metavar="[RUN]", required=False)
@json_option
def reconcile(run_id: int | None, *, as_json: bool) -> None:
    """Look for unknown batches in the vendor's queue now.

    Of one run, or of all; also those that were given up. A worker makes the looks; the account's lane waits for them.
    """
    from campaigns.flow.reconcile.search import ask_to_look

    with opened() as parts:
        asked = ask_to_look(parts.store, run_id, actor=actor())
    show(asked, as_json=as_json, people=lambda: _say(asked))


def _say(asked: dict[str, Any]) -> None:
    batches = "1 unknown batch" if asked["batches"] == 1 else f"{asked['batches']} unknown batches"
    click.echo(f"{batches} will be looked for now; `campaigns runs show {asked['runs'][0]}` tells what came of it.")
