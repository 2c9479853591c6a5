"""`launch`: start a campaign, or arm its schedule."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.kit.held import say_held
from campaigns.cli.kit.output import json_option, moment, say_warnings, show
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.errors import UsageError


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@click.option("--plan", "plan_hash", metavar="HASH", help="Launch only if this is still the plan.")
@click.option("--now", is_flag=True, help="Start at once, beside the schedule of a scheduled campaign.")
@click.option("--wait", is_flag=True, help="Watch the run until it ends; the exit code says how it ended.")
@click.option("--again", is_flag=True, help="Launch a campaign that was launched before; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why it is launched again.")
@click.option("--as-written", is_flag=True, help="Braces, %words% and tags in the text are meant so.")
@json_option
def launch(
    campaign_id: int,
    *,
    plan_hash: str | None,
    now: bool,
    wait: bool,
    again: bool,
    reason: str | None,
    as_written: bool,
    as_json: bool,
) -> None:
    """Start a campaign, or arm its schedule.

    A plan hash works once, and only while nothing has changed.
    """
    from campaigns.flow.campaigns.launch import launch as launch_campaign

    if again != (reason is not None and bool(reason.strip())):
        raise UsageError(
            "--again and --reason go together: a second launch says why, as in --again --reason 'new fans'."
        )
    with opened() as parts:
        launched = launch_campaign(
            parts.store,
            campaign_id,
            upstream=parts.upstream_name,
            plan_hash=plan_hash,
            at_once=now,
            again_reason=reason if again else None,
            as_written=as_written,
            actor=actor(),
        )
        if not wait:
            show(launched, as_json=as_json, people=lambda: _say_launched(launched))
            return
        say_warnings(launched)
        from campaigns.cli.runs.watch import run_of_schedule, watch

        run_id = launched["run_id"] or run_of_schedule(parts, campaign_id, launched["starts_at"])
        click.get_current_context().exit(watch(parts, run_id, as_json=as_json))


def _say_launched(launched: dict[str, Any]) -> None:
    say_warnings(launched)
    if launched["run_id"] is None:
        click.echo(
            f"Campaign {launched['campaign_id']} is armed: {launched['schedule']}. Its next occurrence is at "
            f"{moment(launched['starts_at'], launched['zone'])}."
        )
        return
    click.echo(
        f"Campaign {launched['campaign_id']} is launched as run {launched['run_id']}; "
        f"`campaigns runs watch {launched['run_id']}` shows its progress."
    )
    say_held(launched)
