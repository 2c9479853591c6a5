"""What a person does about each kind of hold: fix its cause, then let the run or the account send again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli.kit.remedies import in_words
from campaigns.domain.ids import run_name
from campaigns.domain.sending import lifting
from campaigns.domain.sending.lifting import lifted_by
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope

if TYPE_CHECKING:
    from campaigns.store.views.runs import RunView

FIX: dict[HoldKind, str] = {
    **lifting.FIX,
    HoldKind.OPERATOR: "",
    HoldKind.STOP: "",
    HoldKind.CONFIGURATION: "Check CAMPAIGNS_UPSTREAM_URL, and any proxy in front of the vendor.",
    HoldKind.RECALL: "See what the run before it still has at the vendor: `campaigns runs show RUN`.",
    HoldKind.ERRORS: "See `campaigns runs batches {run} --state rejected`, and fix the cause.",
    HoldKind.LATE_ANSWER: "Decide about the batch that the reason names: `campaigns runs decide {run} --batch SEQ "
    "--as accepted --message-id ID --reason TEXT`, or name the message with `--despite ID`.",
    HoldKind.UNREADABLE: "Bring every host to the newest release; `campaigns audit verify` shows changes.",
    HoldKind.BOOKS: "Run `campaigns audit verify`, and report what it shows.",
}
"""What comes first, for each kind; empty where nothing does."""


def way_on(kind: HoldKind, scope: HoldScope, *, run_id: int | None = None, account_id: str | None = None) -> str:
    """What to do about an open hold, in one or two sentences.

    `run_id`: a run that it pauses. `account_id`: an account that it pauses, for a hold on an account or a team.
    """
    remedy = lifted_by(kind, scope, run_id=run_id, account_id=account_id or "ACCT")
    return " ".join([*fix_of(kind, run_id), *in_words([remedy])])


def fix_of(kind: HoldKind, run_id: int | None) -> list[str]:
    """What removes the cause of a hold; nothing where the hold has none but a person's wish."""
    return [FIX[kind].format(run=run_name(run_id))] if FIX[kind] else []


def ways_on(run: RunView) -> list[str]:
    """What to do about each hold on a run, each way once."""
    ways = [way_on(hold.kind, hold.scope, run_id=run.id, account_id=run.account) for hold in run.holds]
    return list(dict.fromkeys(ways))
