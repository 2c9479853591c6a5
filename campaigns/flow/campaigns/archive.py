"""Archive campaigns, bring them back, and copy them. Nothing of a campaign is ever deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.messages.campaign_names import LONGEST_NAME, name_faults
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.draft_faults import USUAL_TICK_SECONDS, draft_faults, refuse_faults
from campaigns.flow.campaigns.drafts import Created, write_first
from campaigns.flow.handoff.refuse_edits import refuse_handed_over
from campaigns.flow.schedules.arm import DISARMED
from campaigns.store.audience.versions import audience_reference
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    Revision,
    RevisionRow,
    add_campaign,
    change_campaign,
    find_campaign,
    find_revision,
    refuse_probe,
)
from campaigns.store.database.engine import Store
from campaigns.store.runs.content import open_runs_of
from campaigns.store.sending.lanes import hold_lane

COPY_OF = " (copy)"


@dataclass(frozen=True, slots=True)
class Moved:
    """A campaign that was archived or brought back."""

    id: int
    name: str
    state: CampaignState


def archive_campaign(store: Store, campaign_id: int, *, actor: str) -> Moved:
    """Archive a campaign: it opens no more runs. Raises NotAllowed while a run of it is open."""
    with store.write() as connection:
        # Whoever opens a run holds this lock: a run opened earlier is seen here, and later ones see the archive.
        hold_lane(connection, find_campaign(connection, campaign_id).account_id)
        act = Act(connection, store.now(connection), actor)
        campaign = _may_be_archived(connection, campaign_id, act.now)
        return _move(act, campaign, CampaignState.ARCHIVED, EventKind.CAMPAIGN_ARCHIVED)


def refuse_to_archive(store: Store, campaign_id: int) -> None:
    """Raise what `archive_campaign` would raise, before a person is asked whether they mean it."""
    with store.read() as connection:
        _may_be_archived(connection, campaign_id, store.now(connection))


def _may_be_archived(connection: Connection, campaign_id: int, now: datetime) -> CampaignRow:
    """The campaign. Raises NotAllowed while a run of it is open or with the vendor, and when it is archived already."""
    campaign = find_campaign(connection, campaign_id)
    open_runs = open_runs_of(connection, campaign_id)
    if open_runs:
        raise NotAllowed(
            f"Campaign {campaign_name(campaign_id)} has an open run ({run_name(open_runs[0])}). Archive it when that "
            "run has ended.",
            Remedy(Do.CANCEL_RUN, run=open_runs[0]),
        )
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(f"Campaign {campaign_name(campaign_id)} is archived already.")
    refuse_handed_over(connection, campaign_id, now=now)
    return campaign


def unarchive_campaign(store: Store, campaign_id: int, *, actor: str) -> Moved:
    """Bring an archived campaign back. Nothing of it is scheduled, also when its schedule was armed before.

    Raises NotAllowed for a campaign that is not archived.
    """
    with store.write() as connection:
        hold_lane(connection, find_campaign(connection, campaign_id).account_id)
        act = Act(connection, store.now(connection), actor)
        campaign = find_campaign(connection, campaign_id)
        if campaign.state is not CampaignState.ARCHIVED:
            raise NotAllowed(f"Campaign {campaign_name(campaign_id)} is not archived; it is {campaign.state}.")
        was_launched = campaign.launches or campaign.occurrences
        state = CampaignState.LAUNCHED if was_launched else CampaignState.DRAFT
        return _move(act, campaign, state, EventKind.CAMPAIGN_UNARCHIVED)


def copy_campaign(
    store: Store, campaign_id: int, *, name: str | None = None, actor: str, tick_seconds: float = USUAL_TICK_SECONDS
) -> Created:
    """Write a draft with the newest content, audience and schedule of a campaign, archived or not; nothing is sent.

    A start that has passed is left out, and so is the end of a schedule. Without a name, the copy has that of the
    original with an addition. Raises UsageError that names every fault, and NotAllowed for a probe.
    """
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        campaign = find_campaign(connection, campaign_id)
        refuse_probe(campaign)
        old = find_revision(connection, campaign_id, campaign.revision)
        first = replace(_copied(old, act.now), audience=audience_reference(connection, old.audience_version_id))
        chosen = f"{campaign.name[: LONGEST_NAME - len(COPY_OF)]}{COPY_OF}" if name is None else name
        users = first.audience[2] if first.audience else None
        faults = draft_faults(act, campaign.account_id, first, users=users, tick_seconds=tick_seconds)
        refuse_faults(faults + name_faults(chosen))
        new_id = add_campaign(act, name=chosen, account_id=campaign.account_id)
        return write_first(act, chosen, campaign.account_id, replace(first, campaign_id=new_id))


def _copied(old: RevisionRow, now: datetime) -> Revision:
    """The first revision of a copy, without the audience."""
    times = old.times
    has_passed = old.starts_at is not None and old.starts_at <= now
    has_ended = times.until is not None and times.until <= now
    return Revision(
        campaign_id=0,  # not known yet
        number=1,
        message=old.message,
        audience=None,
        batch_size=old.batch_size,
        on_unknown=old.on_unknown,
        starts_at=None if has_passed else old.starts_at,
        zone=old.zone,
        accept_local_suppressions=old.accept_local_suppressions,
        timing=replace(times, until=None) if has_ended else times,
        contents=tuple(old.contents or ()),
        mark=old.mark,
        as_written=bool(old.as_written),
    )


def _move(act: Act, campaign: CampaignRow, state: CampaignState, kind: EventKind) -> Moved:
    change_campaign(act.connection, campaign, now=act.now, **{**DISARMED, "state": state.value})
    act.record(kind, campaign_id=campaign.id, account_id=campaign.account_id)
    return Moved(campaign.id, campaign.name, state)
