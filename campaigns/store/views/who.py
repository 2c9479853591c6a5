"""Everything about one user: in which batches of which runs they are, and why they were left out of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, false, func, literal, null, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.states import BatchState, RunState
from campaigns.store.accounts.bindings import require_account
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.recall.unsend_requests import UNSENT, is_unsent
from campaigns.store.runs.runs import find_run
from campaigns.store.tables.audience import audience_version, exclusion
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run
from campaigns.store.views.suppressions import SuppressionView, suppressions_of

LEFT_OUT = "left_out"
"""The state of somebody whom the plan of a run left out; all other states are those of batches."""

NOT_IN_AUDIENCE, NOT_KNOWN, NOT_PLANNED = "not_in_audience", "not_known", "not_planned"
"""Why no batch of a run names a user: they were not in its audience; only the vendor knows, as the run is to whole
lists; or the run is not planned, which a skipped run never is."""


@dataclass(frozen=True, slots=True)
class Mention:
    """What became of a user in one run."""

    run_id: int
    campaign: str
    batch: int | None  # None: left out by the plan
    state: str
    message_id: str | None
    follow: str | None
    at: datetime
    account: str
    campaign_id: int
    reason: str | None  # of what is rejected, unknown, cancelled or left out


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Whether a run reached a user, and if not, why."""

    user_id: str
    run_id: int
    campaign_id: int
    account: str
    state: str  # of the user's batch, or LEFT_OUT, or one of the three words above
    reason: str | None
    mentions: Sequence[Mention]
    suppressions: Sequence[SuppressionView]  # today's, on the run's account


def who(
    connection: Connection,
    user: int,
    *,
    account_id: str | None = None,
    campaign_id: int | None = None,
    since: datetime | None = None,
    accounts: frozenset[str] | None = None,
) -> list[Mention]:
    """What became of a user in every run that named them or left them out, the newest run first.

    Runs to whole lists are not among them: only the vendor knows who is on its lists. `accounts`: only of runs on
    these. Raises NotFound for an unknown account or campaign.
    """
    if account_id is not None:
        require_account(connection, account_id)
    if campaign_id is not None:
        find_campaign(connection, campaign_id)
    mentions = [
        each
        for each in _mentions(connection, user)
        if account_id in {None, each.account}
        and campaign_id in {None, each.campaign_id}
        and (since is None or each.at >= since)
        and (accounts is None or each.account in accounts)
    ]
    return sorted(mentions, key=lambda each: (-each.run_id, each.batch or 0))


def why_not(connection: Connection, user: int, run_id: int) -> WhyNot:
    """Whether a run reached a user, and if not, why. Raises NotFound."""
    asked = find_run(connection, run_id)
    mentions = list(_mentions(connection, user, run_id))
    state, reason = (mentions[0].state, mentions[0].reason) if mentions else _unnamed(connection, user, run_id)
    return WhyNot(
        user_id=str(user),
        run_id=run_id,
        campaign_id=asked.campaign_id,
        account=asked.account_id,
        state=state,
        reason=reason,
        mentions=mentions,
        suppressions=suppressions_of(connection, user, asked.account_id),
    )


def _unnamed(connection: Connection, user: int, run_id: int) -> tuple[str, str | None]:
    """Why a run has no batch for a user and did not leave them out either."""
    row = connection.execute(
        select(run.c.state, run.c.reason, run.c.whole_list, run.c.planned_at, audience_version.c.users)
        .outerjoin(audience_version, audience_version.c.id == run.c.audience_version_id)
        .where(run.c.id == run_id)
    ).one()
    if row.users is not None and user not in unpack(row.users):
        return NOT_IN_AUDIENCE, None
    if row.planned_at is None:
        return NOT_PLANNED, row.reason if row.state in {RunState.SKIPPED, RunState.CANCELLED} else None
    return (NOT_KNOWN if row.whole_list else NOT_IN_AUDIENCE), None


_RUN = (run.c.id.label("run_id"), run.c.account_id, run.c.campaign_id, campaign.c.name)

_BATCHES: Select[Any] = (
    select(
        *_RUN,
        batch.c.seq,
        batch.c.state,
        batch.c.message_id,
        batch.c.updated_at.label("at"),
        batch.c.error.label("reason"),
        batch.c.users,
        is_unsent().label("is_unsent"),
    )
    .join(run, run.c.id == batch.c.run_id)
    .join(campaign, campaign.c.id == run.c.campaign_id)
    .where(
        batch.c.first_user <= bindparam("user"),
        batch.c.last_user >= bindparam("user"),
        batch.c.state != BatchState.SPLIT.value,
    )
    .order_by(run.c.id.desc(), batch.c.seq)
)

_LEFT_OUT: Select[Any] = (
    select(
        *_RUN,
        null().label("seq"),
        literal(LEFT_OUT).label("state"),
        null().label("message_id"),
        func.coalesce(run.c.planned_at, run.c.created_at).label("at"),
        exclusion.c.reason,
        exclusion.c.users,
        false().label("is_unsent"),
    )
    .join(run, run.c.id == exclusion.c.run_id)
    .join(campaign, campaign.c.id == run.c.campaign_id)
    .where(exclusion.c.first_user <= bindparam("user"), exclusion.c.last_user >= bindparam("user"))
    .order_by(run.c.id.desc())
)


def _mentions(connection: Connection, user: int, run_id: int | None = None) -> Iterator[Mention]:
    for statement in (_BATCHES, _LEFT_OUT):
        naming = statement if run_id is None else statement.where(run.c.id == run_id)
        for row in connection.execute(naming, {"user": user}):
            if user in unpack(row.users):
                yield Mention(
                    run_id=row.run_id,
                    campaign=row.name,
                    batch=row.seq,
                    state=row.state,
                    message_id=row.message_id,
                    follow=UNSENT if row.is_unsent else None,
                    at=row.at,
                    account=row.account_id,
                    campaign_id=row.campaign_id,
                    reason=row.reason,
                )
