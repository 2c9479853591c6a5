"""Read-only questions about campaigns. The fields are the keys of the documented JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from campaigns.domain.schedules.timing import timing_to_json
from campaigns.domain.states import RUN_OPEN, CampaignState
from campaigns.store.accounts.bindings import zone_of_account
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.runs.content import open_runs_of
from campaigns.store.tables.audience import audience_version
from campaigns.store.tables.campaigns import campaign, revision
from campaigns.store.tables.runs import run
from campaigns.store.views.schedules import ScheduleView, schedules


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign in a list."""

    id: int
    name: str
    account: str
    state: CampaignState
    revision: int
    launches: int
    due_at: datetime | None
    created_at: datetime
    schedule: str
    next_at: datetime | None
    paused: str | None
    paused_at: datetime | None
    paused_by: str | None
    occurrences: int
    skipped: int
    recipients: int | None  # user IDs of its newest revision; None: whole lists alone
    open_runs: int


@dataclass(frozen=True, slots=True)
class AudienceView:
    """Who was read from a file, counted."""

    id: int
    source: str
    size: int
    lines: int
    duplicates: int
    skipped_bad: int
    users_sha256: str


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with its newest revision, its audience and its runs."""

    id: int
    name: str
    account: str
    state: CampaignState
    revision: int
    launches: int
    due_at: datetime | None
    schedule: str
    next_at: datetime | None
    paused: str | None
    paused_at: datetime | None
    paused_by: str | None
    occurrences: int
    skipped: int
    message: dict[str, Any]
    contents: list[dict[str, Any]]
    audience: AudienceView | None
    batch_size: int
    on_unknown: str
    mark: bool
    text_mode: str
    as_written: bool
    often: bool
    starts_at: datetime | None
    zone: str | None
    open_runs: list[int]
    runs: list[int]
    timing: dict[str, Any]
    next_runs: Sequence[datetime] = ()  # filled in by flow, which knows how to compute them


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which campaigns a list shows; None: any."""

    state: CampaignState | None = None
    account_id: str | None = None
    archived: bool = True  # archived campaigns too
    newest: int | None = None  # at most this many
    accounts: frozenset[str] | None = None  # of these accounts
    below: int | None = None  # with a smaller ID, for the next page
    name_has: str | None = None  # with this text in the name, in any case of letters


def campaigns(connection: Connection, wanted: Wanted | None = None) -> list[CampaignLine]:
    """Campaigns that people wrote, the newest first; those of probes are left out."""
    wanted = wanted or Wanted()
    rows = connection.execute(_lines(wanted)).mappings().all()
    of_schedule = schedules(connection, [row["id"] for row in rows])
    return [
        CampaignLine(**{**row, "state": CampaignState(row["state"])}, **_schedule(of_schedule[row["id"]]))
        for row in rows
    ]


def campaign_of(connection: Connection, campaign_id: int) -> CampaignView:
    """One campaign with its newest revision, its audience and its runs. Raises NotFound."""
    row = find_campaign(connection, campaign_id)
    newest = find_revision(connection, campaign_id, row.revision)
    return CampaignView(
        id=row.id,
        name=row.name,
        account=row.account_id,
        state=row.state,
        revision=row.revision,
        launches=row.launches,
        due_at=row.due_at,
        **_schedule(schedules(connection, [campaign_id])[campaign_id]),
        message=newest.message,
        contents=newest.contents or [],
        audience=_audience(connection, newest.audience_version_id),
        batch_size=newest.batch_size,
        on_unknown=newest.on_unknown,
        mark=bool(newest.mark),
        text_mode=newest.message.get("text_mode") or "as_written",
        as_written=bool(newest.as_written),
        often=bool(newest.often),
        starts_at=newest.starts_at,
        zone=newest.times.zone or newest.zone or zone_of_account(connection, row.account_id),
        open_runs=open_runs_of(connection, campaign_id),
        runs=list(
            connection.scalars(select(run.c.id).where(run.c.campaign_id == campaign_id).order_by(run.c.id.desc()))
        ),
        timing=timing_to_json(newest.times),
    )


def campaign_ids(connection: Connection, *, limit: int) -> list[int]:
    """The newest IDs of campaigns, for completion at a prompt."""
    newest = select(campaign.c.id).where(campaign.c.kind == "campaign").order_by(campaign.c.id.desc())
    return list(connection.scalars(newest.limit(limit)))


def _lines(wanted: Wanted) -> Select[Any]:
    is_open = and_(run.c.campaign_id == campaign.c.id, run.c.state.in_(sorted(RUN_OPEN)))
    statement = (
        select(
            campaign.c.id,
            campaign.c.name,
            campaign.c.account_id.label("account"),
            campaign.c.state,
            campaign.c.revision,
            campaign.c.launches,
            campaign.c.due_at,
            campaign.c.created_at,
            audience_version.c.size.label("recipients"),
            select(func.count()).select_from(run).where(is_open).scalar_subquery().label("open_runs"),
        )
        .join(revision, and_(revision.c.campaign_id == campaign.c.id, revision.c.number == campaign.c.revision))
        .outerjoin(audience_version, audience_version.c.id == revision.c.audience_version_id)
        .where(campaign.c.kind == "campaign")
        .order_by(campaign.c.id.desc())
        .limit(wanted.newest)
    )
    if wanted.state is not None:
        statement = statement.where(campaign.c.state == wanted.state.value)
    elif not wanted.archived:
        statement = statement.where(campaign.c.state != CampaignState.ARCHIVED.value)
    if wanted.account_id is not None:
        statement = statement.where(campaign.c.account_id == wanted.account_id)
    if wanted.accounts is not None:
        statement = statement.where(campaign.c.account_id.in_(sorted(wanted.accounts)))
    if wanted.below is not None:
        statement = statement.where(campaign.c.id < wanted.below)
    if wanted.name_has:
        statement = statement.where(campaign.c.name.icontains(wanted.name_has, autoescape=True))
    return statement


def _schedule(view: ScheduleView) -> dict[str, Any]:
    """The fields of a schedule."""
    return asdict(view)


def _audience(connection: Connection, audience_version_id: int | None) -> AudienceView | None:
    if audience_version_id is None:
        return None
    row = (
        connection.execute(
            select(
                audience_version.c.id,
                audience_version.c.source,
                audience_version.c.size,
                audience_version.c.lines,
                audience_version.c.duplicates,
                audience_version.c.skipped_bad,
                audience_version.c.users_sha256,
            ).where(audience_version.c.id == audience_version_id)
        )
        .mappings()
        .one()
    )
    return AudienceView(**row)
