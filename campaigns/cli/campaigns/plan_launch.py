"""`plan` and `launch`: what a launch would do, and doing it."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.kit.held import say_held
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import cell, json_option, moment, one_line, print_facts, say_warnings, show
from campaigns.cli.kit.runs_table import print_runs
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.errors import UsageError
from campaigns.domain.messages.marks import LENGTH

MARK_WORDS = f"each request's text carries an invisible mark of {LENGTH} characters"


TEXT_MODES = {
    "plain": "plain: fans see its characters and line breaks",
    "html": "HTML, sent as written",
    "as_written": "sent as written, as in releases that knew no plain text",
}


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def plan(campaign_id: int, *, as_json: bool) -> None:
    """Show what a launch would do, exactly.

    Sends nothing. The hash stands for all of it: `launch ID --plan HASH` refuses when anything has changed since.
    """
    from campaigns.flow.planning.plan import preview

    with opened() as parts:
        found = preview(parts.store, campaign_id, parts.limits, text_as=parts.settings.text_as)
    show(found, as_json=as_json, people=lambda: _say_plan(found))


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
            note_nobody_sends(parts)
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


def _said(each: dict[str, Any]) -> str:
    content = "" if each["content"] is None else f"content {each['content']}: "
    return content + one_line(each["text"])


def _said_and_seen(texts: list[dict[str, Any]], zone: str | None) -> dict[str, str]:
    """What the next occurrences say, as it was written and as fans see it, line by line."""
    facts: dict[str, str] = {}
    for number, each in enumerate(texts, start=1):
        facts[f"says {moment(each['at'], zone)}"] = _said(each)
        name = "fans see" if len(texts) == 1 else f"fans see, text {number}"
        for place, line in enumerate(each["seen"].split("\n"), start=1):
            facts[name if place == 1 else f"{name}, line {place}"] = one_line(line)
    return facts


def _hours(found: dict[str, Any]) -> dict[str, str]:
    hours = " and ".join(f"{each['hours']} {each['zone']}" for each in found["sending_hours"])
    return {"sending hours": hours} if hours else {}


def _say_plan(found: dict[str, Any]) -> None:
    zone = found["zone"]
    print_facts(
        {
            "recipients": "known to the vendor only (whole lists)"
            if found["recipients"] is None
            else found["recipients"],
            "left out": found["excluded"],
            "requests": f"{cell(found['requests'])} of up to {cell(found['batch_size'])} users",
            "credits": found["credits"],
            "when": found["schedule"],
            **_hours(found),
            "starts": found["starts_at"],
            "ends about": f"{moment(found['ends_at'], zone)}, bound by the {found['bound_by']}",
            **({"mark": MARK_WORDS} if found["mark"] else {}),
            "text": TEXT_MODES[found["text_mode"]],
            **_said_and_seen(found["texts"], zone),
            "hash": found["hash"],
        },
        zone=zone,
    )
    print_runs(found["next_runs"], found["zone"])
    say_warnings(found)
