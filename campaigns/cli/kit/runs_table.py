"""A table of the next runs, on the clocks of the schedule's zone, with the days on which those change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click

from campaigns.cli.kit.output import print_table


def print_runs(moments: Iterable[datetime | str], zone: str | None) -> None:
    """Print an empty line and the table; nothing when there are no runs. Without a zone: on UTC's clocks."""
    from campaigns.domain.clocks import clock_change, zone_of

    name = zone or "UTC"
    rows = []
    for moment in moments:
        time = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        local = time.astimezone(zone_of(name))
        rows.append(
            [f"{local:%A}", local.isoformat(sep=" ", timespec="minutes"), clock_change(name, local.date()) or ""]
        )
    if rows:
        click.echo()
        print_table(("day", "next run", "clocks"), rows, empty="")
