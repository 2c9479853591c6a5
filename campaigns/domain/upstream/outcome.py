"""What is known after one request, and the table that decides it.

The gateway reports facts: a reply, or how far the request got before it failed. `classify` turns them into an `Outcome`
by the first row of `TABLE` that matches. If no row matches, it is `unknown`: the request may have reached the vendor.
docs/outcomes.md explains the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.blame import cure, is_limiter, may_be_one_user
from campaigns.domain.upstream.doubts import fault_of_accepted
from campaigns.domain.upstream.reply import ERROR_FIELDS, NoReply, Reply, VendorReport

__all__ = [
    "HoldOrder",
    "HoldScope",
    "NoReply",
    "Outcome",
    "OutcomeKind",
    "Reply",
    "VendorReport",
    "classify",
    "one_line",
]

DEFAULT_RETRY_AFTER_SECONDS = 60.0
"""Wait after a limiter that names no time: the vendor counts its budget by the minute (its rate limits page)."""

LONGEST_ERROR = 500

TEAM_REFUSALS = {
    401: (HoldKind.KEY, "the vendor refuses the key"),
    402: (HoldKind.CREDITS, "the credits are used up"),
    403: (HoldKind.CONFIGURATION, "something in front of the vendor refuses everything"),
}

TOO_LARGE = 413
REFUSES_THE_REQUEST = frozenset({410, 414, 415, 431, 451})
"""Statuses that, in a JSON reply, refuse the request for what it is: the run's other requests would be refused too."""

PROVES_NOTHING = frozenset({408, 409, 425, 429})
"""Statuses from 400 to 499 that do not prove that nothing was done: a time-out, a conflict (perhaps with the request
itself), too early, or a limit of somebody unknown."""


class OutcomeKind(StrEnum):
    """What one attempt proved."""

    ACCEPTED = "accepted"  # 2xx with a message ID: the vendor took it
    REJECTED = "rejected"  # the vendor refused this content or these recipients; nothing was sent
    UNKNOWN = "unknown"  # nothing is proved; the fans may have been messaged
    NOT_SENT = "not_sent"  # proved: no byte of the request left, or the vendor states that it was not sent
    THROTTLED = "throttled"  # a limiter refused it before acting; costs no attempt
    HELD = "held"  # refused for a reason that concerns more than this batch: key, account, credits, configuration


PROVES_NOT_SENT = frozenset({OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.THROTTLED, OutcomeKind.HELD})
"""Outcomes after which nobody can have been messaged."""


class HoldScope(StrEnum):
    """How far a refusal reaches."""

    RUN = "run"
    ACCOUNT = "account"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """A refusal that must stop more than one batch: what to hold, and the kind of the hold."""

    scope: HoldScope
    kind: HoldKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt proved, and everything of the reply that is recorded."""

    kind: OutcomeKind
    error: str | None = None  # one line for display, no secrets, at most 500 characters
    http_status: int | None = None
    upstream_status: int | None = None  # the status OnlyFans gave the vendor, when the reply wraps one
    message_id: str | None = None  # of ACCEPTED; of UNKNOWN if the reply names one and contradicts it
    retry_after_seconds: float | None = None  # THROTTLED only
    hold: HoldOrder | None = None  # HELD, or REJECTED where the run's other batches would be refused too
    one_user_may_be_the_cause: bool = False  # REJECTED only: halving may find the user
    is_too_large: bool = False  # REJECTED only: fewer users may be taken
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None  # the raw body, redacted, at most 4096 characters

    @property
    def may_halve(self) -> bool:
        """Whether the vendor may accept a part of the refused users."""
        return self.kind is OutcomeKind.REJECTED and (self.one_user_may_be_the_cause or self.is_too_large)


def classify(facts: NoReply | Reply) -> Outcome:
    """What an attempt proved: the first row of the table that matches, else unknown.

    A row that means "nothing was sent" does not count if another part of the same reply contradicts it: then nothing is
    proved, and to send again could reach somebody twice.
    """
    if isinstance(facts, NoReply):
        return _without_reply(facts)
    for row in TABLE:
        outcome = row(facts)
        if outcome is not None:
            doubt = _doubt(facts, outcome)
            return outcome if doubt is None else _unknown(facts, doubt)
    return _unknown(facts, "")


ABANDONED_WORDS = "its worker went away before the outcome was written"
"""The error of an attempt whose worker disappeared: it is about us, and not about the vendor."""


def one_line(words: str) -> str:
    """Text for an error column: one line of at most 500 characters."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "\u2026"


def _without_reply(facts: NoReply) -> Outcome:
    kind = OutcomeKind.UNKNOWN if facts.bytes_left else OutcomeKind.NOT_SENT
    return Outcome(
        kind, one_line(facts.error), http_status=facts.http_status, report=facts.report, response=facts.response
    )


def _doubt(reply: Reply, outcome: Outcome) -> str | None:
    """Why a reply does not prove that nothing was sent, as its row claims; None when it does, or claims nothing."""
    if outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}:
        return None
    if reply.named_message is not None:
        return f"it refuses, but carries the message ID {reply.named_message}"
    if reply.request_outcome == "unknown":
        return "the vendor says itself that the outcome is unknown"
    upstream = reply.upstream_status
    if upstream is None or _refuses(upstream) or outcome.kind is OutcomeKind.NOT_SENT:
        return None
    if outcome.kind is OutcomeKind.THROTTLED and upstream == 429:  # noqa: PLR2004
        return None
    return "OnlyFans had the request, and its reply proves nothing"


