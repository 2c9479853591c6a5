"""`pause`, `resume` and `schedule skip-next`: what operators do to a campaign's schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import counted, json_option, note, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.remedies import in_words
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.ids import campaign_name, run_name, run_names
from campaigns.domain.remedies import Do, Remedy

if TYPE_CHECKING:
    from campaigns.flow.schedules.pause_resume_skip import NextSkipped, SchedulePaused, ScheduleResumed

campaign_argument = click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
with_reason = reason_option("Why, for the audit.")
optional_reason = click.option("--reason", metavar="TEXT", help="Why, for the audit.")


@click.command()
@campaign_argument
@click.option("--runs", "with_runs", is_flag=True, help="Pause its open runs too.")
@with_reason
@json_option
def pause(campaign_id: int, *, with_runs: bool, reason: str, as_json: bool) -> None:
    """Pause a campaign's schedule.

    Occurrences that come due meanwhile are skipped, with the reason. Open runs go on; `runs pause` pauses one, and
    --runs all of the campaign at once.
    """
    from campaigns.flow.schedules.pause_resume_skip import pause_schedule

    with opened() as parts:
        paused = pause_schedule(parts.store, campaign_id, reason=reason, actor=actor(), with_runs=with_runs)
    show(paused, as_json=as_json, people=lambda: _print_paused(paused))


@click.command()
@campaign_argument
@with_reason
@json_option
def resume(campaign_id: int, *, reason: str, as_json: bool) -> None:
    """Let a paused schedule go on.

    What was skipped meanwhile stays skipped; `schedule backfill` sends it after all.
    """
    from campaigns.flow.schedules.pause_resume_skip import resume_schedule

    with opened() as parts:
        resumed = resume_schedule(parts.store, campaign_id, reason=reason, actor=actor())
    show(resumed, as_json=as_json, people=lambda: _print_resumed(resumed))


@click.command("skip-next")
@campaign_argument
@optional_reason
@json_option
def skip_next(campaign_id: int, *, reason: str | None, as_json: bool) -> None:
    """Skip the next occurrence of a campaign.

    Those after it are sent. A second call skips the one after it, too.
    """
    from campaigns.flow.schedules.pause_resume_skip import skip_next as skip

    with opened() as parts:
        skipped = skip(parts.store, campaign_id, reason=reason, actor=actor())
    show(skipped, as_json=as_json, people=lambda: _print_skipped(skipped))


def _print_paused(paused: SchedulePaused) -> None:
    campaign = campaign_name(paused.id)
    what = f"The schedule of campaign {campaign} is paused: what comes due is skipped until `campaigns resume`."
    sentences = [what] if paused.paused else []
    if paused.recalling:
        sentences.append(f"Handed over and recalled now: run {run_names(paused.recalling)}.")
    if paused.paused_runs:
        sentences.append(f"Paused: run {run_names(paused.paused_runs)}; `campaigns runs resume RUN` lets one go on.")
    click.echo(" ".join(sentences) or f"Every open run of campaign {campaign} was paused before.")
    note_skipped(paused.skipped)
    for run_id in paused.open_runs:
        ways = in_words([Remedy(Do.PAUSE_RUN, run=run_id)])
        note(" ".join([f"Run {run_name(run_id)} has not ended and goes on.", *ways]))


def note_skipped(occurrences: int) -> None:
    """Say that this command skipped what a stop had let wait; nothing when there was none."""
    if occurrences:
        times = counted(occurrences, "occurrence")
        note(f"Note: this skips {times} that came due during the stop; `campaigns schedule backfill` sends them.")


def _print_resumed(resumed: ScheduleResumed) -> None:
    from campaigns.domain.clocks import on_clocks

    fact = f"The schedule of campaign {campaign_name(resumed.id)} goes on"
    if resumed.next_at is None:
        click.echo(f"{fact}.")
    else:
        click.echo(f"{fact}; its next occurrence is at {on_clocks(resumed.next_at, resumed.zone)}.")


def _print_skipped(skipped: NextSkipped) -> None:
    from campaigns.domain.clocks import on_clocks

    zone = skipped.zone
    after = (
        "it was the last one" if skipped.next_at is None else f"the next one is at {on_clocks(skipped.next_at, zone)}"
    )
    click.echo(
        f"The occurrence of campaign {campaign_name(skipped.id)} at {on_clocks(skipped.skipped, zone)} is skipped; "
        f"{after}."
    )
    if skipped.skipped_before:
        moments = ", ".join(on_clocks(moment, zone) for moment in skipped.skipped_before)
        note(f"Note: skipped before, and still to come: {moments}.")
    for run_id in skipped.with_vendor:
        ways = in_words([Remedy(Do.RECALL, run=run_id)])
        note(" ".join([f"Note: run {run_name(run_id)} is with the vendor already and is not skipped.", *ways]))
