"""The reply to one request, read but not judged: the facts from which `outcome.classify` decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ERROR_FIELDS = ("error", "code", "message", "description")
"""Fields in which the vendor's error bodies state the error; each of the known shapes uses one or two."""

LONGEST_WORDS = 4096

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def flag(found: object) -> bool | None:
    """A flag in any of its spellings; None for any other value."""
    return _FLAGS.get(str(found).strip().lower()) if isinstance(found, str | int) else None


def in_words(value: object) -> str:
    """The beginning of what an error field holds, as text; empty when it is nested too deep to be one."""
    try:
        return str(value)[:LONGEST_WORDS]
    except RecursionError:
        return ""


@dataclass(frozen=True, slots=True)
class VendorReport:
    """Data about a reply: `_meta` and headers, each None where absent or null."""

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
    cached_at: str | None = None
    date: str | None = None  # the vendor's clock at the reply: its `Date` header, in ISO 8601
    data: dict[str, Any] = field(default_factory=dict)  # the reply's `data`, every field


@dataclass(frozen=True, slots=True)
class NoReply:
    """A request that got no whole reply, for whatever reason."""

    bytes_left: bool  # False only if provably no byte of the request was given to the network
    error: str
    http_status: int | None = None  # when a status line came, but not the rest
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None  # the part of the body that came, redacted


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, read but not judged."""

    status: int
    body: Mapping[str, Any] | None = None  # None: not JSON, or JSON that is not an object
    retry_after_seconds: float | None = None  # None: there was no Retry-After
    report: VendorReport = field(default_factory=VendorReport)
    response: str | None = None  # the raw body, redacted
    words: str = ""  # its error text, redacted

    @property
    def is_success(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def message_id(self) -> str | None:
        """`data.id` as text: a positive whole number, or a short text without blanks."""
        return _id_in((self.body or {}).get("data"))

    @property
    def named_message(self) -> str | None:
        """A message ID anywhere in the reply: the vendor may have the message, whatever else the reply says.

        `data.id`, or a whole number as `id` of an item in `data`, at the top, or in OnlyFans's reply. There, a text
        that is not a number may name the error.
        """
        body = self.body or {}
        wrapped = body.get("onlyfans_response")
        inner = wrapped.get("body") if isinstance(wrapped, Mapping) else None
        inner_data = inner.get("data") if isinstance(inner, Mapping) else None
        data = body.get("data")
        places = [*(data if isinstance(data, list) else []), body, inner, inner_data]
        named = (found for each in places if (found := _id_in(each)) is not None and found.isdigit())
        return self.message_id or next(named, None)

    @property
    def wraps_onlyfans(self) -> bool:
        """Whether the vendor passes on OnlyFans's reply: then the vendor itself accepted the request."""
        return isinstance((self.body or {}).get("onlyfans_response"), Mapping)

    @property
    def upstream_status(self) -> int | None:
        """The status of OnlyFans's reply to the vendor; None when there is none, 0 when it is not an HTTP status."""
        wrapped = (self.body or {}).get("onlyfans_response")
        found = wrapped.get("status") if isinstance(wrapped, Mapping) else None
        if found is None:
            return None
        written = str(found)
        return int(written) if re.fullmatch(r"[0-9]{3}", written) else 0

    @property
    def request_outcome(self) -> str | None:
        """The vendor's own statement of the outcome (its idempotency page, documented for chats only)."""
        found = (self.body or {}).get("request_outcome")
        return found if isinstance(found, str) else None


def _id_in(found: object) -> str | None:
    """The `id` of an object: a positive whole number, or a short text without blanks."""
    named = found.get("id") if isinstance(found, Mapping) else None
    if isinstance(named, bool) or not isinstance(named, int | str):
        return None
    written = str(named)
    is_usable = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", written) and written.strip("0")
    return written if is_usable else None
