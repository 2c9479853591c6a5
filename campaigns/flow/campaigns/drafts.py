"""Create and edit campaigns. An edit adds a revision; no revision is ever changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from campaigns.domain.audience.user_sets import Reading, pack
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name
from campaigns.domain.messages.campaign_names import name_faults
from campaigns.domain.messages.message import Message
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.draft_faults import (
    USUAL_TICK_SECONDS,
    draft_faults,
    draft_warnings,
    has_same_texts,
    refuse_doubtful,
    refuse_faults,
    refuse_other_revision,
)
from campaigns.flow.campaigns.revisions import changed_revision, first_revision
from campaigns.flow.handoff.refuse_edits import refuse_handed_over
from campaigns.flow.schedules.arm import holds_from, rearmed
from campaigns.flow.schedules.due import catch_up_counting, is_due
from campaigns.store.accounts.bindings import upstream_to_send
from campaigns.store.audience.versions import add_audience
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    Revision,
    add_campaign,
    add_revision,
    change_campaign,
    find_campaign,
    find_revision,
    refuse_probe,
)
from campaigns.store.database.engine import Store
from campaigns.store.sending.lanes import hold_lane


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign as an operator wrote it."""

    name: str
    account_id: str
    message: Message
    audience: Reading | None  # None: whole lists
    audience_source: str = ""
    batch_size: int = 500
    on_unknown: str = "hold"
    starts_at: datetime | None = None
    zone: str | None = None
    accept_suppressed: bool = False
    timing: Timing = field(default_factory=Timing)
    contents: tuple[dict[str, Any], ...] = ()  # fields of occurrences that differ from the message; empty: none differ
    mark: bool | None = None  # each text carries an invisible mark; None: if the account's probe saw marks survive
    as_written: bool = False  # doubtful characters in its texts are meant
    often: bool = False  # more than one run in 24 hours is meant


@dataclass(frozen=True, slots=True)
class Changes:
    """What an edit changes; None leaves a field as it is."""

    name: str | None = None
    message: Message | None = None
    audience: Reading | None = None
    audience_source: str = ""
    drop_audience: bool = False  # the new message names whole lists
    batch_size: int | None = None
    on_unknown: str | None = None
    starts_at: datetime | None = None
    drop_start: bool = False  # it starts by a schedule, or by hand
    zone: str | None = None
    accept_suppressed: bool | None = None
    timing: Timing | None = None
    contents: tuple[dict[str, Any], ...] | None = None
    mark: bool | None = None
    as_written: bool | None = None
    often: bool | None = None
    made_from: int | None = None  # the revision that its author saw: an edit of another one is refused


@dataclass(frozen=True, slots=True)
class Created:
    """A new draft."""

    id: int
    name: str
    state: CampaignState
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Edited:
    """A campaign after an edit. `note` says from when the edit holds, for people."""

    id: int
    name: str
    state: CampaignState
    revision: int
    note: str | None
    warnings: list[str]


def create_campaign(store: Store, draft: Draft, *, actor: str, tick_seconds: float = USUAL_TICK_SECONDS) -> Created:
    """Write a draft; nothing is sent. `tick_seconds` is how often somebody looks for what is due.

    Raises UsageError that names every fault; then nothing is written.
    """
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        upstream_to_send(connection, draft.account_id)
        size = None if draft.audience is None else len(draft.audience.users)
        first = first_revision(connection, draft)
        faults = draft_faults(act, draft.account_id, first, users=size, tick_seconds=tick_seconds)
        refuse_faults(faults + name_faults(draft.name))
        campaign_id = add_campaign(act, name=draft.name, account_id=draft.account_id)
        audience = _store_audience(act, campaign_id, draft.audience, draft.audience_source)
        return write_first(
            act, draft.name, draft.account_id, replace(first, campaign_id=campaign_id, audience=audience)
        )


def write_first(act: Act, name: str, account_id: str, first: Revision) -> Created:
    """Write the first revision of a new campaign, and the event."""
    add_revision(act, first)
    act.record(
        EventKind.CAMPAIGN_CREATED,
        campaign_id=first.campaign_id,
        account_id=account_id,
        detail={"name": name, "recipients": first.audience[2] if first.audience else None},
    )
    return Created(first.campaign_id, name, CampaignState.DRAFT, draft_warnings(first))


