"""Launch by hand: open a run now and freeze it in the same transaction, or arm the campaign's schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.people import Reason
from campaigns.domain.schedules.handoff import sent_from
from campaigns.domain.schedules.occurrences import words
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.states import CampaignState, RunKind, RunState
from campaigns.flow.campaigns.launch_checks import Checked, How, check_launch, no_occurrence
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.planning.plan import write_plan
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.schedules.arm import armed_for, first_occurrence
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT, opening_may_repeat
from campaigns.store.campaigns.campaigns import change_campaign
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import add_run
from campaigns.store.sending.lanes import hold_lane, lock_lanes


@dataclass(frozen=True, slots=True)
class Launched:
    """A run that was opened, or a schedule that was armed: then there is no run yet, and `starts_at` says when."""

    campaign_id: int
    run_id: int | None
    state: CampaignState | RunState
    held: str | None  # why the run is held from its first moment
    warnings: list[str]
    starts_at: datetime | None = None
    schedule: str | None = None
    zone: str | None = None


def launch(
    store: Store,
    campaign_id: int,
    *,
    upstream: str,
    plan_hash: str | None = None,
    at_once: bool = False,
    again_reason: str | None = None,
    as_written: bool = False,
    although_closed: bool = False,
    made_from: int | None = None,
    needs_plan: bool = False,
    actor: str,
) -> Launched:
    """Open a run at once, or arm a campaign that has a time or a schedule.

    `plan_hash` refuses when anything differs from the plan with that hash; a hash works once. `at_once` opens a run
    beside the schedule. A launched campaign is launched again only with a reason: fans may get the message a second
    time. A schedule needs none, since no occurrence is opened twice. The first run of a campaign that is older than a
    restore of the database is held until somebody has looked. `as_written` confirms doubtful texts, `although_closed`
    a run that expires before its sending hours open. `made_from` refuses when the campaign has another revision;
    `needs_plan` refuses a large launch without a plan hash. Raises NotAllowed, Outdated, NoRevision; nothing is changed
    then.
    """
    how = How(
        upstream,
        plan_hash,
        at_once,
        None if again_reason is None else Reason(again_reason),
        as_written=as_written,
        although_closed=although_closed,
        made_from=made_from,
        needs_plan=needs_plan,
    )
    while True:
        checked = check_launch(store, campaign_id, how)
        launched = _arm(store, checked, how, actor) if checked.arms else _open(store, checked, how, actor)
        if launched is not None:
            return launched


def _arm(store: Store, checked: Checked, how: How, actor: str) -> Launched:
    campaign, revision = checked.campaign, checked.plan.revision
    with store.write() as connection:
        hold_lane(connection, campaign.account_id)
        act = Act(connection, store.now(connection), actor)
        occurrence = first_occurrence(connection, campaign, revision, act.now)
        if occurrence is None:
            raise no_occurrence(campaign, revision, checked.zone)
        may_repeat = opening_may_repeat(connection, campaign.id, sent_from=sent_from(revision.times, occurrence))
        change_campaign(connection, campaign, now=act.now, **armed_for(campaign.id, revision, occurrence))
        act.record(
            EventKind.CAMPAIGN_ARMED,
            campaign_id=campaign.id,
            account_id=campaign.account_id,
            reason=how.again_reason,
            detail={"starts_at": occurrence.isoformat(), "revision": campaign.revision}
            | ({"as_written": True} if how.as_written else {}),
        )
    return Launched(
        campaign.id,
        None,
        CampaignState.SCHEDULED,
        MAY_HAVE_BEEN_SENT if may_repeat else None,
        checked.warnings,
        starts_at=occurrence,
        schedule=words(revision.times, revision.starts_at, zone=checked.zone),
        zone=checked.zone,
    )


def _open(store: Store, checked: Checked, how: How, actor: str) -> Launched | None:
    """Open and freeze the run in one transaction; None when a user was suppressed since the plan was made."""
    campaign, plan = checked.campaign, checked.plan
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
            reason=how.again_reason,
            as_written=how.as_written,
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
        write_plan(Act(connection, now, actor), run_id, plan, batches)
        if may_repeat:
            hold_restored(Act(connection, now, actor), run_id)
    held = MAY_HAVE_BEEN_SENT if may_repeat else None
    return Launched(campaign.id, run_id, RunState.PLANNED, held, checked.warnings)
