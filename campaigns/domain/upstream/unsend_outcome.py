"""What is known after one request to take a message back, and what that means for the next one.

Unlike a send, a DELETE may be asked again: taking back what is taken back changes nothing, and reaches no fan. So an
answer that proves nothing is no state to be resolved by a person; the item is looked at and, if need be, asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from campaigns.domain.upstream.outcome import HoldOrder, Outcome, OutcomeKind, classify, one_line
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.reply import NoReply, Reply, VendorReport


class UnsendKind(StrEnum):
    """What one request to take a message back proved."""

    UNSENT = "unsent"  # the vendor says that it is taken back
    REFUSED = "refused"  # the vendor says that it will not, or does not know the message
    UNCLEAR = "unclear"  # nothing is proved
    NOT_SENT = "not_sent"  # proved: no byte of the request left, or the vendor said so
    THROTTLED = "throttled"  # a limiter refused it before acting
    HELD = "held"  # refused for a reason that concerns more than this message: key, account, credits, configuration
    IMPOSSIBLE = "impossible"  # given up: it cannot be taken back (any more)


ENDS_IT = frozenset({UnsendKind.UNSENT, UnsendKind.IMPOSSIBLE})
"""After these a recall asks no more for the message."""

YET_TO_BE_SEEN = "the vendor confirmed it; the message is yet to be seen gone"
"""What stands beside a DELETE that the vendor confirmed, where its word is not enough."""

LOOKS_FIRST = frozenset({UnsendKind.REFUSED, UnsendKind.UNCLEAR})
"""After these the item is looked at before anything else."""

MEANS: dict[OutcomeKind, UnsendKind] = {
    OutcomeKind.ACCEPTED: UnsendKind.UNCLEAR,  # the answer to a send, not to this
    OutcomeKind.REJECTED: UnsendKind.REFUSED,
    OutcomeKind.UNKNOWN: UnsendKind.UNCLEAR,
    OutcomeKind.NOT_SENT: UnsendKind.NOT_SENT,
    OutcomeKind.THROTTLED: UnsendKind.THROTTLED,
    OutcomeKind.HELD: UnsendKind.HELD,
}


@dataclass(frozen=True, slots=True)
class UnsendOutcome:
    """What one request proved, and everything worth keeping of the reply."""

    kind: UnsendKind
    error: str | None = None  # one line for people, no secrets
    http_status: int | None = None
    upstream_status: int | None = None
    retry_after_seconds: float | None = None  # THROTTLED only
    hold: HoldOrder | None = None  # HELD only
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None


def classify_unsend(facts: NoReply | Reply, message_id: str) -> UnsendOutcome:
    """What a DELETE proved. Refusals that concern key, account, credits or pace are read as those of a send."""
    outcome = classify(facts)
    if isinstance(facts, Reply):
        if facts.is_success:
            return _answered(facts, outcome, message_id)
        # A 404 in JSON is about the message; one without comes from something that is not the API.
        if facts.status == 404 and facts.body is not None and outcome.kind is not OutcomeKind.REJECTED:  # noqa: PLR2004
            by_account = outcome.hold is not None and outcome.hold.kind == "account"
            if not by_account:
                return _kept(outcome, UnsendKind.REFUSED, "the vendor does not know the message")
    return _kept(outcome, MEANS[outcome.kind])


def judge_item(
    item: ItemContent | None, before: UnsendKind | None, words: str | None, *, until_gone: bool = False
) -> UnsendOutcome | None:
    """What a look at the item settles, after a request that ended as `before`; None: ask to take it back again.

    `words`: the vendor's, from that request. `until_gone`: an item that is not shown is deleted, once that was asked
    for; before, no source says whether the vendor shows a scheduled one.
    `canUnsend` is the vendor's flag to go by; its seconds are no countdown (an integrator's measurements, 2026-11).
    """
    if item is not None and item.is_canceled:
        return UnsendOutcome(UnsendKind.UNSENT, "the vendor shows it as taken back")
    if item is None and until_gone:
        return None if before is None else UnsendOutcome(UnsendKind.UNSENT, "the vendor does not show it any more")
    if item is None:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, "the vendor does not show the message any more")
    if item.can_unsend is False:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, "the vendor shows that it cannot be taken back any more")
    if before is UnsendKind.REFUSED:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, one_line(f"the vendor refused, and still shows it: {words}"))
    return None


def unless_seen(outcome: UnsendOutcome) -> UnsendOutcome:
    """What an answer proves about a message that must be seen gone: not that it is."""
    if outcome.kind is not UnsendKind.UNSENT:
        return outcome
    return replace(outcome, kind=UnsendKind.UNCLEAR, error=YET_TO_BE_SEEN)


def _answered(reply: Reply, outcome: Outcome, message_id: str) -> UnsendOutcome:
    data = _mapping((reply.body or {}).get("data"))
    queue = _mapping(data.get("queue"))
    success, cancelled = data.get("success"), queue.get("isCanceled")
    is_other = "id" in queue and str(queue["id"]) != message_id
    if reply.wraps_onlyfans:
        return _kept(outcome, MEANS[outcome.kind])
    if is_other:
        return _kept(outcome, UnsendKind.UNCLEAR, "the answer is about something else")
    if success is not False and cancelled is True:
        return _kept(outcome, UnsendKind.UNSENT)
    if success is True and cancelled is None:
        return _kept(outcome, UnsendKind.UNSENT)
    if success is False and cancelled is not True:
        return _kept(outcome, UnsendKind.REFUSED, "the vendor says that it did not take it back")
    return _kept(outcome, UnsendKind.UNCLEAR, "the answer does not say whether it was taken back")


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _kept(outcome: Outcome, kind: UnsendKind, why: str | None = None) -> UnsendOutcome:
    return UnsendOutcome(
        kind,
        error=None if kind is UnsendKind.UNSENT else one_line(why or outcome.error or f"HTTP {outcome.http_status}"),
        http_status=outcome.http_status,
        upstream_status=outcome.upstream_status,
        retry_after_seconds=outcome.retry_after_seconds,
        hold=outcome.hold if kind is UnsendKind.HELD else None,
        report=outcome.report,
        response=outcome.response,
    )