def edit_campaign(
    store: Store, campaign_id: int, changes: Changes, *, actor: str, tick_seconds: float = USUAL_TICK_SECONDS
) -> Edited:
    """Add a revision. Open runs keep theirs; an armed schedule takes the new one.

    What has come due by the old revision is opened first, so that the edit neither loses an occurrence nor repeats one.
    Raises UsageError that names every fault, NotAllowed, or Outdated; then nothing is written.
    """
    skipped = 0
    while True:
        skipped += catch_up_counting(store, campaign_id, actor=actor)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            act = Act(connection, store.now(connection), actor)
            edited = _edit(act, find_campaign(connection, campaign_id), changes, tick_seconds=tick_seconds)
            if edited is not None:
                return _with_skipped(edited, skipped)


def _with_skipped(edited: Edited, skipped: int) -> Edited:
    if not skipped:
        return edited
    times = "1 occurrence" if skipped == 1 else f"{skipped} occurrences"
    fact = f"this edit skips {times} that came due during the stop; a backfill sends what was skipped"
    return replace(edited, note=fact if edited.note is None else f"{edited.note}; {fact}")


def _edit(act: Act, campaign: CampaignRow, changes: Changes, *, tick_seconds: float) -> Edited | None:
    """Write the edit; None when an occurrence came due at this very moment. The caller holds the lane's lock."""
    connection = act.connection
    refuse_probe(campaign)
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} is archived and cannot be edited.",
            Remedy(Do.UNARCHIVE_CAMPAIGN, campaign=campaign.id),
            Remedy(Do.COPY_CAMPAIGN, campaign=campaign.id),
        )
    if is_due(campaign, act.now):
        return None
    refuse_other_revision(campaign, changes.made_from)
    refuse_handed_over(connection, campaign.id, now=act.now)
    old = find_revision(connection, campaign.id, campaign.revision)
    new = changed_revision(connection, old, changes)
    _refuse(act, campaign, new, changes, tick_seconds=tick_seconds)
    if not has_same_texts(old, new):
        refuse_doubtful(campaign, new.message, new.contents, as_written=new.as_written)
    columns: dict[str, Any] = {
        "revision": new.number,
        "name": changes.name or campaign.name,
        "state": campaign.state.value,
    }
    columns |= rearmed(connection, campaign, new.as_row(), act.now)
    # Before the revision is written: this refuses the second of two simultaneous edits, which have the same number.
    change_campaign(connection, campaign, now=act.now, **columns)
    if changes.audience is not None:
        new = replace(new, audience=_store_audience(act, campaign.id, changes.audience, changes.audience_source))
    add_revision(act, new)
    note = holds_from(connection, campaign.id, was=campaign, revision=new.as_row())
    act.record(
        EventKind.CAMPAIGN_EDITED,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        detail={"revision": new.number, "note": note},
    )
    state = CampaignState(columns["state"])
    return Edited(campaign.id, columns["name"], state, new.number, note, draft_warnings(new))


def _refuse(act: Act, campaign: CampaignRow, new: Revision, changes: Changes, *, tick_seconds: float) -> None:
    """Raise UsageError for a revision that cannot be stored. A new audience is not stored yet."""
    users = new.audience[2] if new.audience else None
    faults = draft_faults(
        act,
        campaign.account_id,
        new,
        users=users if changes.audience is None else len(changes.audience.users),
        tick_seconds=tick_seconds,
        checks_times=changes.timing is not None or changes.starts_at is not None,
    )
    refuse_faults(faults + ([] if changes.name is None else name_faults(changes.name)))


def _store_audience(act: Act, campaign_id: int, reading: Reading | None, source: str) -> tuple[int, str, int] | None:
    """Store who was read from a file, and return the reference; None for whole lists."""
    if reading is None:
        return None
    return add_audience(
        act.connection,
        campaign_id,
        pack(reading.users),
        source=source,
        lines=reading.lines,
        duplicates=reading.duplicates,
        skipped_bad=reading.bad_count,
        now=act.now,
    )
