"""`schedule backfill`: send the occurrences of a past period that were not sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted, json_option, note, show
from campaigns.cli.kit.remedies import in_words
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.cli.schedules.pause_resume_skip import campaign_argument, note_skipped, optional_reason
from campaigns.domain.ids import campaign_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.inputs.times import parse_moment

if TYPE_CHECKING:
    from campaigns.flow.schedules.backfill import Backfill
    from campaigns.wiring import Parts

FIRST_WORDS = 60
"""How many characters of the text the question shows."""

COLUMNS = (
    Column("scheduled for", Kind.NAME),
    Column("was", Kind.NAME),
    Column("run", Kind.RUN),
    Column("after run", Kind.RUN, rank=1),
)


@click.command()
@campaign_argument
@click.option("--from", "since", required=True, metavar="TIME", help="The first time to look at.")
@click.option("--to", "until", required=True, metavar="TIME", help="The last time to look at; it must have passed.")
@click.option("--zone", metavar="ZONE", help="In which zone the times are, unless they have an offset.")
@click.option(
    "--overlap",
    type=click.Choice(["queue", "skip"]),
    default="queue",
    show_default=True,
    help="Send one after the other, or only the first, if no run is open.",
)
@click.option("--before-created", is_flag=True, help="Times before the campaign was written are meant.")
@click.option("--dry-run", is_flag=True, help="Show what would be opened; open nothing.")
@optional_reason
@yes_option
@json_option
def backfill(
    campaign_id: int,
    *,
    since: str,
    until: str,
    zone: str | None,
    overlap: Literal["queue", "skip"],
    before_created: bool,
    dry_run: bool,
    reason: str | None,
    is_agreed: bool,
    as_json: bool,
) -> None:
    """Send the occurrences of a past period that were not sent.

    Those that were skipped, or never opened; one after the other, with what the campaign says now. Asks first.
    """
    from campaigns.flow.schedules.backfill import backfill as open_missed
    from campaigns.flow.schedules.backfill import preview_backfill, refuse_often
    from campaigns.flow.schedules.gaps import Period

    period = Period(parse_moment(since, zone, field="from"), parse_moment(until, zone, field="to"), overlap)
    with opened() as parts:
        shown = preview_backfill(
            parts.store, campaign_id, period, upstream=parts.upstream_name, actor=None if dry_run else actor()
        )
        note_skipped(shown.skipped)  # by the look itself, whatever is agreed to
        if not dry_run:
            refuse_often(shown)  # before anybody is asked
            skipped = shown.skipped
            _agree(parts, shown, is_agreed=is_agreed, before_created=before_created)
            shown = open_missed(
                parts.store,
                campaign_id,
                period,
                upstream=parts.upstream_name,
                reason=reason,
                actor=actor(),
                before_created=before_created or shown.before_created > 0,  # then a person has agreed to it
                agreed=None if is_agreed else shown,
            )
            shown = replace(shown, skipped=shown.skipped + skipped)
    show(shown, as_json=as_json, people=lambda: _print(shown))


def _agree(parts: Parts, shown: Backfill, *, is_agreed: bool, before_created: bool) -> None:
    """Ask for what needs a word: each refusal or missing option raises, and nothing is done."""
    from campaigns.domain.clocks import on_clocks

    if not shown.runs:
        return
    count = len(shown.runs)
    first, last = (on_clocks(run.scheduled_for, shown.zone) for run in (shown.runs[0], shown.runs[-1]))
    if shown.before_created:
        times = counted(shown.before_created, "time")
        agree(
            [f"The first one is {first}."],
            f"Send for {times} before campaign {campaign_name(shown.campaign_id)} was written?",
            people=None,
            is_agreed=before_created,
            option="--before-created",
        )
    summary = [
        vendor_in_force(parts.settings),
        f"Campaign {campaign_name(shown.campaign_id)} of {shown.account}, for {first}"
        + (f" to {last}." if count > 1 else "."),
        f"The first one says: {shown.text[:FIRST_WORDS]}",
    ]
    if shown.recipients is None:
        question, people = f"Send {counted(count, 'run')} to whole lists of {shown.account}?", None
    else:
        people = count * shown.recipients
        each = f", {people:,} messages in all" if count > 1 else ""
        question = f"Send {counted(count, 'run')} to {shown.recipients:,} fans of {shown.account}{each}?"
    agree(summary, question, people=people, is_agreed=is_agreed)


def _print(shown: Backfill) -> None:
    from campaigns.domain.clocks import on_clocks

    print_table(
        COLUMNS,
        ((on_clocks(run.scheduled_for, shown.zone), run.was, run.run_id, run.after_run_id) for run in shown.runs),
        empty="There is nothing to backfill: every occurrence of the period was sent.",
    )
    if shown.runs:
        runs = counted(len(shown.runs), "run")
        note(f"{runs} would be opened; leave out --dry-run to do it." if shown.dry_run else f"{runs} opened.")
    if shown.dry_run and shown.needs_often:
        ways = in_words([Remedy(Do.ALLOW_OFTEN, campaign=shown.campaign_id)])
        note(" ".join(["Note: the campaign does not allow more than one run in 24 hours.", *ways]))
    if shown.dry_run and shown.before_created:
        times = counted(shown.before_created, "run")
        note(f"Note: {times} for a time before the campaign was written; that needs --before-created.")
    if shown.left:
        note(f"{counted(shown.left, 'occurrence')} left as they are: overlap rule skip.")
