"""What a run says: its own message, or its revision's; and which run of a campaign comes next."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.states import RUN_OPEN
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.runs import run


def message_of_run(connection: Connection, run_id: int) -> dict[str, Any]:
    """What a run says: its own message where it has one (a content in turn, variables filled in), else its revision's.

    It never changes, so it may be kept in memory; not beyond a claim of the lane, as a restored database gives the
    run's number to another one.
    """
    own = find_own_message(connection, run_id)
    if own is not None:
        return own
    said: dict[str, Any] = connection.execute(
        select(revision.c.message)
        .join(run, (revision.c.campaign_id == run.c.campaign_id) & (revision.c.number == run.c.revision))
        .where(run.c.id == run_id)
    ).scalar_one()
    return said


def said_by_run(connection: Connection, run_id: int) -> dict[str, Any]:
    """Which occurrence a run is, which content it takes, its text, and when the vendor is to send it if it is told."""
    row = connection.execute(select(run.c.occurrence, run.c.content).where(run.c.id == run_id)).one()
    said = message_of_run(connection, run_id)
    return {**row._asdict(), "text": said["text"], "scheduled_date": said.get("scheduled_date")}


def find_own_message(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """What a run says where that is not what its revision says."""
    return connection.scalar(select(run.c.message).where(run.c.id == run_id))


def next_occurrence(connection: Connection, campaign_id: int) -> int:
    """The number of the campaign's next run that is opened to send, by hand or by its schedule; reruns have none."""
    newest = connection.scalar(select(func.max(run.c.occurrence)).where(run.c.campaign_id == campaign_id))
    return int(newest or 0) + 1


def open_runs_of(connection: Connection, campaign_id: int) -> list[int]:
    """Runs of the campaign in which something may still happen by itself."""
    return list(
        connection.scalars(
            select(run.c.id)
            .where(run.c.campaign_id == campaign_id, run.c.state.in_(sorted(RUN_OPEN)))
            .order_by(run.c.id)
        )
    )
