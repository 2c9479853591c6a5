"""Keep an outcome on this host when the database does not take it, and write it once the database is back.

A late outcome is written as any other: the fence decides whether it still settles its batch, or is evidence. It is
written only onto the very attempt that it belongs to: a database that was restored meanwhile may have no such attempt,
or another one with the same numbers. The vendor's raw reply is not kept, because it may repeat the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from campaigns.domain.errors import RequestLost, StaleClaim, TryLater
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind, VendorReport
from campaigns.flow.sending.record import record_outcome
from campaigns.ports import Replayed, RequestUnknown, Spool
from campaigns.store.database.engine import Store
from campaigns.store.sending.attempts import OpenAttempt
from campaigns.store.sending.identity import AttemptIdentity
from campaigns.store.sending.on_record import attempt_stands

NUMBERS = ("batch_id", "batch_seq", "number", "failures", "run_id", "account_id", "fence", "saves")
"""The fields of an attempt that are kept beside its identity: those that the previous release reads."""


def keep_outcome(spool: Spool, opened: OpenAttempt, outcome: Outcome, *, costs_attempt: bool) -> bool:
    """Keep an outcome for later; False when that fails too. Then the lease ends, and the attempt becomes unknown."""
    without_reply = replace(outcome, response=None, report=replace(outcome.report, data={}))
    entry: dict[str, Any] = {
        "attempt": {name: getattr(opened, name) for name in NUMBERS},
        "outcome": asdict(without_reply),
        "costs_attempt": costs_attempt,
    }
    if opened.identity is not None:
        entry["identity"] = {**asdict(opened.identity), "started_at": opened.identity.started_at.isoformat()}
    return spool.keep(entry)


def write_kept(store: Store, spool: Spool, limits: Limits, *, actor: str) -> Replayed:
    """Write every outcome that this host has kept.

    Raises DatabaseAway, or DatabaseBusy when somebody holds an account's lock: what is not written yet stays kept. Call
    it before the sweep of attempts whose lease has ended: an outcome tells more than the sweep does. An outcome of a
    request that the database does not know is put aside as evidence, one that cannot be written as damaged; neither
    stops the others.
    """

    def write(entry: Mapping[str, Any]) -> None:
        opened, outcome, costs_attempt = _read(entry)
        try:
            with store.read() as connection:
                if not attempt_stands(connection, opened):
                    raise RequestUnknown(opened.account_id)
            with suppress(StaleClaim):  # settled meanwhile: the answer is evidence now
                _record(store, opened, outcome, limits, actor=actor, costs_attempt=costs_attempt)
        except (TryLater, RequestUnknown):
            raise
        except Exception as fault:
            raise ValueError(f"it cannot be written: {fault}") from fault

    return spool.replay(write)


def _record(
    store: Store, opened: OpenAttempt, outcome: Outcome, limits: Limits, *, actor: str, costs_attempt: bool
) -> None:
    try:
        record_outcome(store, opened, outcome, limits, actor=actor, costs_attempt=costs_attempt, briefly=True)
    except RequestLost as lost:  # restored at this very moment
        raise RequestUnknown(opened.account_id) from lost


def _read(entry: Mapping[str, Any]) -> tuple[OpenAttempt, Outcome, bool]:
    """Read a kept outcome. Raises ValueError when a part of it is missing or cannot be read."""
    try:
        fields = dict(entry["outcome"])
        hold = fields.pop("hold")
        outcome = Outcome(
            kind=OutcomeKind(fields.pop("kind")),
            hold=None if hold is None else HoldOrder(HoldScope(hold["scope"]), HoldKind(hold["kind"])),
            report=VendorReport(**fields.pop("report")),
            **fields,
        )
        identity = None if "identity" not in entry else _identity(entry["identity"])
        return OpenAttempt(**entry["attempt"], identity=identity), outcome, bool(entry["costs_attempt"])
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no outcome: {fault}") from None


def _identity(entry: Mapping[str, Any]) -> AttemptIdentity:
    return AttemptIdentity(**{**entry, "started_at": datetime.fromisoformat(entry["started_at"])})
