"""What a person does about each kind of hold: fix its cause, then let the run or the account send again."""

from __future__ import annotations

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope

FIX: dict[HoldKind, str] = {
    HoldKind.OPERATOR: "",
    HoldKind.STOP: "",
    HoldKind.KEY: "Set a valid key and restart the workers.",
    HoldKind.CREDITS: "Buy credits at the vendor.",
    HoldKind.ACCOUNT: "Log the account in at the vendor.",
    HoldKind.CONFIGURATION: "Check CAMPAIGNS_UPSTREAM_URL, and any proxy in front of the vendor.",
    HoldKind.REFUSED: "Correct the message, or cancel the run.",
    HoldKind.SUPPRESSIONS: "Cancel the run, or accept that the suppressed users get it.",
    HoldKind.RECIPIENTS: "Cancel the run, and give its campaign a list or user IDs.",
    HoldKind.RECALL: "See what the run before it still has at the vendor: `campaigns runs show RUN`.",
    HoldKind.HANDOVER: "Look at the vendor for the message.",
    HoldKind.ERRORS: "See `campaigns runs batches {run} --state rejected`, and fix the cause.",
    HoldKind.LATE_ANSWER: "Decide about the batch that the reason names: `campaigns runs decide RUN --batch SEQ "
    "--as accepted --message-id ID --reason TEXT`, or name the message with `--despite ID`.",
    HoldKind.RESTORED: "Make the suppressions again that are lost, and compare with the vendor what may have been sent "
    "(docs/operating.md, Backups).",
    HoldKind.UNREADABLE: "Bring every host to the newest release; `campaigns audit verify` shows changes.",
    HoldKind.HOURS: "Bring the zone data of the host up to date.",
    HoldKind.BOOKS: "Run `campaigns audit verify`, and report what it shows.",
}
"""What comes first, for each kind; empty where nothing does."""

LIFT_RUN = "`campaigns runs resume {run} --reason TEXT` lifts the hold."
LIFT_ACCOUNT = "`campaigns accounts release {account} --reason TEXT` lets the account send again."
LIFT_STOP = "`campaigns go` lets everything send again."
LIFT_STOP_OF_ACCOUNT = "`campaigns go --account {account}` lets the account send again."


def way_on(kind: HoldKind, scope: HoldScope, *, run_id: int | None = None, account_id: str | None = None) -> str:
    """What to do about an open hold, in one or two sentences.

    `run_id`: a run that it pauses. `account_id`: an account that it pauses, for a hold on an account or a team.
    """
    lift = LIFT_RUN if scope is HoldScope.RUN else LIFT_ACCOUNT
    if kind is HoldKind.STOP:
        lift = LIFT_STOP_OF_ACCOUNT if scope is HoldScope.ACCOUNT else LIFT_STOP
    sentences = " ".join(part for part in (FIX[kind], lift) if part)
    return sentences.format(run="RUN" if run_id is None else run_id, account=account_id or "ACCT")
