"""Show what a launch of a draft or of an edit would do before it is stored. Sends nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import Reading, unpack
from campaigns.domain.messages.campaign_names import name_faults
from campaigns.domain.messages.message import NO_RECIPIENTS
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.draft_faults import USUAL_TICK_SECONDS, draft_faults
from campaigns.flow.campaigns.drafts import Changes, Draft
from campaigns.flow.campaigns.revisions import changed_revision, first_revision
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.planning.plan import Audience, plan_of
from campaigns.flow.planning.preview import Preview, Sending, preview_of
from campaigns.store.accounts.bindings import upstream_to_send
from campaigns.store.audience.versions import audience_users
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import CampaignRow, Revision, find_campaign, find_revision, refuse_probe
from campaigns.store.database.engine import Store


@dataclass(frozen=True, slots=True)
class DraftPreview:
    """What a launch would do; None while another fault than missing recipients would refuse the campaign."""

    faults: Sequence[str]  # a clause each
    preview: Preview | None


def preview_draft(
    store: Store, draft: Draft, sending: Sending, *, tick_seconds: float = USUAL_TICK_SECONDS
) -> DraftPreview:
    """What a launch of a campaign that is not stored yet would do. Raises NotFound, NotAllowed for its account."""
    with store.read() as connection:
        act = Act(connection, store.now(connection), "nobody")
        upstream_to_send(connection, draft.account_id)
        new = first_revision(connection, draft)
        users = _users(draft.audience)
        faults = draft_faults(
            act,
            draft.account_id,
            new,
            users=None if users is None else len(users),
            tick_seconds=tick_seconds,
        )
        faults += name_faults(draft.name)
        campaign = CampaignRow(0, draft.name, draft.account_id, CampaignState.DRAFT, 1, 0, None, None, 0, None)
        return DraftPreview(faults, None if _hides(faults) else _preview(act, campaign, new, users, sending))


def preview_changes(
    store: Store, campaign_id: int, changes: Changes, sending: Sending, *, tick_seconds: float = USUAL_TICK_SECONDS
) -> DraftPreview:
    """What a launch of a campaign would do after an edit that is not stored. Raises NotFound, NotAllowed."""
    with store.read() as connection:
        act = Act(connection, store.now(connection), "nobody")
        campaign = find_campaign(connection, campaign_id)
        refuse_probe(campaign)
        new = changed_revision(connection, find_revision(connection, campaign_id, campaign.revision), changes)
        users = _users(changes.audience)
        if users is None and new.audience is not None:
            users = unpack(audience_users(connection, new.audience[0])[0])
        faults = draft_faults(
            act,
            campaign.account_id,
            new,
            users=None if users is None else len(users),
            tick_seconds=tick_seconds,
            checks_times=changes.timing is not None or changes.starts_at is not None,
        )
        faults += [] if changes.name is None else name_faults(changes.name)
        return DraftPreview(faults, None if _hides(faults) else _preview(act, campaign, new, users, sending))


def _hides(faults: Sequence[str]) -> bool:
    """Whether faults leave nothing to show. Recipients are often chosen last, so without them the rest is shown."""
    return any(fault != NO_RECIPIENTS for fault in faults)


def _users(reading: Reading | None) -> BitMap64 | None:
    return None if reading is None else reading.users


def _preview(act: Act, campaign: CampaignRow, new: Revision, users: BitMap64 | None, sending: Sending) -> Preview:
    revision = new.as_row()
    says = what_is_said(act.connection, campaign, revision, act.now).message
    audience = None if users is None else Audience(users, "")  # the digest counts in a plan hash, which nobody sees
    plan = plan_of(act.connection, campaign, revision, audience, says=says)
    return preview_of(act.connection, campaign, plan, act.now, sending, each_content=True)
