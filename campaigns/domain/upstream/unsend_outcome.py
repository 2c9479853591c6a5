"""What is known after one request to unsend a message, and what that means for the next request.

Unlike a POST, a DELETE may be repeated: to unsend an unsent message changes nothing, and reaches no fan. So nobody has
to decide after a reply that proves nothing: the item is looked at and, if need be, deleted again.
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
    """What one request to unsend a message proved."""

    UNSENT = "unsent"  # the vendor confirms it
    REFUSED = "refused"  # the vendor will not, or does not know the message
    UNCLEAR = "unclear"  # nothing is proved
    NOT_SENT = "not_sent"  # proved: no byte of the request left, or the vendor states that
    THROTTLED = "throttled"  # a limiter refused it before acting
    HELD = "held"  # refused for a reason that concerns more than this message: key, account, credits, configuration
    IMPOSSIBLE = "impossible"  # given up: it cannot be unsent, or no longer


ENDS_IT = frozenset({UnsendKind.UNSENT, UnsendKind.IMPOSSIBLE})
"""Final results: a recall makes no further request for the message."""

YET_TO_BE_SEEN = "the vendor confirmed it; the message is yet to be seen gone"
"""The error of a DELETE that the vendor confirmed, where the message must also be seen to be gone."""

LOOKS_FIRST = frozenset({UnsendKind.REFUSED, UnsendKind.UNCLEAR})
"""Results after which the item is looked at before anything else."""

MEANS: dict[OutcomeKind, UnsendKind] = {
    OutcomeKind.ACCEPTED: UnsendKind.UNCLEAR,  # the reply to a POST, not to a DELETE
    OutcomeKind.REJECTED: UnsendKind.REFUSED,
    OutcomeKind.UNKNOWN: UnsendKind.UNCLEAR,
    OutcomeKind.NOT_SENT: UnsendKind.NOT_SENT,
    OutcomeKind.THROTTLED: UnsendKind.THROTTLED,
    OutcomeKind.HELD: UnsendKind.HELD,
}


@dataclass(frozen=True, slots=True)
class UnsendOutcome:
    """What one request proved, and everything of the reply that is recorded."""

    kind: UnsendKind
    error: str | None = None  # one line for display, no secrets
    http_status: int | None = None
    upstream_status: int | None = None
    retry_after_seconds: float | None = None  # THROTTLED only
    hold: HoldOrder | None = None  # HELD only
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None


def classify_unsend(facts: NoReply | Reply, message_id: str) -> UnsendOutcome:
    """What a DELETE proved. Refusals of key, account or credits, and throttling, are read as for a send."""
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
    """What a look at the item settles, after a request that ended as `before`; None: make another DELETE.

    `words`: the vendor's text of that request. `until_gone`: after a DELETE, an item that is not shown is deleted;
    before one it is not known whether the vendor shows a scheduled item.
    `canUnsend` is the flag that counts; the vendor's seconds do not count down (an integrator's measurements, 2026-11).
    """
    if item is not None and item.is_canceled:
        return UnsendOutcome(UnsendKind.UNSENT, "the vendor shows it as unsent")
    if item is None and until_gone:
        return None if before is None else UnsendOutcome(UnsendKind.UNSENT, "the vendor no longer shows it")
    if item is None:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, "the vendor no longer shows the message")
    if item.can_unsend is False:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, "the vendor shows that it can no longer be unsent")
    if before is UnsendKind.REFUSED:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, one_line(f"the vendor refused, and still shows it: {words}"))
    return None


def unless_seen(outcome: UnsendOutcome) -> UnsendOutcome:
    """What a reply proves about a message that must be seen to be gone: not that it is gone."""
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
        return _kept(outcome, UnsendKind.UNCLEAR, "the reply is about something else")
    if success is not False and cancelled is True:
        return _kept(outcome, UnsendKind.UNSENT)
    if success is True and cancelled is None:
        return _kept(outcome, UnsendKind.UNSENT)
    if success is False and cancelled is not True:
        return _kept(outcome, UnsendKind.REFUSED, "the vendor says that it did not unsend it")
    return _kept(outcome, UnsendKind.UNCLEAR, "the reply does not say whether it was unsent")


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
