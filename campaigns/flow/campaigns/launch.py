"""Launch by hand: open a run now and freeze it in the same transaction, or arm the campaign's schedule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.text_checks import doubts_of, launch_faults
from campaigns.domain.schedules.handoff import sent_from
from campaigns.domain.schedules.occurrences import words
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.states import CampaignState, RunKind, RunState
from campaigns.flow.planning.content import what_is_said, zone_of_campaign
from campaigns.flow.planning.plan import Plan, make_plan, plan_faults, refuse_faults, write_plan
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.schedules.arm import armed_for, first_occurrence, is_used_up
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT, opening_may_repeat
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    RevisionRow,
    change_campaign,
    find_campaign,
    find_revision,
    refuse_probe,
)
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import add_run
from campaigns.store.sending.lanes import hold_lane, lock_lanes


def launch(
    store: Store,
    campaign_id: int,
    *,
    upstream: str,
    plan_hash: str | None = None,
    at_once: bool = False,
    again_reason: str | None = None,
    as_written: bool = False,
    actor: str,
) -> dict[str, Any]:
    """Open a run at once, or arm a campaign that has a time or a schedule.

    `plan_hash` refuses when anything differs from the plan that was looked at; a hash works once. `at_once` opens a
    run beside the schedule. A launched campaign is launched again only with a reason: it starts a new lineage, and
    fans may get the message a second time; not so a schedule, whose occurrences are never opened twice. The first run
    of a campaign from before a restore is held until somebody has looked, also if it only comes due later.
    `as_written`: what is doubtful in its texts is meant so. Raises NotAllowed; nothing is changed then.
    """
    while True:
        with store.read() as connection:
            now = store.now(connection)
            campaign = find_campaign(connection, campaign_id)
            revision = find_revision(connection, campaign_id, campaign.revision)
            zone = zone_of_campaign(connection, campaign, revision)
            _refuse_wrong_state(
                campaign, zone, recurs=revision.times.recurs, at_once=at_once, again_reason=again_reason
            )
            _refuse_other_upstream(connection, campaign, upstream)
            said = what_is_said(connection, campaign, revision, now)
            plan = make_plan(connection, campaign, campaign.revision, says=said.message)
            _refuse_changed(campaign_id, plan, plan_hash)
            faults = plan_faults(connection, plan, now)
            doubts = doubts_of(revision.message, revision.contents)
            if not (as_written or revision.as_written):
                faults += launch_faults(doubts, campaign_id=campaign_id)
        if plan.nobody_left:
            faults.append("nobody is left to send to after the exclusions")
        refuse_faults(campaign_id, faults)
        if (plan.revision.times.recurs or plan.revision.starts_at is not None) and not at_once:
            launched = _arm(store, campaign, plan.revision, reason=again_reason, as_written=as_written, actor=actor)
        else:
            launched = _open(store, campaign, plan, reason=again_reason, as_written=as_written, actor=actor)
        if launched is not None:
            return {**launched, "warnings": [each.words for each in doubts] + list_doubts(plan.message)}


def _refuse_wrong_state(
    campaign: CampaignRow, zone: str | None, *, recurs: bool, at_once: bool, again_reason: str | None
) -> None:
    refuse_probe(campaign)
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(f"Campaign {campaign.id} is archived; create a new one to send it again.")
    if campaign.state is CampaignState.SCHEDULED and not at_once:
        at = "" if campaign.occurrence_at is None else f", for {on_clocks(campaign.occurrence_at, zone)}"
        raise NotAllowed(f"Campaign {campaign.id} is armed already{at}; pass --now to run it at once beside that.")
    if campaign.launches and again_reason is None and (at_once or not recurs):
        times = "once" if campaign.launches == 1 else f"{campaign.launches} times"
        raise NotAllowed(
            f"Campaign {campaign.id} was launched before ({times}); its fans would get it again. "
            "If that is meant, pass --again --reason TEXT; to reach those it did not reach, use `campaigns runs rerun`."
        )


def _refuse_other_upstream(connection: Connection, campaign: CampaignRow, upstream: str) -> None:
    bound_to, _ = find_upstream(connection, campaign.account_id)
    if bound_to != upstream:
        raise NotAllowed(
            f"Account {campaign.account_id} belongs to {bound_to}, but the settings name {upstream}; a campaign never "
            "changes vendors. Set the key and CAMPAIGNS_UPSTREAM_URL it was made for."
        )


def _refuse_changed(campaign_id: int, plan: Plan, plan_hash: str | None) -> None:
    if plan_hash is not None and plan_hash != plan.sha256:
        raise NotAllowed(
            f"The plan of campaign {campaign_id} is not the one with hash {plan_hash[:12]}: it was edited or "
            "launched, its exclusions changed, or an earlier release made the hash. Plan again with "
            f"`campaigns plan {campaign_id}`."
        )


def _arm(
    store: Store, campaign: CampaignRow, revision: RevisionRow, *, reason: str | None, as_written: bool, actor: str
) -> dict[str, Any] | None:
    with store.write() as connection:
        hold_lane(connection, campaign.account_id)
        now = store.now(connection)
        zone = zone_of_campaign(connection, campaign, revision)
        occurrence = first_occurrence(connection, campaign, revision, now)
        if occurrence is None:
            raise NotAllowed(_nothing_left(campaign, revision, zone))
        may_repeat = opening_may_repeat(connection, campaign.id, sent_from=sent_from(revision.times, occurrence))
        change_campaign(connection, campaign, now=now, **armed_for(campaign.id, revision, occurrence))
        Act(connection, now, actor).record(
            EventKind.CAMPAIGN_ARMED,
            campaign_id=campaign.id,
            account_id=campaign.account_id,
            reason=reason,
            detail={"starts_at": occurrence.isoformat(), "revision": campaign.revision}
            | ({"as_written": True} if as_written else {}),
        )
    return {
        "campaign_id": campaign.id,
        "run_id": None,
        "state": CampaignState.SCHEDULED.value,
        "starts_at": occurrence.isoformat(),
        "schedule": words(revision.times, revision.starts_at, zone=zone),
        "zone": zone,
        "held": MAY_HAVE_BEEN_SENT if may_repeat else None,
    }


def _nothing_left(campaign: CampaignRow, revision: RevisionRow, zone: str | None) -> str:
    if is_used_up(campaign, revision):
        return (
            f"Campaign {campaign.id} has opened all of its {revision.times.max_runs} runs; allow more with "
            f"`campaigns edit {campaign.id} --max-runs N`, or pass --now."
        )
    if revision.times.recurs:
        return (
            f"Campaign {campaign.id} has no occurrence left ({words(revision.times, zone=zone)}); give it another "
            f"schedule with `campaigns edit {campaign.id}`, or pass --now."
        )
    starts_at = on_clocks(revision.starts_at, zone) if revision.starts_at else None
    return (
        f"Campaign {campaign.id} was to start at {starts_at}, which has passed; give it another "
        f"time with `campaigns edit {campaign.id} --at TIME`, or pass --now."
    )


def _open(
    store: Store, campaign: CampaignRow, plan: Plan, *, reason: str | None, as_written: bool, actor: str
) -> dict[str, Any] | None:
    """Open and freeze the run in one transaction; None when a suppression came in since the plan was made."""
    batches = plan.cut()
    with store.write() as connection:
        if lock_lanes(connection, [plan.account_id])[plan.account_id] != plan.suppressions:
            return None
        now = store.now(connection)
        may_repeat = opening_may_repeat(connection, campaign.id)
        stays_armed = campaign.state is CampaignState.SCHEDULED
        change_campaign(
            connection,
            campaign,
            now=now,
            launches=campaign.launches + 1,
            state=(CampaignState.SCHEDULED if stays_armed else CampaignState.LAUNCHED).value,
        )
        run_id = add_run(
            Act(connection, now, actor),
            reason=reason,
            as_written=as_written,
            campaign_id=campaign.id,
            revision=campaign.revision,
            audience_version_id=plan.revision.audience_version_id,
            account_id=plan.account_id,
            upstream=plan.upstream,
            kind=RunKind.LAUNCH,
            launch=campaign.launches + 1,
            expires_at=expires_at(plan.revision.times, now),
            **what_is_said(connection, campaign, plan.revision, now).columns,
        )
        write_plan(connection, run_id, plan, batches, now=now, actor=actor)
        if may_repeat:
            hold_restored(Act(connection, now, actor), run_id)
    held = MAY_HAVE_BEEN_SENT if may_repeat else None
    return {"campaign_id": campaign.id, "run_id": run_id, "state": RunState.PLANNED.value, "held": held}
