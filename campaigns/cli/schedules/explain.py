"""`schedule explain`: a schedule in words, and its next runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import json_option, note, show
from campaigns.cli.kit.runs_table import print_runs
from campaigns.inputs.times import parse_moment

if TYPE_CHECKING:
    from campaigns.domain.schedules.explanation import Explanation


@click.command()
@click.argument("expression", metavar="EXPR")
@click.option("--zone", metavar="ZONE", required=True, help="The time zone of its clocks, such as Europe/Berlin.")
@click.option("--starting", metavar="TIME", help="The first local time, for `every 2 weeks`.")
@click.option("--from", "since", metavar="TIME", help="Show the runs from this time on, instead of now.")
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many runs to show.")
@json_option
def explain(expression: str, *, zone: str, starting: str | None, since: str | None, count: int, as_json: bool) -> None:
    """Explain an expression in words and show its next runs.

    EXPR is a cron expression of five fields, or `every 2 weeks` with --starting. Days on which the clocks change
    are marked. Needs no database.
    """
    from campaigns.domain.schedules.explanation import explain as explain_schedule
    from campaigns.inputs.expressions import read_expression

    start = parse_moment(since, zone, field="from") if since is not None else datetime.now(UTC)
    explained = explain_schedule(read_expression(expression, zone, starting, now=start), start, count)
    show(explained, as_json=as_json, people=lambda: _print(explained, zone))


def _print(explained: Explanation, zone: str) -> None:
    click.echo(f"{explained.words[0].upper()}{explained.words[1:]}.")
    print_runs(explained.next, zone)
    for sentence in explained.notes:
        note(f"Note: {sentence}.")
