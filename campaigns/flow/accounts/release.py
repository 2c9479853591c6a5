"""Release an account that is on hold, and its team with it, after a person has removed the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import HoldKind
from campaigns.flow.accounts.as_shown import changed, runs_in_numbers
from campaigns.store.accounts.accounts import accounts_of_upstream
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, OpenHold, holds_on, lift_hold
from campaigns.store.holds.reach import WaitingRun, runs_freed
from campaigns.store.sending.lanes import lock_lanes


@dataclass(frozen=True, slots=True)
class Released:
    """The kinds of the holds that were closed."""

    id: str
    released: Sequence[HoldKind]


@dataclass(frozen=True, slots=True)
class ReleasePreview:
    """What a release of an account would do now."""

    account: str
    upstream: str
    holds: Sequence[OpenHold]  # those that are lifted, on the account and on its team; a stop is never one of them
    accounts: Sequence[str]  # those of the team, if the team is on hold; else none
    runs: Sequence[WaitingRun]  # those that go on

    @property
    def in_numbers(self) -> str:
        """The accounts and the runs that go on, and the holds, such as `2 accounts and 1 run to 5 recipients`."""
        number = len(self.accounts) or 1
        holds = "; ".join(f"{hold.kind}: {hold.reason.rstrip('.')}" for hold in self.holds) or "no hold"
        return f"{number:,} account{'' if number == 1 else 's'} and {runs_in_numbers(self.runs)} ({holds})"


def preview_release(store: Store, account_id: str) -> ReleasePreview:
    """What a release would do now. Changes nothing. Raises NotFound, and NotAllowed where nothing can be released."""
    with store.read() as connection:
        return _preview(connection, account_id)


def release_account(
    store: Store, account_id: str, *, reason: str, actor: str, shown: ReleasePreview | None = None
) -> Released:
    """Close every open hold on the account and on its team, after a person has removed the cause.

    A stop stays: only `go` lifts it. `shown`: what a person was shown and agreed to; while another hold, account or run
    would go on than it names, nothing is closed. Raises NotAllowed, NotFound.
    """
    why = Reason(reason)
    with store.write() as connection:
        find_upstream(connection, account_id)
        lock_lanes(connection)
        act = Act(connection, store.now(connection), actor)
        seen = _preview(connection, account_id)
        if shown is not None and seen != shown:
            raise changed(shown.in_numbers, seen.in_numbers)
        for hold in seen.holds:
            lift_hold(act, hold.id, reason=why)
        act.record(EventKind.ACCOUNT_RELEASED, account_id=account_id, reason=why)
    return Released(account_id, [hold.kind for hold in seen.holds])


def _preview(connection: Connection, account_id: str) -> ReleasePreview:
    upstream, _ = find_upstream(connection, account_id)
    on_team = holds_on(connection, Held(upstream=upstream))
    on_account = holds_on(connection, Held(account_id=account_id))
    holds = [hold for hold in [*on_account, *on_team] if hold.kind is not HoldKind.STOP]
    if not holds:
        raise _nothing_to_release(account_id, on_account, on_team)
    is_team = any(hold in on_team for hold in holds)
    return ReleasePreview(
        account=account_id,
        upstream=upstream,
        holds=holds,
        accounts=accounts_of_upstream(connection, upstream) if is_team else (),
        runs=runs_freed(connection, [hold.id for hold in holds]),
    )


def _nothing_to_release(account_id: str, on_account: Sequence[object], on_team: Sequence[object]) -> NotAllowed:
    """The refusal: all that is left of its holds are stops."""
    if on_team:
        return NotAllowed(f"Account {account_id} is only stopped, as everything is.", Remedy(Do.GO))
    if on_account:
        return NotAllowed(f"Account {account_id} is only stopped.", Remedy(Do.GO_ACCOUNT, account=account_id))
    return NotAllowed(f"Account {account_id} is not on hold, so there is nothing to release.")
