"""Remove an account: it is hidden, nothing new is opened on it, and every row of it stays."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.accounts import accounts
from campaigns.store.accounts.bindings import find_upstream, refuse_removed
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store
from campaigns.store.sending.lanes import lock_lanes


@dataclass(frozen=True, slots=True)
class Removed:
    """An account that was removed."""

    id: str
    reason: str


def remove_account(store: Store, account_id: str, *, reason: str, actor: str) -> Removed:
    """Hide an account; adding it again brings back the same row, lane and fence.

    Raises NotAllowed while a run of it is open, an outcome is unknown, or a campaign is armed; NotFound.
    """
    why = Reason(reason)
    with store.write() as connection:
        find_upstream(connection, account_id)
        lock_lanes(connection, [account_id])  # whoever opens a run or arms a campaign holds it too
        refuse_removed(connection, account_id)
        _refuse_used(connection, account_id)
        accounts.remove_account(Act(connection, store.now(connection), actor), account_id, reason=why)
    return Removed(account_id, why)


def _refuse_used(connection: Connection, account_id: str) -> None:
    not_removed = f"Account {account_id} cannot be removed:"
    run_id = next(iter(accounts.open_runs_on(connection, account_id)), None)
    if run_id is not None:
        raise NotAllowed(f"{not_removed} run {run_name(run_id)} is open.", Remedy(Do.CANCEL_RUN, run=run_id))
    run_id = next(iter(accounts.runs_with_unknown(connection, account_id)), None)
    if run_id is not None:
        raise NotAllowed(
            f"{not_removed} an outcome of run {run_name(run_id)} is unknown.", Remedy(Do.DECIDE, run=run_id)
        )
    campaign_id = next(iter(accounts.armed_campaigns(connection, account_id)), None)
    if campaign_id is not None:
        raise NotAllowed(
            f"{not_removed} campaign {campaign_name(campaign_id)} is armed.",
            Remedy(Do.ARCHIVE_CAMPAIGN, campaign=campaign_id),
        )
