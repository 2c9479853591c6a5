"""What lifts an open hold, once its cause is removed."""

from __future__ import annotations

from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope


def lifted_by(kind: HoldKind, scope: HoldScope, *, run_id: int | None = None, account_id: str | None = None) -> Remedy:
    """What a person does to lift a hold.

    `run_id`: a run that it pauses. `account_id`: an account that it pauses; of a team's hold, any account of the team.
    """
    if kind is HoldKind.STOP:
        return Remedy(Do.GO) if scope is HoldScope.TEAM else Remedy(Do.GO_ACCOUNT, account=account_id)
    if scope is HoldScope.RUN:
        return Remedy(Do.RESUME_RUN, run=run_id)
    return Remedy(Do.RELEASE_ACCOUNT, account=account_id)
