"""`launch`: start a campaign or arm its schedule, after a person has agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.as_json import plain
from campaigns.cli.campaigns.plan import warning_sentence
from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.held import say_held
from campaigns.cli.kit.help_pages.options import GroupedCommand
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import counted, json_option, moment, note, show
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.cli.runs.runs import timeout_option
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import campaign_name, run_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from campaigns.flow.campaigns.launch import Launched
    from campaigns.flow.campaigns.launch_checks import How, LaunchPreview
    from campaigns.settings import Settings
    from campaigns.wiring import Parts

SHOWN_TEXT = 60
"""How many characters of the text a person sees before agreeing."""


@click.command(cls=GroupedCommand)
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@click.option("--plan", "plan_hash", metavar="HASH", help="Launch without asking if this is still the plan.")
@yes_option
@click.option("--now", is_flag=True, help="Start at once, in addition to the schedule of a scheduled campaign.")
@click.option("--wait", is_flag=True, help="Watch the run until it ends; the exit code says how it ended.")
@click.option("--again", is_flag=True, help="Launch a campaign that was launched before; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why it is launched again.")
@click.option("--as-written", is_flag=True, help="Send braces, %words% and tags in the text as they are.")
@click.option("--although-closed", is_flag=True, help="Launch although it expires before its sending hours open.")
@timeout_option
@json_option
def launch(
    campaign_id: int,
    *,
    plan_hash: str | None,
    is_agreed: bool,
    now: bool,
    wait: bool,
    again: bool,
    reason: str | None,
    as_written: bool,
    although_closed: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Start a campaign, or arm its schedule.

    Shows what will happen and asks first. Where nobody can be asked, --yes or --plan HASH agrees. A plan hash works
    once, and only while nothing has changed.
    """
    from campaigns.flow.campaigns.launch_checks import How

    if timeout is not None and not wait:
        raise UsageError("--timeout belongs to --wait; a launch that is not watched waits for nothing.")
    if again != (reason is not None and bool(reason.strip())):
        raise UsageError(
            "--again and --reason go together: a second launch needs a reason, as in --again --reason 'new fans'."
        )
    if timeout is not None and not wait:
        raise UsageError("--timeout belongs to --wait; pass both, or neither.")
    with opened() as parts:
        how = How(
            upstream=parts.upstream_name,
            plan_hash=plan_hash,
            at_once=now,
            again_reason=reason,
            as_written=as_written,
            although_closed=although_closed,
        )
        if not is_agreed and plan_hash is None:
            how = _agreed(parts, campaign_id, how)
        launched = _launch(parts, campaign_id, how)
        if not wait:
            note_nobody_sends(parts)
            show(launched, as_json=as_json, people=lambda: _say_launched(launched))
            return
        click.get_current_context().exit(_wait(parts, launched, timeout=timeout, as_json=as_json))


def _launch(parts: Parts, campaign_id: int, how: How) -> Launched:
    from campaigns.flow.campaigns.launch import launch as launch_campaign

    return launch_campaign(
        parts.store,
        campaign_id,
        upstream=how.upstream,
        plan_hash=how.plan_hash,
        at_once=how.at_once,
        again_reason=how.again_reason,
        as_written=how.as_written,
        although_closed=how.although_closed,
        actor=actor(),
    )


def _wait(parts: Parts, launched: Launched, *, timeout: float | None, as_json: bool) -> int:
    from campaigns.cli.runs.watch import wait_for_launch

    _say_warnings(launched.warnings)
    return wait_for_launch(
        parts,
        launched.campaign_id,
        launched.run_id,
        starts_at=launched.starts_at,
        timeout=timeout,
        as_json=as_json,
        launched=plain(launched),
    )


def _agreed(parts: Parts, campaign_id: int, how: How) -> How:
    """How to launch what a person was shown and has agreed to: that plan and no other."""
    from dataclasses import replace

    from campaigns.flow.campaigns.launch_checks import preview_launch

    preview = preview_launch(parts.store, campaign_id, how)
    agree(
        list(_summary(preview, _whom(parts.settings))),
        _question(preview),
        people=preview.recipients,
        is_agreed=False,
        instead="--plan HASH",
    )
    closed = preview.expires_closed
    if closed is None or how.although_closed:
        return replace(how, plan_hash=preview.plan_hash)
    expires, opens = moment(closed.expires_at, preview.zone), moment(closed.opens_at, preview.zone)
    agree(
        [f"The run expires at {expires}, before its sending hours open at {opens}: nobody would be sent to."],
        "Launch it anyway?",
        people=None,
        is_agreed=False,
    )
    return replace(how, plan_hash=preview.plan_hash, although_closed=True)


def _question(preview: LaunchPreview) -> str:
    to_whom = "whole lists" if preview.recipients is None else counted(preview.recipients, "fan")
    if preview.schedule is None:
        return f"Send to {to_whom} of {preview.account}?"
    campaign = campaign_name(preview.campaign_id)
    return f"Arm the schedule of campaign {campaign}, which sends to {to_whom} of {preview.account}?"


def _whom(settings: Settings) -> str:
    """Whether fans get it. An address on this machine with a key may be a tunnel to the vendor."""
    if settings.is_live:
        return "LIVE: fans get it"
    if settings.has_key:
        return "a vendor on this machine, with your key: fans may get it"
    return "the sandbox: no fan gets it"


def _summary(preview: LaunchPreview, whom: str) -> Iterator[str]:
    """What a person should know before agreeing, a line each."""
    yield f"Campaign   {campaign_name(preview.campaign_id)} '{preview.name}'"
    yield f"Account    {preview.account}, {whom}"
    to_whom = "known to the vendor alone (whole lists)" if preview.recipients is None else f"{preview.recipients:,}"
    yield f"Recipients {to_whom}, in {counted(preview.requests, 'request')} for {counted(preview.credits, 'credit')}"
    if preview.excluded:
        yield f"Left out   {', '.join(f'{number:,} {reason}' for reason, number in preview.excluded.items())}"
    if preview.price:
        total = "" if preview.exposure is None else f"; ${preview.exposure:,} if every recipient unlocks it"
        yield f"Price      ${preview.price}{total}"
    text = " ".join(preview.text.split())
    yield f"Text       {text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + '…'}"
    if preview.schedule is None:
        yield "When       at once"
    else:
        yield f"When       {preview.schedule}; the next run is at {moment(preview.starts_at, preview.zone)}"
    if preview.launches:
        yield f"Before     launched {counted(preview.launches, 'time')} already: fans may get it again"
    yield from (f"Note: {warning_sentence(warning)}" for warning in preview.warnings)


def _say_launched(launched: Launched) -> None:
    from campaigns.domain.clocks import on_clocks

    _say_warnings(launched.warnings)
    campaign = campaign_name(launched.campaign_id)
    if launched.run_id is None:
        assert launched.starts_at is not None
        starts_at = on_clocks(launched.starts_at, launched.zone)
        click.echo(f"Campaign {campaign} is armed: {launched.schedule}. Its next occurrence is at {starts_at}.")
        return
    run = run_name(launched.run_id)
    click.echo(f"Campaign {campaign} is launched as run {run}; `campaigns runs watch {run}` shows its progress.")
    say_held(launched.run_id, launched.held)


def _say_warnings(warnings: list[str]) -> None:
    for warning in warnings:
        note(f"Note: {warning}")
