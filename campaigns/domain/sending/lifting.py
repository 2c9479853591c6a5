"""What lifts an open hold, once its cause is removed."""

from __future__ import annotations

from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope

FIX: dict[HoldKind, str] = {
    HoldKind.KEY: "Set a valid key and restart the workers.",
    HoldKind.CREDITS: "Buy credits at the vendor.",
    HoldKind.ACCOUNT: "Log the account in at the vendor.",
    HoldKind.REFUSED: "Correct the message, or cancel the run.",
    HoldKind.SUPPRESSIONS: "Cancel the run, or accept that the suppressed users get it.",
    HoldKind.RECIPIENTS: "Cancel the run, and give its campaign a list or user IDs.",
    HoldKind.HANDOVER: "Look at the vendor for the message.",
    HoldKind.RESTORED: "Make the suppressions again that are lost, and compare with the vendor what may have been sent "
    "(docs/operating.md, Backups).",
    HoldKind.HOURS: "Bring the zone data of the host up to date.",
}
"""What removes the cause of a hold, where every edge says the same. Each edge has words of its own for the others."""


def lifted_by(kind: HoldKind, scope: HoldScope, *, run_id: int | None = None, account_id: str | None = None) -> Remedy:
    """What a person does to lift a hold.

    `run_id`: a run that it pauses. `account_id`: an account that it pauses; of a team's hold, any account of the team.
    """
    if kind is HoldKind.STOP:
        return Remedy(Do.GO) if scope is HoldScope.TEAM else Remedy(Do.GO_ACCOUNT, account=account_id)
    if scope is HoldScope.RUN:
        return Remedy(Do.RESUME_RUN, run=run_id)
    return Remedy(Do.RELEASE_TEAM if scope is HoldScope.TEAM else Do.RELEASE_ACCOUNT, account=account_id)
