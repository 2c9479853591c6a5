"""Create, edit and archive campaigns. An edit adds a revision; no revision is ever changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import Reading, pack
from campaigns.domain.errors import NotAllowed
from campaigns.domain.messages.contents import contents_faults
from campaigns.domain.messages.message import Message, from_json, to_json
from campaigns.domain.schedules.handoff import handoff_faults
from campaigns.domain.schedules.occurrences import schedule_faults
from campaigns.domain.schedules.timing import Timing, timing_to_json
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.draft_faults import (
    draft_warnings,
    refuse_doubtful,
    refuse_faults,
    says_the_same,
    time_faults,
)
from campaigns.flow.handoff.refuse_edits import refuse_handed_over
from campaigns.flow.schedules.arm import DISARMED, holds_from, rearmed
from campaigns.flow.schedules.due import catch_up, is_due
from campaigns.store.accounts.bindings import hours_of_account, upstream_to_send
from campaigns.store.audience.versions import add_audience, audience_reference
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    RevisionRow,
    add_campaign,
    add_revision,
    change_campaign,
    find_campaign,
    find_revision,
    refuse_probe,
)
from campaigns.store.database.engine import Store
from campaigns.store.probe.results import marks_survive
from campaigns.store.runs.content import open_runs_of
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
    contents: tuple[dict[str, Any], ...] = ()  # what occurrences say otherwise than the message; empty: nothing
    mark: bool | None = None  # each text carries an invisible mark; None: if the account's probe saw marks survive
    as_written: bool = False  # what is doubtful in its texts is meant so
    often: bool = False  # more than one run in 24 hours is meant


@dataclass(frozen=True, slots=True)
class Changes:
    """What an edit changes; None leaves a thing as it is."""

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


def create_campaign(store: Store, draft: Draft, *, actor: str) -> dict[str, Any]:
    """Write a draft: nothing is sent. Raises UsageError that names every fault; then nothing is written."""
    with store.write() as connection:
        now = store.now(connection)
        upstream_to_send(connection, draft.account_id)
        size = None if draft.audience is None else len(draft.audience.users)
        _refuse_draft(connection, draft, size, now)
        campaign_id = add_campaign(connection, name=draft.name, account_id=draft.account_id, now=now)
        audience = _keep_audience(connection, campaign_id, draft.audience, draft.audience_source, now)
        add_revision(
            connection,
            campaign_id,
            1,
            message=to_json(draft.message),
            audience=audience,
            batch_size=draft.batch_size,
            on_unknown=draft.on_unknown,
            starts_at=draft.starts_at,
            zone=draft.zone,
            accept_local_suppressions=draft.accept_suppressed,
            timing=draft.timing,
            contents=list(draft.contents),
            mark=marks_survive(connection, draft.account_id) if draft.mark is None else draft.mark,
            as_written=draft.as_written,
            often=draft.often,
            actor=actor,
            now=now,
        )
        Act(connection, now, actor).record(
            EventKind.CAMPAIGN_CREATED,
            campaign_id=campaign_id,
            account_id=draft.account_id,
            detail={"name": draft.name, "recipients": size},
        )
    return {
        "id": campaign_id,
        "name": draft.name,
        "state": CampaignState.DRAFT.value,
        "warnings": draft_warnings(draft.message, draft.contents),
    }


def _refuse_draft(connection: Connection, draft: Draft, size: int | None, now: datetime) -> None:
    also = contents_faults(draft.message, draft.contents, recurs=draft.timing.recurs)
    also += time_faults(connection, draft.account_id, draft.timing, now, starts_at=draft.starts_at)
    account = hours_of_account(connection, draft.account_id)
    also += [] if also else handoff_faults(draft.timing, draft.message, now, account, starts_at=draft.starts_at)
    refuse_faults(draft.message, size, draft.batch_size, draft.starts_at, now, name=draft.name, also=also)


def edit_campaign(store: Store, campaign_id: int, changes: Changes, *, actor: str) -> dict[str, Any]:
    """Add a revision. Runs that are open keep theirs; an armed schedule takes the new one, and the note says so.

    What has come due by the old revision is opened first, so no occurrence is lost to the edit and none comes twice.
    """
    while True:
        catch_up(store, campaign_id, actor=actor)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            edited = _edit(connection, campaign_id, changes, actor=actor, now=store.now(connection))
            if edited is not None:
                return edited


def _edit(
    connection: Connection, campaign_id: int, changes: Changes, *, actor: str, now: datetime
) -> dict[str, Any] | None:
    """Write the edit; None when an occurrence came due at this very moment. The caller holds the lane's lock."""
    campaign = find_campaign(connection, campaign_id)
    refuse_probe(campaign)
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(f"Campaign {campaign_id} is archived and cannot be edited; create a new one.")
    if is_due(campaign, now):
        return None
    refuse_handed_over(connection, campaign_id, now=now)
    old = find_revision(connection, campaign_id, campaign.revision)
    new = _newer(old, changes)
    columns = {"revision": new.number, "name": changes.name or campaign.name, "state": campaign.state.value}
    if changes.timing is None or not schedule_faults(new.times, now, starts_at=new.starts_at):
        columns |= rearmed(connection, campaign, new, now)  # else the revision is refused below, with every fault named
    # First, since this refuses the second of two edits at once; both would write a revision of this number.
    change_campaign(connection, campaign, now=now, **columns)
    warnings = _write_revision(connection, old, campaign, changes, new.starts_at, actor=actor, now=now)
    note = holds_from(connection, campaign_id, was=campaign, revision=new)
    Act(connection, now, actor).record(
        EventKind.CAMPAIGN_EDITED,
        campaign_id=campaign_id,
        account_id=campaign.account_id,
        detail={"revision": new.number, "note": note},
    )
    return {
        "id": campaign_id,
        "name": columns["name"],
        "state": columns["state"],
        "revision": new.number,
        "note": note,
        "warnings": warnings,
    }


