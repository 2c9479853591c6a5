"""A table of the next runs, on the clocks of the schedule's zone, with the days on which those change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click

from campaigns.cli.kit.tables import Column, Kind, print_table


def print_runs(moments: Iterable[datetime], zone: str | None) -> None:
    """Print a table of runs to come, after an empty line; nothing when there are none.

    Without a zone the times are on the clocks of this machine.
    """
    from campaigns.domain.clocks import clock_change, zone_of

    rows = []
    name = zone
    for moment in moments:
        local = moment.astimezone(zone_of(zone) if zone is not None else None)
        name = zone or local.tzname()
        change = clock_change(zone, local.date()) if zone is not None else None
        rows.append((f"{local:%A}", local.isoformat(sep=" ", timespec="minutes"), change))
    if rows:
        click.echo()
        columns = (Column("day", Kind.NAME), Column(f"next run, {name}", Kind.NAME), Column("clocks", rank=1))
        print_table(columns, rows, empty="")
