"""What the release of an account lets go on, before anybody says yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.domain.states import HoldKind
from campaigns.flow.accounts.accounts import nothing_to_release
from campaigns.store.accounts.accounts import accounts_of
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, OpenHold, every_open_hold, holds_on
from campaigns.store.holds.reach import WaitingRun, waiting_runs


@dataclass(frozen=True, slots=True)
class ReleasePreview:
    """What `release_account` would lift now, and what goes on then."""

    on_account: Sequence[OpenHold]
    on_team: Sequence[OpenHold]
    accounts: Sequence[str]  # that would be released: the one, or all of its team
    runs: Sequence[WaitingRun]  # that go on, since nothing else holds them


def preview_release(store: Store, account_id: str) -> ReleasePreview:
    """What would be lifted, and which runs would go on. Changes nothing. Raises NotAllowed, NotFound."""
    with store.read() as connection:
        upstream, _ = find_upstream(connection, account_id)
        on_account, on_team = (
            holds_on(connection, held) for held in (Held(account_id=account_id), Held(upstream=upstream))
        )
        lifted = [hold for hold in [*on_account, *on_team] if hold.kind is not HoldKind.STOP]
        if not lifted:
            raise nothing_to_release(account_id, on_account, on_team)
        gone = {hold.id for hold in lifted}
        left = [hold.held for hold in every_open_hold(connection) if hold.id not in gone]
        is_team = any(hold in on_team for hold in lifted)
        reached = accounts_of(connection, upstream) if is_team else [account_id]
        runs = [
            run
            for run in waiting_runs(connection)
            if run.account in reached
            and not {Held(run_id=run.run_id), Held(account_id=run.account), Held(upstream=upstream)} & set(left)
        ]
    return ReleasePreview(
        on_account=[hold for hold in lifted if hold in on_account],
        on_team=[hold for hold in lifted if hold in on_team],
        accounts=reached,
        runs=runs,
    )