def _newer(old: RevisionRow, changes: Changes) -> RevisionRow:
    """The revision that an edit adds, as far as it says when."""
    return replace(
        old,
        number=old.number + 1,
        starts_at=None if changes.drop_start else changes.starts_at or old.starts_at,
        timing=old.timing if changes.timing is None else timing_to_json(changes.timing) or None,
        often=old.often if changes.often is None else changes.often,
    )


def archive_campaign(store: Store, campaign_id: int, *, actor: str) -> dict[str, Any]:
    """Put a campaign away: it opens no run any more. Raises NotAllowed while a run of it is open."""
    with store.write() as connection:
        # Whoever opens a run holds this lock: one that was opened before is seen here, later ones see the archive.
        hold_lane(connection, find_campaign(connection, campaign_id).account_id)
        now = store.now(connection)
        campaign = find_campaign(connection, campaign_id)
        opened = open_runs_of(connection, campaign_id)
        if opened:
            raise NotAllowed(
                f"Campaign {campaign_id} has an open run ({opened[0]}); let it end, or cancel it with "
                f"`campaigns runs cancel {opened[0]} --reason TEXT`, then archive."
            )
        if campaign.state is CampaignState.ARCHIVED:
            raise NotAllowed(f"Campaign {campaign_id} is archived already.")
        refuse_handed_over(connection, campaign_id, now=now)
        change_campaign(connection, campaign, now=now, **{**DISARMED, "state": CampaignState.ARCHIVED.value})
        Act(connection, now, actor).record(
            EventKind.CAMPAIGN_ARCHIVED, campaign_id=campaign_id, account_id=campaign.account_id
        )
    return {"id": campaign_id, "name": campaign.name, "state": CampaignState.ARCHIVED.value}


def _write_revision(
    connection: Connection,
    old: RevisionRow,
    campaign: CampaignRow,
    changes: Changes,
    starts_at: datetime | None,
    *,
    actor: str,
    now: datetime,
) -> list[str]:
    """Write the edited revision; returns what is doubtful in its texts."""
    message = changes.message or from_json(old.message)
    batch_size = old.batch_size if changes.batch_size is None else changes.batch_size
    audience = _keep_audience(connection, old.campaign_id, changes.audience, changes.audience_source, now)
    if audience is None and not changes.drop_audience:
        audience = audience_reference(connection, old.audience_version_id)
    timing = old.times if changes.timing is None else changes.timing
    contents = list(old.contents or ()) if changes.contents is None else list(changes.contents)
    also = contents_faults(message, contents, recurs=timing.recurs)
    if changes.timing is not None:
        also += time_faults(connection, campaign.account_id, timing, now, starts_at=starts_at)
    account = hours_of_account(connection, campaign.account_id)
    also += [] if also else handoff_faults(timing, message, now, account, starts_at=starts_at)
    size = audience[2] if audience else None
    refuse_faults(message, size, batch_size, changes.starts_at, now, name=changes.name, also=also)
    is_same = says_the_same(old, to_json(message), contents)
    as_written = is_same and bool(old.as_written) if changes.as_written is None else changes.as_written
    if not is_same:
        refuse_doubtful(campaign, to_json(message), contents, as_written=as_written)
    add_revision(
        connection,
        old.campaign_id,
        old.number + 1,
        message=to_json(message),
        audience=audience,
        batch_size=batch_size,
        on_unknown=changes.on_unknown or old.on_unknown,
        starts_at=starts_at,
        zone=changes.zone or old.zone,
        accept_local_suppressions=(
            old.accept_local_suppressions if changes.accept_suppressed is None else changes.accept_suppressed
        ),
        timing=timing,
        contents=contents,
        mark=old.mark if changes.mark is None else changes.mark,
        as_written=as_written,
        often=bool(old.often) if changes.often is None else changes.often,
        actor=actor,
        now=now,
    )
    return draft_warnings(message, contents)


def _keep_audience(
    connection: Connection, campaign_id: int, reading: Reading | None, source: str, now: datetime
) -> tuple[int, str, int] | None:
    if reading is None:
        return None
    return add_audience(
        connection,
        campaign_id,
        pack(reading.users),
        source=source,
        lines=reading.lines,
        duplicates=reading.duplicates,
        skipped_bad=reading.bad_count,
        now=now,
    )
