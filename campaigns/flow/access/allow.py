"""Check the rights of whoever asks, on the account that the thing belongs to.

What is hidden is refused with the very words for what does not exist.
"""

from __future__ import annotations

from campaigns.domain.access.rights import Principal, Right
from campaigns.store.accounts.bindings import hidden_account
from campaigns.store.campaigns.campaigns import find_campaign, unknown_campaign
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import find_run, unknown_run


def allow_campaign(store: Store, by: Principal, any_of: frozenset[Right], campaign_id: int) -> None:
    """Raise Forbidden without one of the rights, NotFound for a campaign that does not exist or is hidden."""
    by.require(any_of)
    with store.read() as connection:
        account_id = find_campaign(connection, campaign_id).account_id
    if not by.sees(account_id):
        raise unknown_campaign(campaign_id)


def allow_run(store: Store, by: Principal, any_of: frozenset[Right], run_id: int) -> None:
    """Raise Forbidden without one of the rights, NotFound for a run that does not exist or is hidden."""
    by.require(any_of)
    with store.read() as connection:
        account_id = find_run(connection, run_id).account_id
    if not by.sees(account_id):
        raise unknown_run(run_id)


def allow_account(by: Principal, any_of: frozenset[Right], account_id: str | None) -> None:
    """Raise Forbidden without one of the rights, NotFound for a hidden account. None: every account."""
    by.require(any_of)
    if account_id is None:
        by.require_every_account()
    elif not by.sees(account_id):
        raise hidden_account(account_id)
