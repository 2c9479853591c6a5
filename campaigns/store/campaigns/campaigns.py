"""Campaigns and their immutable revisions: read one, add one, change a campaign."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.ids import campaign_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.timing import Timing, timing_from_json, timing_to_json
from campaigns.domain.states import CampaignState
from campaigns.store.audit.events import Act
from campaigns.store.holds.stops import is_stopped
from campaigns.store.tables.campaigns import campaign, revision


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign in its present state."""

    id: int
    name: str
    account_id: str
    state: CampaignState
    revision: int
    launches: int
    due_at: datetime | None
    due_for: datetime | None
    occurrences: int
    pause_reason: str | None  # why its schedule is paused; None: it is not
    kind: str = "campaign"  # or "probe"

    @property
    def occurrence_at(self) -> datetime | None:
        """The next occurrence; it may open at another time, `due_at`."""
        return self.due_for or self.due_at


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One immutable revision of a campaign: the message, the audience, the times and the rules."""

    campaign_id: int
    number: int
    message: dict[str, Any]
    audience_version_id: int | None  # None: whole lists only
    batch_size: int
    on_unknown: str
    starts_at: datetime | None
    zone: str | None
    accept_local_suppressions: bool
    sha256: str
    timing: dict[str, Any] | None = None
    contents: list[dict[str, Any]] | None = None
    mark: bool | None = None  # None: written by a release without marks
    as_written: bool | None = None  # somebody confirmed that doubtful characters in its texts are meant
    often: bool | None = None  # somebody confirmed that more than one run in 24 hours is meant

    @property
    def times(self) -> Timing:
        """Its schedule and all that belongs to it."""
        return timing_from_json(self.timing)


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision to be added. It is never changed afterwards."""

    campaign_id: int
    number: int
    message: dict[str, Any]
    audience: tuple[int, str, int] | None  # an audience reference; None for whole lists
    batch_size: int
    on_unknown: str = "hold"
    starts_at: datetime | None = None
    zone: str | None = None
    accept_local_suppressions: bool = False
    timing: Timing = field(default_factory=Timing)
    contents: tuple[dict[str, Any], ...] = ()
    mark: bool | None = None
    as_written: bool = False
    often: bool = False

    @property
    def sha256(self) -> str:
        """The digest of everything that decides what is sent, to whom and when. Equal revisions have equal digests.

        What a later release added is left out while it has its default: old revisions keep their digests.
        """
        times = timing_to_json(self.timing)
        content: dict[str, Any] = {
            "message": self.message,
            "audience": self.audience[1] if self.audience else None,
            "batch_size": self.batch_size,
            "on_unknown": self.on_unknown,
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "accept_local_suppressions": self.accept_local_suppressions,
        }
        content |= {"timing": times} if times else {}
        content |= {"contents": self.contents} if self.contents else {}
        content |= {"mark": True} if self.mark else {}
        content |= {"as_written": True} if self.as_written else {}
        content |= {"often": True} if self.often else {}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def as_row(self) -> RevisionRow:
        """The revision as `find_revision` returns it once it is added."""
        return RevisionRow(
            campaign_id=self.campaign_id,
            number=self.number,
            message=self.message,
            audience_version_id=self.audience[0] if self.audience else None,
            batch_size=self.batch_size,
            on_unknown=self.on_unknown,
            starts_at=self.starts_at,
            zone=self.zone,
            accept_local_suppressions=self.accept_local_suppressions,
            sha256=self.sha256,
            timing=timing_to_json(self.timing) or None,
            contents=list(self.contents) or None,
            mark=self.mark,
            as_written=self.as_written,
            often=self.often,
        )


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
"""The columns of a CampaignRow, by their names."""


def find_campaign(connection: Connection, campaign_id: int) -> CampaignRow:
    """The campaign. Raises NotFound."""
    row = connection.execute(CAMPAIGNS.where(campaign.c.id == campaign_id)).mappings().one_or_none()
    if row is None:
        raise unknown_campaign(campaign_id)
    return _campaign_row(row)


def unknown_campaign(campaign_id: int) -> NotFound:
    """The refusal for a campaign that does not exist, or that must look like one."""
    return NotFound(f"There is no campaign {campaign_name(campaign_id)}.", Remedy(Do.LIST_CAMPAIGNS))


def refuse_probe(row: CampaignRow) -> None:
    """Raise NotAllowed for the campaign of a probe: what it sends is deleted again, which only a probe does."""
    if row.kind == "probe":
        raise NotAllowed(
            f"Campaign {campaign_name(row.id)} is a probe of account {row.account_id}: it is sent once and then "
            "deleted.",
            Remedy(Do.PROBE_ACCOUNT, account=row.account_id),
        )


def _campaign_row(row: RowMapping) -> CampaignRow:
    return CampaignRow(**{**row, "state": CampaignState(row["state"])})


def find_revision(connection: Connection, campaign_id: int, number: int) -> RevisionRow:
    """One revision. It never changes, so a caller may cache it."""
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


def add_campaign(act: Act, *, name: str, account_id: str, kind: str = "campaign", launches: int = 0) -> int:
    """Add a campaign and return its ID; the caller adds its first revision in the same transaction."""
    campaign_id = act.connection.scalar(
        insert(campaign)
        .values(
            name=name,
            account_id=account_id,
            state=(CampaignState.LAUNCHED if launches else CampaignState.DRAFT).value,
            kind=kind,
            launches=launches,
            revision=1,
            created_at=act.now,
            updated_at=act.now,
        )
        .returning(campaign.c.id)
    )
    assert isinstance(campaign_id, int)
    return campaign_id


def add_revision(act: Act, new: Revision) -> None:
    """Write one revision."""
    act.connection.execute(insert(revision).values(**asdict(new.as_row()), actor=act.actor, created_at=act.now))


def change_campaign(connection: Connection, seen: CampaignRow, *, now: datetime, **columns: Any) -> None:
    """Change a campaign that is still in the state of `seen`. Raises NotAllowed when somebody else changed it since."""
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
            f"Campaign {campaign_name(seen.id)} was changed by somebody else at the same moment. Look at it and try "
            "again.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=seen.id),
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
    return [_campaign_row(row) for row in connection.execute(armed.limit(limit)).mappings()]
