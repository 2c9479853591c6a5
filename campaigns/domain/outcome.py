"""What is known after one request, and the table that decides it.

The gateway reports facts (a reply, or how far the request got before it failed); `classify` turns them into an
`Outcome` by the first row that matches. Anything no row foresees is `unknown`: the request may have reached the vendor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class OutcomeKind(StrEnum):
    """What one attempt proved."""

    ACCEPTED = "accepted"  # 2xx with a message ID: the vendor took it
    REJECTED = "rejected"  # the vendor refused this content or these recipients; nothing was sent
    UNKNOWN = "unknown"  # nothing is proved; the fans may have been messaged
    NOT_SENT = "not_sent"  # proved: no byte of the request left, or the vendor said so
    THROTTLED = "throttled"  # a limiter refused it before acting; costs no attempt
    HELD = "held"  # refused for a reason that concerns more than this batch: key, account, credits, configuration


class HoldScope(StrEnum):
    """How far a refusal reaches."""

    RUN = "run"
    ACCOUNT = "account"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """A refusal that must stop more than one batch: what to hold, and the word that stands for why."""

    scope: HoldScope
    kind: str  # "key", "credits", "account", "configuration"


@dataclass(frozen=True, slots=True)
class VendorReport:
    """What a reply said about itself: `_meta` and headers, each None where absent or null."""

    credits_used: int | None = None
    credits_balance: int | None = None
    credits_note: str | None = None
    is_cached: bool | None = None
    cache_note: str | None = None
    limit_minute: int | None = None
    remaining_minute: int | None = None
    limit_day: int | None = None
    remaining_day: int | None = None
    limits_notice: str | None = None
    data: dict[str, Any] = field(default_factory=dict)  # the reply's `data` as it came, every field


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt proved, and everything worth keeping of the reply."""

    kind: OutcomeKind
    error: str | None = None  # one line for people, no secrets, at most 500 characters
    http_status: int | None = None
    upstream_status: int | None = None  # the status OnlyFans gave the vendor, when the reply wraps one
    message_id: str | None = None
    retry_after_seconds: float | None = None  # THROTTLED only
    hold: HoldOrder | None = None  # HELD only
    one_user_may_be_the_cause: bool = False  # REJECTED only
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None  # the raw body, redacted, at most 4096 characters
