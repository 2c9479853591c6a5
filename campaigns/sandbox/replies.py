"""The replies of the sandbox: shapes of refusals, `_meta` and its headers.

Sources: the vendor's OpenAPI description and its pages on response structure, credits and rate limits, read 2026-11.
Shapes that no source shows are assumptions; docs/sandbox.md lists them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Literal

JSON = "application/json"
HTML = "text/html; charset=UTF-8"

CLOUDFLARE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>502: Bad gateway</title></head>\n"
    b"<body><h1>Bad gateway</h1><p>The server in front of the API got no usable answer.</p></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Transport:
    """How a reply is sent, or fails to arrive.

    plain: whole, after `seconds`. close: no reply, the connection is closed. reset: no reply, the connection is reset.
    half: cut in the middle of the body. drip: one byte every `seconds`. hang: no reply until the client disconnects, or
    until `seconds` (0: for ever) are over and the connection is closed.
    """

    how: Literal["plain", "close", "reset", "half", "drip", "hang"] = "plain"
    seconds: float = 0.0


PLAIN = Transport()


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, ready to be sent. `outcome` is its outcome in the request log."""

    status: int
    body: bytes
    outcome: str
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    transport: Transport = PLAIN


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request used of the team's budgets; None limits mean that there is none."""

    credits_used: int
    credits_balance: int
    limit_minute: int | None
    remaining_minute: int | None

    def meta(self) -> dict[str, Any]:
        """The `_meta` object of a reply. Day limits were abolished and are null."""
        return {
            "_credits": {
                "used": self.credits_used,
                "balance": self.credits_balance,
                "note": "Always" if self.credits_used else "Not charged",
            },
            "_cache": {"is_cached": False, "note": "Cache disabled for this endpoint"},
            "_rate_limits": {
                "limit_minute": self.limit_minute,
                "remaining_minute": self.remaining_minute,
                "limit_day": None,
                "remaining_day": None,
            },
        }

    def limit_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the minute window; none for a team without a limit."""
        if self.limit_minute is None:
            return ()
        return (
            ("X-Rate-Limit-Limit-Minute", str(self.limit_minute)),
            ("X-Rate-Limit-Remaining-Minute", str(self.remaining_minute)),
        )

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Every header that repeats `_meta`."""
        return (
            *self.limit_headers(),
            ("X-OFAPI-Credits-Used", str(self.credits_used)),
            ("X-OFAPI-Credits-Balance", str(self.credits_balance)),
            ("X-OFAPI-Is-Cached", "false"),
        )


@dataclass(frozen=True)
class Refused(Exception):
    """A request ends with this refusal; raised by the rules, turned into a Reply in one place."""

    status: int
    body: dict[str, Any] | bytes
    outcome: str
    credits_used: int = 0
    with_meta: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    burns_media: bool = False  # OnlyFans was asked, so one-use media is used up
    remaining_minute: int | None = field(default=None)  # replaces the meter's number: a limiter reports 0

    def reply(self, charge: Charge) -> Reply:
        """The reply as bytes, with `_meta` where the vendor sends it."""
        if self.remaining_minute is not None:
            charge = replace(charge, remaining_minute=self.remaining_minute)
        headers = (*charge.headers(), *self.headers) if self.with_meta else (*charge.limit_headers(), *self.headers)
        if isinstance(self.body, bytes):
            return Reply(self.status, self.body, self.outcome, headers, content_type=HTML)
        body = {**self.body, "_meta": charge.meta()} if self.with_meta else self.body
        return Reply(self.status, encode(body), self.outcome, headers)


def encode(value: Any) -> bytes:
    """Compact JSON in ASCII, so that a lone surrogate in a text does no harm."""
    return json.dumps(value, separators=(",", ":")).encode()


def unauthorised() -> Refused:
    """401: no key, or one that is not known. Its body has `error` only: a sentence, not a code."""
    return Refused(401, {"error": "The API key is missing or not valid."}, "unauthorised")


def forbidden() -> Refused:
    """403 of the vendor itself, for a key that may not do this. The body's form is assumed."""
    return Refused(403, {"error": "This API key may not use this endpoint."}, "forbidden")


def no_such_path() -> Refused:
    """404 for a path that the vendor does not have."""
    return Refused(404, {"message": "The route could not be found."}, "no_such_path")


def wrong_method() -> Refused:
    """405 for a path that exists under another method."""
    return Refused(405, {"message": "The method is not supported for this route."}, "wrong_method")


def account_not_found(account: str) -> Refused:
    """404 with the code `account_not_found`."""
    body = {"code": "account_not_found", "message": f"No account {account} belongs to this team."}
    return Refused(404, body, "account_not_found")


def no_credits() -> Refused:
    """402: the body has `message` only."""
    return Refused(402, {"message": "There are not enough credits left for this request."}, "no_credits")


def invalid(errors: dict[str, list[str]]) -> Refused:
    """422 in Laravel's shape; costs nothing."""
    first = next(iter(errors.values()))[0]
    more = sum(len(texts) for texts in errors.values()) - 1
    body = {
        "error": "VALIDATION_ERROR",
        "message": first + (f" (and {more} more)" if more else ""),
        "description": "The request did not pass validation, so nothing was sent to OnlyFans.",
        "errors": errors,
    }
    return Refused(422, body, "invalid", with_meta=True)


def onlyfans_error(
    status: int, upstream_status: int, words: str, *, outcome: str, hint: dict[str, str] | None = None
) -> Refused:
    """An error of OnlyFans passed on: the reply's status and that of OnlyFans may differ. Costs a credit."""
    body = {
        "error": "ONLYFANS_COM_ERROR",
        "message": words,
        "description": "OnlyFans did not do what was asked.",
        "onlyfans_response": {"status": upstream_status, "body": {"error": {"code": 0, "message": words}}},
        **(hint or {}),
    }
    return Refused(status, body, outcome, credits_used=1, with_meta=True, burns_media=True)


def logged_out() -> Refused:
    """The account's session has expired. No source shows this body: reply 500 around a 401 is assumed."""
    return onlyfans_error(500, 401, "Session expired, please sign in again", outcome="account_logged_out")


def throttled_by_vendor(retry_after: tuple[tuple[str, str], ...]) -> Refused:
    """429 of the team's own window. The body's form is assumed (Laravel's usual one); costs nothing."""
    return Refused(429, {"message": "Too Many Attempts."}, "over_limit", headers=retry_after, remaining_minute=0)


def throttled_by_onlyfans(retry_after: tuple[tuple[str, str], ...], *, cloudflare: bool) -> Refused:
    """429 of OnlyFans for one account, passed on; `cloudflare`: the front of OnlyFans refuses it."""
    code = "ONLYFANS_COM_RATE_LIMIT_ERROR"
    words = f"CF:{code} the front of OnlyFans slows this account down" if cloudflare else "Slow down"
    body = {"error": code, "message": words, "description": "OnlyFans limits this account for a while."}
    return Refused(429, body, "throttled_by_onlyfans", credits_used=1, with_meta=True, headers=retry_after)


def retry_after_header(seconds: float | None, *, as_date: bool, now: float) -> tuple[tuple[str, str], ...]:
    """The Retry-After header in seconds or as an HTTP date; None leaves it out."""
    if seconds is None:
        return ()
    return (("Retry-After", formatdate(now + seconds, usegmt=True) if as_date else f"{seconds:g}"),)
