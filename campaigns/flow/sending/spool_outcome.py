"""Keep an outcome that the database would not take on this host, and write it once the database is back.

Written late it goes through the same door as any other: the fence decides whether it still settles its batch or is
evidence. The vendor's raw reply is not kept, since it may repeat the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from campaigns.domain.errors import StaleClaim
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind, VendorReport
from campaigns.flow.sending.record import record_outcome
from campaigns.ports import Replayed, Spool
from campaigns.store.database.engine import Store
from campaigns.store.sending.attempts import OpenAttempt


def keep_outcome(spool: Spool, opened: OpenAttempt, outcome: Outcome, *, costs_attempt: bool) -> bool:
    """Keep an outcome for later; False when that fails too: then the lease ends, and the attempt counts as unknown."""
    without_words = replace(outcome, response=None, report=replace(outcome.report, data={}))
    return spool.keep({"attempt": asdict(opened), "outcome": asdict(without_words), "costs_attempt": costs_attempt})


def write_kept(store: Store, spool: Spool, limits: Limits, *, actor: str) -> Replayed:
    """Write every outcome that this host has kept. Raises DatabaseAway, or DatabaseBusy when somebody keeps an
    account's lock: what is not written yet stays kept.

    To be called before attempts whose lease has ended are swept, since an outcome is more than the guess of a sweep.
    """

    def write(kept: Mapping[str, Any]) -> None:
        opened, outcome, costs_attempt = _read(kept)
        with suppress(StaleClaim):  # settled meanwhile: the answer now stands as evidence
            record_outcome(store, opened, outcome, limits, actor=actor, costs_attempt=costs_attempt, briefly=True)

    return spool.replay(write)


def _read(kept: Mapping[str, Any]) -> tuple[OpenAttempt, Outcome, bool]:
    """Raises ValueError when something of it is missing or is no word of ours."""
    try:
        fields = dict(kept["outcome"])
        hold = fields.pop("hold")
        outcome = Outcome(
            kind=OutcomeKind(fields.pop("kind")),
            hold=None if hold is None else HoldOrder(HoldScope(hold["scope"]), hold["kind"]),
            report=VendorReport(**fields.pop("report")),
            **fields,
        )
        return OpenAttempt(**kept["attempt"]), outcome, bool(kept["costs_attempt"])
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no outcome: {fault}") from None
