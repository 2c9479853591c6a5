"""What a run sends: its own message, or its revision's; and which run of a campaign comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.states import RUN_OPEN
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class RunContent:
    """What a run sends."""

    occurrence: int | None  # the ordinal among its campaign's runs that were opened to send; reruns have none
    content: int | None  # which of its revision's contents, from 1
    text: str
    scheduled_date: datetime | None  # when the vendor is to send it


def message_of_run(connection: Connection, run_id: int) -> dict[str, Any]:
    """What a run sends: its own message where it has one (a content in turn, variables filled in), else its revision's.

    It never changes, so a caller may keep it in memory for as long as it holds the lane, but no longer: a restored
    database gives the number of the run to another run.
    """
    own = find_own_message(connection, run_id)
    if own is not None:
        return own
    message: dict[str, Any] = connection.execute(
        select(revision.c.message)
        .join(run, (revision.c.campaign_id == run.c.campaign_id) & (revision.c.number == run.c.revision))
        .where(run.c.id == run_id)
    ).scalar_one()
    return message


def content_of_run(connection: Connection, run_id: int) -> RunContent:
    """Which occurrence a run is, and what it sends."""
    row = connection.execute(select(run.c.occurrence, run.c.content).where(run.c.id == run_id)).one()
    message = message_of_run(connection, run_id)
    date = message.get("scheduled_date")
    return RunContent(
        occurrence=row.occurrence,
        content=row.content,
        text=message["text"],
        scheduled_date=None if date is None else datetime.fromisoformat(date),
    )


def find_own_message(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """The run's own message; None when it sends the message of its revision."""
    return connection.scalar(select(run.c.message).where(run.c.id == run_id))


def next_occurrence(connection: Connection, campaign_id: int) -> int:
    """The ordinal of the campaign's next run that is opened to send, by hand or by its schedule; reruns have none."""
    newest = connection.scalar(select(func.max(run.c.occurrence)).where(run.c.campaign_id == campaign_id))
    return int(newest or 0) + 1


def open_runs_of(connection: Connection, campaign_id: int) -> list[int]:
    """The runs of the campaign that have not ended."""
    return list(
        connection.scalars(
            select(run.c.id)
            .where(run.c.campaign_id == campaign_id, run.c.state.in_(sorted(RUN_OPEN)))
            .order_by(run.c.id)
        )
    )
