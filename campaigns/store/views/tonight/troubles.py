"""What may need a person: open holds, unknown outcomes, and recalls that did not succeed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from campaigns.domain.states import BatchState, HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.recalls import recall
from campaigns.store.tables.runs import hold, run


@dataclass(frozen=True, slots=True)
class HoldRow:
    """An open hold. Exactly one of `run_id`, `account` and `upstream` is set, by its scope."""

    scope: HoldScope
    run_id: int | None
    account: str | None
    upstream: str | None
    kind: HoldKind
    reason: str
    actor: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class UnknownOfRun:
    """The batches of one run whose outcome is unknown, however old."""

    run_id: int
    campaign: str
    account: str
    whole_list: bool  # then only the vendor knows how many it would reach
    batches: int
    recipients: int
    searched: int  # of the batches, those that are still searched for at the vendor
    next_search_at: datetime | None


@dataclass(frozen=True, slots=True)
class FailedRecall:
    """A recall that ended lately and left messages at the vendor."""

    run_id: int
    account: str
    batches: int  # those that could not be recalled
    finished_at: datetime


def holds_of_tonight(connection: Connection, seen: frozenset[str] | None = None) -> list[HoldRow]:
    """Every open hold, the oldest first.

    `seen`: only those on these accounts and their runs, and those of the vendor on every account.
    """
    statement = select(hold).where(hold.c.closed_at.is_(None)).order_by(hold.c.id)
    if seen is not None:
        of_run = select(run.c.account_id).where(run.c.id == hold.c.run_id).scalar_subquery()
        team = hold.c.scope == HoldScope.TEAM.value
        statement = statement.where(or_(team, func.coalesce(hold.c.account_id, of_run).in_(sorted(seen))))
    rows = connection.execute(statement)
    return [
        HoldRow(
            scope=HoldScope(row.scope),
            run_id=row.run_id,
            account=row.account_id,
            upstream=row.upstream,
            kind=HoldKind(row.kind),
            reason=row.reason,
            actor=row.actor,
            opened_at=row.opened_at,
        )
        for row in rows
    ]


def unknowns_of_tonight(connection: Connection) -> list[UnknownOfRun]:
    """Every run with a batch whose outcome is unknown, the oldest first."""
    # Counted before the join, by the index on what is unknown: else SQLite looks at every batch of every run.
    unknown = (
        select(
            batch.c.run_id,
            func.count().label("batches"),
            func.coalesce(func.sum(batch.c.size), 0).label("recipients"),
            func.count(batch.c.look_at).label("searched"),
            func.min(batch.c.look_at).label("next_search_at"),
        )
        .where(batch.c.state == BatchState.UNKNOWN.value)
        .group_by(batch.c.run_id)
        .subquery()
    )
    rows = connection.execute(
        select(unknown, campaign.c.name, run.c.account_id, run.c.whole_list)
        .join(run, run.c.id == unknown.c.run_id)
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .order_by(unknown.c.run_id)
    )
    return [
        UnknownOfRun(
            run_id=row.run_id,
            campaign=row.name,
            account=row.account_id,
            whole_list=row.whole_list,
            batches=row.batches,
            recipients=int(row.recipients),
            searched=row.searched,
            next_search_at=row.next_search_at,
        )
        for row in rows
    ]


def failed_recalls(connection: Connection, *, since: datetime) -> list[FailedRecall]:
    """The recalls that ended since then and left messages at the vendor; of each run the newest."""
    rows = connection.execute(
        select(recall.c.run_id, recall.c.account_id, recall.c.failed, recall.c.finished_at)
        .where(recall.c.finished_at >= since, recall.c.failed > 0)
        .order_by(recall.c.id)
    )
    newest = {row.run_id: row for row in rows}
    return [
        FailedRecall(run_id=row.run_id, account=row.account_id, batches=row.failed, finished_at=row.finished_at)
        for row in newest.values()
    ]
