"""Campaigns and their immutable revisions: the writes, and what the flow asks of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.schedules.timing import Timing, timing_from_json, timing_to_json
from campaigns.domain.states import CampaignState
from campaigns.store.holds.stops import is_stopped
from campaigns.store.tables.campaigns import campaign, revision


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as it stands."""

    id: int
    name: str
    account_id: str
    state: CampaignState
    revision: int
    launches: int
    due_at: datetime | None
    due_for: datetime | None
    occurrences: int
    pause_reason: str | None  # its schedule is paused
    kind: str = "campaign"  # or "probe"

    @property
    def occurrence_at(self) -> datetime | None:
        """The next occurrence; it may open at another time, `due_at`."""
        return self.due_for or self.due_at


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One immutable revision of a campaign: what to say, to whom, when and how."""

    campaign_id: int
    number: int
    message: dict[str, Any]
    audience_version_id: int | None
    batch_size: int
    on_unknown: str
    starts_at: datetime | None
    zone: str | None
    accept_local_suppressions: bool
    sha256: str
    timing: dict[str, Any] | None = None
    contents: list[dict[str, Any]] | None = None
    mark: bool | None = None  # None: from before there were marks
    as_written: bool | None = None  # somebody said that what is doubtful in its texts is meant so
    often: bool | None = None  # somebody said that more than one run in 24 hours is meant

    @property
    def times(self) -> Timing:
        """What it says about time."""
        return timing_from_json(self.timing)


CAMPAIGNS = select(
    campaign.c.id,
    campaign.c.name,
    campaign.c.account_id,
    campaign.c.state,
    campaign.c.revision,
    campaign.c.launches,
    campaign.c.due_at,
    campaign.c.due_for,
    campaign.c.occurrences,
    campaign.c.pause_reason,
    campaign.c.kind,
)
"""The columns of a CampaignRow, in its order."""


def find_campaign(connection: Connection, campaign_id: int) -> CampaignRow:
    """The campaign, or NotFound."""
    row = connection.execute(CAMPAIGNS.where(campaign.c.id == campaign_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}; `campaigns list` shows those there are.")
    return _campaign_row(row)


def refuse_probe(found: CampaignRow) -> None:
    """Raise NotAllowed for the campaign of a probe: whatever it sends is to be deleted, which a probe alone does."""
    if found.kind == "probe":
        raise NotAllowed(
            f"Campaign {found.id} is a probe of account {found.account_id}: it is sent once and then deleted. "
            f"To probe again use `campaigns probe {found.account_id} --to USER`."
        )


def _campaign_row(row: Any) -> CampaignRow:
    return CampaignRow(row.id, row.name, row.account_id, CampaignState(row.state), *row[4:])


def find_revision(connection: Connection, campaign_id: int, number: int) -> RevisionRow:
    """One revision; it never changes, so it may be kept in memory for ever."""
    row = (
        connection.execute(
            select(
                revision.c.campaign_id,
                revision.c.number,
                revision.c.message,
                revision.c.audience_version_id,
                revision.c.batch_size,
                revision.c.on_unknown,
                revision.c.starts_at,
                revision.c.zone,
                revision.c.accept_local_suppressions,
                revision.c.sha256,
                revision.c.timing,
                revision.c.contents,
                revision.c.mark,
                revision.c.as_written,
                revision.c.often,
            ).where(revision.c.campaign_id == campaign_id, revision.c.number == number)
        )
        .mappings()
        .one()
    )
    return RevisionRow(**row)


def add_campaign(
    connection: Connection, *, name: str, account_id: str, now: datetime, kind: str = "campaign", launches: int = 0
) -> int:
    """A new draft; its first revision is added in the same transaction."""
    made = connection.scalar(
        insert(campaign)
        .values(
            name=name,
            account_id=account_id,
            state=(CampaignState.LAUNCHED if launches else CampaignState.DRAFT).value,
            kind=kind,
            launches=launches,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        .returning(campaign.c.id)
    )
    assert isinstance(made, int)
    return made


def add_revision(
    connection: Connection,
    campaign_id: int,
    number: int,
    *,
    message: dict[str, Any],
    audience: tuple[int, str, int] | None,
    batch_size: int,
    on_unknown: str,
    starts_at: datetime | None,
    zone: str | None,
    accept_local_suppressions: bool,
    timing: Timing,
    contents: list[dict[str, Any]] | None,
    mark: bool | None,
    as_written: bool = False,
    often: bool = False,
    actor: str,
    now: datetime,
) -> None:
    """Write one revision. `audience` is an audience reference; None for whole lists."""
    times = timing_to_json(timing)
    content: dict[str, Any] = {
        "message": message,
        "audience": audience[1] if audience else None,
        "batch_size": batch_size,
        "on_unknown": on_unknown,
        "starts_at": starts_at.isoformat() if starts_at else None,
        "accept_local_suppressions": accept_local_suppressions,
    }
    content |= {"timing": times} if times else {}
    content |= {"contents": contents} if contents else {}
    content |= {"mark": True} if mark else {}
    content |= {"as_written": True} if as_written else {}
    content |= {"often": True} if often else {}
    connection.execute(
        insert(revision).values(
            campaign_id=campaign_id,
            number=number,
            message=message,
            audience_version_id=audience[0] if audience else None,
            batch_size=batch_size,
            on_unknown=on_unknown,
            starts_at=starts_at,
            zone=zone,
            accept_local_suppressions=accept_local_suppressions,
            timing=times or None,
            contents=contents or None,
            mark=mark,
            as_written=as_written,
            often=often,
            sha256=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
            actor=actor,
            created_at=now,
        )
    )


def change_campaign(connection: Connection, seen: CampaignRow, *, now: datetime, **columns: Any) -> None:
    """Change a campaign if it still stands as it was seen; NotAllowed when somebody changed it in between."""
    changed = connection.scalar(
        update(campaign)
        .where(
            campaign.c.id == seen.id,
            campaign.c.state == seen.state.value,
            campaign.c.revision == seen.revision,
            campaign.c.launches == seen.launches,
            campaign.c.due_at.is_not_distinct_from(seen.due_at),
            campaign.c.occurrences == seen.occurrences,
        )
        .values(updated_at=now, **columns)
        .returning(campaign.c.id)
    )
    if changed is None:
        raise NotAllowed(
            f"Campaign {seen.id} was changed by somebody else at the same moment; look at it with "
            f"`campaigns show {seen.id}` and try again."
        )


def due_campaigns(
    connection: Connection, *, now: datetime, limit: int | None = None, stopped: bool = False
) -> list[CampaignRow]:
    """Armed campaigns whose time has come, the longest due first, at most `limit`.

    Those of accounts that are stopped wait, and are listed by themselves (`stopped`).
    """
    on_stopped = is_stopped(campaign.c.account_id)
    armed = CAMPAIGNS.where(
        campaign.c.due_at.is_not(None), campaign.c.due_at <= now, on_stopped if stopped else ~on_stopped
    ).order_by(campaign.c.due_at)
    return [_campaign_row(row) for row in connection.execute(armed.limit(limit))]
