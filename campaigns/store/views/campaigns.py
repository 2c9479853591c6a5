"""Read-only questions about campaigns, with the keys of the documented JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.runs.content import open_runs_of
from campaigns.store.tables.audience import audience_version
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run
from campaigns.store.views.schedules import ScheduleView, schedules
from campaigns.store.views.text import as_text


def campaigns(connection: Connection) -> list[dict[str, Any]]:
    """All campaigns that people wrote, the newest first: those of probes are not among them."""
    told = schedules(connection)
    rows = connection.execute(
        select(
            campaign.c.id,
            campaign.c.name,
            campaign.c.account_id,
            campaign.c.state,
            campaign.c.revision,
            campaign.c.launches,
            campaign.c.due_at,
            campaign.c.created_at,
        )
        .where(campaign.c.kind == "campaign")
        .order_by(campaign.c.id.desc())
    )
    return [
        {
            "id": row.id,
            "name": row.name,
            "account": row.account_id,
            "state": row.state,
            "revision": row.revision,
            "launches": row.launches,
            "due_at": as_text(row.due_at),
            "created_at": as_text(row.created_at),
            **_schedule(told[row.id]),
        }
        for row in rows
    ]


def campaign_of(connection: Connection, campaign_id: int) -> dict[str, Any]:
    """One campaign with its newest revision, its audience and its runs. Raises NotFound."""
    found = find_campaign(connection, campaign_id)
    revision = find_revision(connection, campaign_id, found.revision)
    return {
        "id": found.id,
        "name": found.name,
        "account": found.account_id,
        "state": found.state.value,
        "revision": found.revision,
        "launches": found.launches,
        "due_at": as_text(found.due_at),
        **_schedule(schedules(connection, campaign_id)[campaign_id]),
        "message": revision.message,
        "contents": revision.contents or [],
        "audience": _audience(connection, revision.audience_version_id),
        "batch_size": revision.batch_size,
        "on_unknown": revision.on_unknown,
        "mark": bool(revision.mark),
        "text_mode": revision.message.get("text_mode") or "as_written",
        "as_written": bool(revision.as_written),
        "often": bool(revision.often),
        "starts_at": as_text(revision.starts_at),
        "zone": revision.zone,
        "open_runs": open_runs_of(connection, campaign_id),
        "runs": list(
            connection.scalars(select(run.c.id).where(run.c.campaign_id == campaign_id).order_by(run.c.id.desc()))
        ),
    }


def _schedule(view: ScheduleView) -> dict[str, Any]:
    return {**asdict(view), "next_at": as_text(view.next_at), "paused_at": as_text(view.paused_at)}


def _audience(connection: Connection, audience_version_id: int | None) -> dict[str, Any] | None:
    if audience_version_id is None:
        return None
    row = connection.execute(
        select(
            audience_version.c.id,
            audience_version.c.source,
            audience_version.c.size,
            audience_version.c.lines,
            audience_version.c.duplicates,
            audience_version.c.skipped_bad,
            audience_version.c.users_sha256,
        ).where(audience_version.c.id == audience_version_id)
    ).one()
    return dict(row._asdict())