def _refuses(status: int) -> bool:
    return 400 <= status < 500 and status not in PROVES_NOTHING  # noqa: PLR2004


def _outcome(reply: Reply, kind: OutcomeKind, why: str = "", **more: Any) -> Outcome:
    upstream = reply.upstream_status
    statuses = f"HTTP {reply.status}" + ("" if upstream is None else f", OnlyFans {upstream}")
    error = one_line(": ".join(part for part in (statuses, why, reply.words) if part.strip()))
    return Outcome(
        kind,
        None if kind is OutcomeKind.ACCEPTED else error,
        http_status=reply.status,
        upstream_status=upstream,
        report=reply.report,
        response=reply.response,
        **more,
    )


def _unknown(reply: Reply, why: str) -> Outcome:
    """Nothing is proved; a message that the reply names is ours nevertheless."""
    return _outcome(reply, OutcomeKind.UNKNOWN, why, message_id=reply.named_message)


def _held(reply: Reply, scope: HoldScope, kind: HoldKind, why: str) -> Outcome:
    return _outcome(reply, OutcomeKind.HELD, why, hold=HoldOrder(scope, kind))


def _said_not_sent(reply: Reply) -> Outcome | None:
    if reply.request_outcome != "not_sent":
        return None
    return _outcome(reply, OutcomeKind.NOT_SENT, "the vendor says that it was not sent")


def _throttled(reply: Reply) -> Outcome | None:
    """429, the reply's or a wrapped one, with signs of a limiter, which refused it before anything was done."""
    if 429 not in {reply.status, reply.upstream_status}:  # noqa: PLR2004
        return None
    if not is_limiter(reply) and reply.retry_after_seconds is None and reply.report.remaining_minute != 0:
        return None
    wait = DEFAULT_RETRY_AFTER_SECONDS if reply.retry_after_seconds is None else reply.retry_after_seconds
    return _outcome(reply, OutcomeKind.THROTTLED, "a limiter refused it", retry_after_seconds=wait)


def _account_refused(reply: Reply) -> Outcome | None:
    """The account was refused: by OnlyFans (its login there), or by the vendor.

    A wrapped 401 or 403 is about the account whatever the reply's own status, because the key was accepted. With a 403
    in JSON the vendor refuses this account to this key: keys can be limited to accounts.
    """
    if reply.upstream_status in {401, 403} or (reply.status == 401 and reply.wraps_onlyfans):  # noqa: PLR2004
        why = "OnlyFans refuses the account"
    elif "account_not_found" in [(reply.body or {}).get(name) for name in ERROR_FIELDS]:
        why = "the vendor does not know the account"
    elif reply.status == 403 and reply.body is not None:  # noqa: PLR2004
        why = "the vendor refuses the account to this key"
    else:
        return None
    return _held(reply, HoldScope.ACCOUNT, HoldKind.ACCOUNT, why)


def _team_refused(reply: Reply) -> Outcome | None:
    """Key, credits or everything was refused: a 403 without JSON comes from the edge, which refuses every account."""
    kind, why = TEAM_REFUSALS.get(reply.status, (None, ""))
    return None if kind is None else _held(reply, HoldScope.TEAM, kind, why)


def _too_large(reply: Reply) -> Outcome | None:
    """In HTML too: a proxy in front of the vendor refuses a large request before the vendor reads it."""
    if (reply.upstream_status or reply.status) != TOO_LARGE:
        return None
    return _outcome(reply, OutcomeKind.REJECTED, "the request is too large for the vendor", is_too_large=True)


def _refused(reply: Reply) -> Outcome | None:
    """The content or the recipients were refused, by OnlyFans or by the vendor's validation."""
    upstream = reply.upstream_status
    by_onlyfans = upstream is not None and _refuses(upstream)
    by_vendor = reply.status in {400, 422} and reply.body is not None
    if not (by_onlyfans or by_vendor):
        return None
    cause = upstream if by_onlyfans else reply.status
    one_user = cause in {400, 422} and may_be_one_user(reply)
    return _outcome(reply, OutcomeKind.REJECTED, cure(reply), one_user_may_be_the_cause=one_user)


def _request_refused(reply: Reply) -> Outcome | None:
    """The request was refused for what it is; the run's other requests would be refused too."""
    if reply.status not in REFUSES_THE_REQUEST or reply.body is None:
        return None
    return _outcome(reply, OutcomeKind.REJECTED, hold=HoldOrder(HoldScope.RUN, HoldKind.REFUSED))


def _misdirected(reply: Reply) -> Outcome | None:
    if reply.status in {404, 405} or 300 <= reply.status < 400:  # noqa: PLR2004
        return _held(reply, HoldScope.TEAM, HoldKind.CONFIGURATION, "this is not the vendor's send call as we know it")
    return None


def _accepted(reply: Reply) -> Outcome | None:
    if not reply.is_success or reply.message_id is None:
        return None
    fault = fault_of_accepted(reply)
    if fault is not None:
        return _unknown(reply, f"message {reply.message_id} {fault}")
    return _outcome(reply, OutcomeKind.ACCEPTED, message_id=reply.message_id)


TABLE: tuple[Callable[[Reply], Outcome | None], ...] = (
    _said_not_sent,
    _throttled,
    _account_refused,
    _team_refused,
    _too_large,
    _refused,
    _request_refused,
    _misdirected,
    _accepted,
)
"""The rows for a whole reply, in order. If none matches, the outcome is unknown."""
