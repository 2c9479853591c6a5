"""The group `schedule` and its commands."""

from __future__ import annotations

import click

from campaigns.cli.schedules.backfill import backfill
from campaigns.cli.schedules.explain import explain
from campaigns.cli.schedules.pause_resume_skip import skip_next


@click.group()
def schedule() -> None:
    """See and steer when campaigns are due."""


schedule.add_command(explain)
schedule.add_command(skip_next)
schedule.add_command(backfill)
