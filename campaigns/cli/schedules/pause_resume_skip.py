"""`pause`, `resume`, `schedule skip-next` and `schedule backfill`: what operators do to a campaign's schedule."""

from __future__ import annotations

from typing import Any, Literal

import click

from campaigns.cli.kit.output import counted, json_option, moment, note, print_table, show
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.cli.schedules.explain import schedule
from campaigns.inputs.times import parse_moment

campaign_argument = click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit.")
may_say_reason = click.option("--reason", metavar="TEXT", help="Why, for the audit.")

__all__ = ["pause", "resume", "schedule"]


@click.command()
@campaign_argument
@reason_option
@json_option
def pause(campaign_id: int, *, reason: str, as_json: bool) -> None:
    """Pause a campaign's schedule.

    Occurrences that come due meanwhile are skipped, with the reason; runs that are open go on.
    """
    from campaigns.flow.schedules.pause_resume_skip import pause_schedule

    with opened() as parts:
        changed = pause_schedule(parts.store, campaign_id, reason=reason, actor=actor())
    words = f"The schedule of campaign {campaign_id} is paused: what comes due is skipped until `campaigns resume`."
    if changed["recalling"]:
        words += f" Handed over and to be taken back: run {', '.join(map(str, changed['recalling']))}."
    show(changed, as_json=as_json, people=lambda: click.echo(words))


@click.command()
@campaign_argument
@reason_option
@json_option
def resume(campaign_id: int, *, reason: str, as_json: bool) -> None:
    """Let a paused schedule go on.

    What was skipped meanwhile stays so; `schedule backfill` sends it after all.
    """
    from campaigns.flow.schedules.pause_resume_skip import resume_schedule

    with opened() as parts:
        changed = resume_schedule(parts.store, campaign_id, reason=reason, actor=actor())
    words = f"The schedule of campaign {campaign_id} goes on; its next occurrence is at {moment(changed['next_at'])}."
    show(changed, as_json=as_json, people=lambda: click.echo(words))


@schedule.command("skip-next")
@campaign_argument
@may_say_reason
@json_option
def skip_next(campaign_id: int, *, reason: str | None, as_json: bool) -> None:
    """Skip the next occurrence of a campaign.

    Those after it are sent.
    """
    from campaigns.flow.schedules.pause_resume_skip import skip_next as skip

    with opened() as parts:
        changed = skip(parts.store, campaign_id, reason=reason, actor=actor())
    show(changed, as_json=as_json, people=lambda: click.echo(_skipped_words(changed)))


@schedule.command()
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
@click.option("--dry-run", is_flag=True, help="Show what would be opened; open nothing.")
@may_say_reason
@json_option
def backfill(
    campaign_id: int,
    *,
    since: str,
    until: str,
    zone: str | None,
    overlap: Literal["queue", "skip"],
    dry_run: bool,
    reason: str | None,
    as_json: bool,
) -> None:
    """Send the occurrences of a past period that were not sent.

    Those that were skipped, or never opened; one after the other, with what the campaign says now.
    """
    from campaigns.flow.schedules.backfill import Period, preview_backfill
    from campaigns.flow.schedules.backfill import backfill as open_missed

    period = Period(parse_moment(since, zone, field="from"), parse_moment(until, zone, field="to"), overlap)
    with opened() as parts:
        if dry_run:
            found = preview_backfill(parts.store, campaign_id, period, upstream=parts.upstream_name)
        else:
            found = open_missed(
                parts.store, campaign_id, period, upstream=parts.upstream_name, reason=reason, actor=actor()
            )
    show(found, as_json=as_json, people=lambda: _say_backfill(found))


def _skipped_words(changed: dict[str, Any]) -> str:
    after = "it was the last one" if changed["next_at"] is None else f"the next one is at {moment(changed['next_at'])}"
    return f"The occurrence of campaign {changed['id']} at {moment(changed['skipped'])} is skipped; {after}."


def _say_backfill(found: dict[str, Any]) -> None:
    columns = ("scheduled_for", "was", "run_id", "after_run_id")
    print_table(
        ("scheduled for", "was", "run", "after run"),
        ([line[column] for column in columns] for line in found["runs"]),
        empty="There is nothing to backfill: every occurrence of the period was sent.",
    )
    if found["runs"]:
        runs = counted(len(found["runs"]), "run")
        note(f"{runs} would be opened; leave out --dry-run to do it." if found["dry_run"] else f"{runs} opened.")
    if found["left"]:
        note(f"{counted(found['left'], 'occurrence')} left as they are: overlap rule skip.")
