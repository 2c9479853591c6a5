"""Reading a reply of the vendor's: JSON, `_meta`, headers, Retry-After, and what must not be kept of it."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from campaigns.domain.upstream.outcome import DEFAULT_RETRY_AFTER_SECONDS
from campaigns.domain.upstream.reply import ERROR_FIELDS, Reply, VendorReport

LONGEST_RESPONSE = 4096
SHORTEST_RETRY_AFTER_SECONDS = 1.0
"""A limiter that refuses and says "now" is asked again a second later, not in a loop."""
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
LARGEST_NUMBER = 2**31 - 1
DEEPEST = 20

CREDENTIALS = re.compile(
    r"""(authorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?|\bbearer\s+)[^\s"',;<>}]+""", re.IGNORECASE
)
REMOVED = "[removed]"


class Redactor:
    """Removes the vendor key, however it is written, and anything that looks like an Authorization value."""

    def __init__(self, key: str) -> None:
        forms = {key, json.dumps(key)[1:-1], key.replace("/", "\\/"), quote(key, safe=""), html.escape(key)}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets, and without what a database cannot store (NUL, lone surrogates)."""
        for form in self._forms:
            text = text.replace(form, REMOVED)
        text = CREDENTIALS.sub(rf"\g<1>{REMOVED}", text)
        return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")

    def tree(self, value: Any, depth: int = 0) -> Any:
        """A JSON value without secrets, numbers that JSON does not have, and nesting that no reply needs."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list) and depth == DEEPEST:
            return None
        if isinstance(value, dict):
            return {self.text(name): self.tree(each, depth + 1) for name, each in value.items()}
        if isinstance(value, list):
            return [self.tree(each, depth + 1) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value


def read_reply(status: int, headers: Mapping[str, str], content: bytes, *, redactor: Redactor, now: datetime) -> Reply:
    """The facts of a whole reply. `headers` must be looked up without regard to case."""
    body = read_json(content)
    is_object = isinstance(body, dict)
    response = read_response(content, redactor)
    return Reply(
        status,
        body=body if is_object else None,
        retry_after_seconds=read_retry_after(headers, now),
        report=read_report(headers, body if is_object else {}, redactor),
        response=response,
        words=_error_words(body, redactor) if is_object else re.sub(r"<[^>]*>", " ", response or ""),
    )


def read_json(content: bytes) -> Any:
    """The JSON value in a body; None when there is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def read_response(content: bytes, redactor: Redactor) -> str | None:
    """The raw body as it is kept: redacted, then cut. None when empty."""
    return redactor.text(content.decode("utf-8", "replace"))[:LONGEST_RESPONSE] or None


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a Retry-After header asks to wait, from 1 s to a day; None when there is no such header.

    It holds seconds or a date (RFC 9110, 10.2.3). A date is measured from the reply's own Date, so that a wrong clock
    here does no harm, else from `now`. One that cannot be read still is a limiter's mark: then the default holds.
    """
    written = headers.get("retry-after")
    if written is None:
        return None
    written = written.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", written):
        seconds = float(written)
    else:
        until = _http_date(written)
        if until is None:
            return DEFAULT_RETRY_AFTER_SECONDS
        seconds = (until - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, SHORTEST_RETRY_AFTER_SECONDS), LONGEST_RETRY_AFTER_SECONDS)


def read_report(headers: Mapping[str, str], body: Mapping[str, Any], redactor: Redactor) -> VendorReport:
    """What a reply says about credits, cache and limits; the headers win over the body's `_meta`.

    Every field may be null or absent (day limits are gone from the vendor's newer replies) and then is None.
    """
    meta = _mapping(body.get("_meta"))
    used, cache, limits = (_mapping(meta.get(name)) for name in ("_credits", "_cache", "_rate_limits"))

    def number(header: str, found: object) -> int | None:
        told = _number(headers.get(header))
        return _number(found) if told is None else told

    def words(found: object) -> str | None:
        return None if found is None else redactor.text(str(found))[:LONGEST_RESPONSE]

    cached = _flag(headers.get("x-ofapi-is-cached"))
    return VendorReport(
        credits_used=number("x-ofapi-credits-used", used.get("used")),
        credits_balance=number("x-ofapi-credits-balance", used.get("balance")),
        credits_note=words(used.get("note")),
        is_cached=_flag(cache.get("is_cached")) if cached is None else cached,
        cache_note=words(cache.get("note")),
        cached_at=words(cache.get("cached_at")),
        limit_minute=number("x-rate-limit-limit-minute", limits.get("limit_minute")),
        remaining_minute=number("x-rate-limit-remaining-minute", limits.get("remaining_minute")),
        limit_day=number("x-rate-limit-limit-day", limits.get("limit_day")),
        remaining_day=number("x-rate-limit-remaining-day", limits.get("remaining_day")),
        limits_notice=words(limits.get("notice")),
        data=redactor.tree(_mapping(body.get("data"))),
        date=_vendor_clock(headers.get("date")),
    )


def _error_words(body: Mapping[str, Any], redactor: Redactor) -> str:
    found = [body.get(name) for name in ERROR_FIELDS] + [_mapping(body.get("onlyfans_response")).get("body")]
    return redactor.text(": ".join(dict.fromkeys(str(each) for each in found if each)))


def _mapping(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _number(found: object) -> int | None:
    written = str(found).strip()
    if isinstance(found, bool) or not re.fullmatch(r"-?[0-9]{1,10}", written):
        return None
    number = int(written)
    return number if abs(number) <= LARGEST_NUMBER else None


def _flag(found: object) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(found).strip().lower())


def _vendor_clock(written: str | None) -> str | None:
    moment = None if written is None else _http_date(written)
    return None if moment is None else moment.isoformat()


def _http_date(written: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
