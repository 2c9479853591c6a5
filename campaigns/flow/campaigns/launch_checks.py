"""What a launch would do, and what refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NoRevision, NotAllowed
from campaigns.domain.ids import campaign_name
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.text_checks import doubts_of, launch_faults, text_remedies
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.occurrences import words
from campaigns.domain.schedules.sending_hours import opens_at
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.draft_faults import refuse_other_revision
from campaigns.flow.planning.content import what_is_said, zone_of_campaign
from campaigns.flow.planning.plan import Plan, make_plan, plan_faults, refuse_faults
from campaigns.flow.planning.plan_warnings import PlanWarning, plan_warnings
from campaigns.flow.schedules.arm import first_occurrence, is_used_up, refuse_often
from campaigns.store.accounts.bindings import upstream_to_send
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision, refuse_probe
from campaigns.store.database.engine import Store

LARGE_LAUNCH = 10_000
"""From this many recipients on, and for whole lists, a program must name the plan that it looked at."""


@dataclass(frozen=True, slots=True)
class How:
    """How a launch was asked for."""

    upstream: str
    plan_hash: str | None = None  # the plan that was looked at
    at_once: bool = False  # beside the schedule
    again_reason: str | None = None  # why a launched campaign is launched again
    as_written: bool = False  # doubtful characters in its texts are meant
    although_closed: bool = False  # it may expire before its sending hours open
    made_from: int | None = None  # the revision that was looked at; None: whichever is the newest
    needs_plan: bool = False  # a large launch is refused without the hash of a plan: nobody was asked


@dataclass(frozen=True, slots=True)
class ExpiresClosed:
    """A run that expires before its sending hours open: nobody would be sent to."""

    opens_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """A launch that nothing refuses, and what was read for it."""

    campaign: CampaignRow
    plan: Plan
    zone: str | None
    arms: bool  # the schedule; otherwise a run is opened at once
    starts_at: datetime | None  # the next occurrence, where it arms
    expires_closed: ExpiresClosed | None
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class LaunchPreview:
    """What a launch would do, for a person who is asked to agree."""

    campaign_id: int
    name: str
    account: str
    plan_hash: str
    recipients: int | None  # None: whole lists, which only the vendor knows
    excluded: dict[str, int]  # how many are left out, by the reason
    requests: int
    credits: int
    text: str
    price: Decimal | None  # US dollars
    exposure: Decimal | None  # what all recipients together could be charged; None: no price, or not known
    launches: int  # how often it was launched before
    starts_at: datetime | None  # None: at once
    schedule: str | None  # None: at once
    zone: str | None
    expires_closed: ExpiresClosed | None
    warnings: list[PlanWarning]


def preview_launch(store: Store, campaign_id: int, how: How) -> LaunchPreview:
    """What a launch would do now; sends nothing, changes nothing. Raises what the launch would raise.

    A run that expires before its hours open is shown and not refused: somebody can be asked.
    """
    checked = check_launch(store, campaign_id, how, refuses_closed=False)
    plan, price = checked.plan, checked.plan.message.price
    recipients = None if plan.whole_list else plan.recipients
    return LaunchPreview(
        campaign_id=campaign_id,
        name=checked.campaign.name,
        account=plan.account_id,
        plan_hash=plan.sha256,
        recipients=recipients,
        excluded={reason: users.size for reason, users in plan.excluded.items() if users.size},
        requests=plan.batch_count,
        credits=plan.batch_count,
        text=plan.message.text,
        price=price,
        exposure=price * recipients if price and recipients is not None else None,
        launches=checked.campaign.launches,
        starts_at=checked.starts_at,
        schedule=words(plan.revision.times, plan.revision.starts_at, zone=checked.zone) if checked.arms else None,
        zone=checked.zone,
        expires_closed=checked.expires_closed,
        warnings=plan_warnings(plan, checked.zone),
    )


def check_launch(store: Store, campaign_id: int, how: How, *, refuses_closed: bool = True) -> Checked:
    """Check everything that can refuse a launch. Raises NotFound, NotAllowed, Outdated, NoRevision."""
    with store.read() as connection:
        now = store.now(connection)
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        zone = zone_of_campaign(connection, campaign, revision)
        refuse_other_revision(campaign, how.made_from)
        _refuse_wrong_state(campaign, zone, how, recurs=revision.times.recurs)
        _refuse_other_upstream(connection, campaign, how.upstream)
        message = what_is_said(connection, campaign, revision, now).message
        plan = make_plan(connection, campaign, campaign.revision, says=message)
        _refuse_changed(campaign_id, plan, how.plan_hash)
        _refuse_unseen(campaign_id, plan, how)
        _refuse_faults(connection, plan, campaign_id, now, as_written=how.as_written)
        arms = (revision.times.recurs or revision.starts_at is not None) and not how.at_once
        if arms:
            refuse_often(revision, now)
        starts_at = first_occurrence(connection, campaign, revision, now) if arms else None
        if arms and starts_at is None:
            raise no_occurrence(campaign, revision, zone)
        closed = _expires_closed(plan, starts_at or now)
        if closed is not None and refuses_closed and not how.although_closed:
            raise _never_sent(campaign_id, closed, zone)
        warnings = [doubt.words for doubt in doubts_of(revision.message, revision.contents)]
        return Checked(campaign, plan, zone, arms, starts_at, closed, warnings + list_doubts(plan.message))


def no_occurrence(campaign: CampaignRow, revision: RevisionRow, zone: str | None) -> NotAllowed:
    """The refusal to arm a campaign that has no occurrence left."""
    if is_used_up(campaign, revision):
        fact = f"has opened all of its {revision.times.max_runs} runs"
    elif revision.times.recurs:
        fact = f"has no occurrence left ({words(revision.times, zone=zone)})"
    else:
        starts_at = on_clocks(revision.starts_at, zone) if revision.starts_at else None
        fact = f"was to start at {starts_at}, which has passed"
    return NotAllowed(
        f"Campaign {campaign_name(campaign.id)} {fact}.",
        Remedy(Do.EDIT_CAMPAIGN, campaign=campaign.id),
        Remedy(Do.LAUNCH_AT_ONCE, campaign=campaign.id),
    )


def _refuse_wrong_state(campaign: CampaignRow, zone: str | None, how: How, *, recurs: bool) -> None:
    refuse_probe(campaign)
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} is archived.",
            Remedy(Do.UNARCHIVE_CAMPAIGN, campaign=campaign.id),
            Remedy(Do.COPY_CAMPAIGN, campaign=campaign.id),
        )
    if campaign.state is CampaignState.SCHEDULED and not how.at_once:
        at = "" if campaign.occurrence_at is None else f", for {on_clocks(campaign.occurrence_at, zone)}"
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} is armed already{at}.",
            Remedy(Do.LAUNCH_AT_ONCE, campaign=campaign.id),
        )
    if campaign.launches and how.again_reason is None and (how.at_once or not recurs):
        times = "once" if campaign.launches == 1 else f"{campaign.launches} times"
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} was launched before ({times}); its fans would get it again. "
            "A rerun of its run reaches only those who were not reached.",
            Remedy(Do.LAUNCH_AGAIN, campaign=campaign.id),
            Remedy(Do.LIST_RUNS),
        )


def _refuse_other_upstream(connection: Connection, campaign: CampaignRow, upstream: str) -> None:
    bound_to, _ = upstream_to_send(connection, campaign.account_id)
    if bound_to != upstream:
        raise NotAllowed(
            f"Account {campaign.account_id} belongs to {bound_to}, but the settings name {upstream}; a campaign never "
            "changes vendors. Set the key and CAMPAIGNS_UPSTREAM_URL that the account was added with."
        )


def _refuse_changed(campaign_id: int, plan: Plan, plan_hash: str | None) -> None:
    if plan_hash is not None and plan_hash != plan.sha256:
        raise NotAllowed(
            f"The plan of campaign {campaign_name(campaign_id)} no longer has the hash {plan_hash[:12]}: the campaign "
            "was edited or launched, its exclusions changed, the database was restored, or an earlier release made the "
            "hash.",
            Remedy(Do.PLAN_CAMPAIGN, campaign=campaign_id),
        )


def _refuse_unseen(campaign_id: int, plan: Plan, how: How) -> None:
    if how.needs_plan and how.plan_hash is None and (plan.whole_list or plan.recipients >= LARGE_LAUNCH):
        whom = "whole lists" if plan.whole_list else f"{plan.recipients:,} fans"
        raise NoRevision(
            f"Campaign {campaign_name(campaign_id)} goes to {whom}, so its launch must name the hash of the plan that "
            "was looked at.",
            Remedy(Do.PLAN_CAMPAIGN, campaign=campaign_id),
            code="plan_missing",
        )


def _refuse_faults(connection: Connection, plan: Plan, campaign_id: int, now: datetime, *, as_written: bool) -> None:
    faults = plan_faults(connection, plan, now)
    remedies: tuple[Remedy, ...] = ()
    if not (as_written or plan.revision.as_written):
        doubts = doubts_of(plan.revision.message, plan.revision.contents)
        faults += launch_faults(doubts)
        remedies = text_remedies(doubts, campaign_id=campaign_id, confirm=Do.CONFIRM_TEXT_AT_LAUNCH)
    if plan.nobody_left:
        faults.append("nobody is left to send to after the exclusions")
    refuse_faults(campaign_id, faults, *remedies)


def _expires_closed(plan: Plan, at: datetime) -> ExpiresClosed | None:
    """The hours and the expiry of a run for that moment, if it expires before the hours open."""
    expires, opens = expires_at(plan.revision.times, at), opens_at(plan.windows, at)
    if expires is None or opens is None or opens < expires:
        return None
    return ExpiresClosed(opens, expires)


def _never_sent(campaign_id: int, closed: ExpiresClosed, zone: str | None) -> NotAllowed:
    return NotAllowed(
        f"A run of campaign {campaign_name(campaign_id)} would expire at {on_clocks(closed.expires_at, zone)}, "
        "before its sending "
        f"hours open at {on_clocks(closed.opens_at, zone)}: nobody would be sent to.",
        Remedy(Do.LAUNCH_ALTHOUGH_CLOSED, campaign=campaign_id),
    )
