"""Read a reply of the vendor: JSON, `_meta`, headers, Retry-After.

What a reply proves is in its status and in a few fields of its body. Everything else is optional: a header or a field
that cannot be read counts as missing, and does not change what the rest proves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from typing import Any

from campaigns.adapters.upstream.dates import http_date, vendor_clock
from campaigns.adapters.upstream.redactor import Redactor
from campaigns.domain.upstream.outcome import DEFAULT_RETRY_AFTER_SECONDS
from campaigns.domain.upstream.reply import ERROR_FIELDS, Reply, VendorReport, flag, in_words

LONGEST_RESPONSE = 4096
LONGEST_HEADER = 100
"""Longest header that is read, in characters."""

SHORTEST_RETRY_AFTER_SECONDS = 1.0
"""Least wait in seconds: after a limiter that says "now" the next request waits a second."""
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
LARGEST_NUMBER = 2**31 - 1
DEEPEST_TEXT = 4
"""A text that is nested deeper in an error field than this is not shown."""

MOST_TEXTS = 20
"""Most texts of all error fields that are shown."""


def read_reply(
    status: int, headers: Mapping[str, str], content: bytes | bytearray, *, redactor: Redactor, now: datetime
) -> Reply:
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
        words=_error_words(status, body, redactor) if is_object else re.sub(r"<[^<>]*>", " ", response or ""),
    )


def read_json(content: bytes | bytearray) -> Any:
    """The JSON value of a body; None when it is not JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def read_response(content: bytes | bytearray, redactor: Redactor) -> str | None:
    """The raw body as it is recorded, without secrets; its length when it is not text. None when empty."""
    return redactor.body(content, LONGEST_RESPONSE)


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait, from 1 s to a day; None when there is no such header.

    It has seconds or a date (RFC 9110, 10.2.3). A date is compared with the reply's own Date, so that a wrong clock
    here does no harm, else with `now`. A header that cannot be read is still the sign of a limiter: the default is
    used.
    """
    written = headers.get("retry-after")
    if written is None:
        return None
    seconds = _seconds(written.strip(), headers, now)
    if seconds is None:
        return DEFAULT_RETRY_AFTER_SECONDS
    return min(max(seconds, SHORTEST_RETRY_AFTER_SECONDS), LONGEST_RETRY_AFTER_SECONDS)


def _seconds(written: str, headers: Mapping[str, str], now: datetime) -> float | None:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", written):
        return float(written)
    until = http_date(written)
    return None if until is None else (until - (http_date(headers.get("date", "")) or now)).total_seconds()


def read_report(headers: Mapping[str, str], body: Mapping[str, Any], redactor: Redactor) -> VendorReport:
    """Credits, cache and limits in a reply; the headers win over the body's `_meta`.

    Every field may be null or absent (day limits are gone from the vendor's newer replies) and then is None.
    """
    meta = _mapping(body.get("_meta"))
    used, cache, limits = (_mapping(meta.get(name)) for name in ("_credits", "_cache", "_rate_limits"))

    def number(header: str, found: object) -> int | None:
        of_header = _number(headers.get(header))
        return _number(found) if of_header is None else of_header

    def words(found: object) -> str | None:
        return redactor.text(found) if isinstance(found, str) else None

    cached = flag(headers.get("x-ofapi-is-cached"))
    return VendorReport(
        credits_used=number("x-ofapi-credits-used", used.get("used")),
        credits_balance=number("x-ofapi-credits-balance", used.get("balance")),
        credits_note=words(used.get("note")),
        is_cached=flag(cache.get("is_cached")) if cached is None else cached,
        cache_note=words(cache.get("note")),
        cached_at=words(cache.get("cached_at")),
        limit_minute=number("x-rate-limit-limit-minute", limits.get("limit_minute")),
        remaining_minute=number("x-rate-limit-remaining-minute", limits.get("remaining_minute")),
        limit_day=number("x-rate-limit-limit-day", limits.get("limit_day")),
        remaining_day=number("x-rate-limit-remaining-day", limits.get("remaining_day")),
        limits_notice=words(limits.get("notice")),
        data=redactor.tree(_mapping(body.get("data"))),
        date=_date(headers.get("date")),
    )


def _error_words(status: int, body: Mapping[str, Any], redactor: Redactor) -> str:
    found = [body.get(name) for name in ERROR_FIELDS] + [_mapping(body.get("onlyfans_response")).get("body")]
    if 200 <= status < 300:  # noqa: PLR2004 - a refusal has its errors by field, which `blame` reads
        data = _mapping(body.get("data"))
        found += [body.get("errors"), data.get("error"), data.get("errors")]
    parts: list[str] = []
    for name, text in islice(chain.from_iterable(_texts(each) for each in found if each), MOST_TEXTS):
        if text and not any(text in part for part in parts):
            parts.append(f"{name} {text}" if name else text)
    return redactor.text(": ".join(parts), LONGEST_RESPONSE)


def _texts(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts in an error field, each with the name that it has; numbers and flags within objects say nothing."""
    if depth > DEEPEST_TEXT:
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(part, "" if key in ERROR_FIELDS else str(key), depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, name, depth + 1)
    elif isinstance(value, str) or not depth:
        yield name, in_words(value)


def _date(written: str | None) -> str | None:
    moment = vendor_clock(written)
    return None if moment is None else moment.isoformat()


def _mapping(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _number(found: object) -> int | None:
    """A whole number, also one that is written as `967.0`."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    written = str(found)[:LONGEST_HEADER].strip()
    number = int(written.partition(".")[0]) if re.fullmatch(r"-?[0-9]{1,10}(\.0{1,10})?", written) else None
    return number if number is not None and abs(number) <= LARGEST_NUMBER else None
