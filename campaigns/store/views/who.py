"""Every batch that named one user, with the keys of the documented JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.states import BatchState
from campaigns.store.recall.unsend_requests import UNSENT, is_unsent
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run
from campaigns.store.views.text import as_text


def who(connection: Connection, user: int) -> list[dict[str, Any]]:
    """Every batch that named a user, the newest run first. Whole lists cannot be told: only the vendor knows."""
    rows = connection.execute(
        select(
            run.c.id.label("run_id"),
            campaign.c.name,
            batch.c.seq,
            batch.c.state,
            batch.c.message_id,
            batch.c.updated_at,
            batch.c.users,
            is_unsent().label("is_unsent"),
        )
        .join(run, run.c.id == batch.c.run_id)
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .where(batch.c.first_user <= user, batch.c.last_user >= user, batch.c.state != BatchState.SPLIT.value)
        .order_by(run.c.id.desc(), batch.c.seq)
    )
    return [
        {
            "run_id": row.run_id,
            "campaign": row.name,
            "batch": row.seq,
            "state": row.state,
            "message_id": row.message_id,
            "follow": UNSENT if row.is_unsent else None,
            "at": as_text(row.updated_at),
        }
        for row in rows
        if user in unpack(row.users)
    ]
