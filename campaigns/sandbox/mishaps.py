"""What each fault of an answer does to it. faults.py has the list of their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from campaigns.sandbox.faults import Effect
from campaigns.sandbox.replies import (
    CLOUDFLARE_PAGE,
    HTML,
    Refused,
    Reply,
    Transport,
    account_not_found,
    encode,
    forbidden,
    logged_out,
    no_credits,
    no_such_path,
    onlyfans_error,
    retry_after_header,
    throttled_by_onlyfans,
    throttled_by_vendor,
    unauthorised,
)
from campaigns.sandbox.routes import Call

DRIP_SECONDS = 1.0
SLOW_ANSWER_SECONDS = 5.0
NO_ANSWER = 0
FAILED = "Something went wrong"


def before_acting(effect: Effect, call: Call, now: float) -> Reply | Refused:
    """The reply to a request that the vendor does not act on: a refusal, or none."""
    transport = _silence(effect)
    if transport is not None:
        return Reply(NO_ANSWER, b"", effect.fault, transport=transport)
    return replace(_refusal(effect, call, now), outcome=effect.fault)


def after_acting(effect: Effect, reply: Reply) -> Reply:
    """What becomes of the reply to a request that the vendor has acted on."""
    changes: dict[str, Any] = {}
    match effect.fault:
        case "half_answer":
            changes = {"transport": Transport("half")}
        case "drip":
            changes = {"transport": Transport("drip", _seconds(effect, DRIP_SECONDS))}
        case "slow_answer":
            changes = {"transport": Transport("plain", _seconds(effect, SLOW_ANSWER_SECONDS))}
        case "accepted_with_html":
            changes = {"body": CLOUDFLARE_PAGE, "content_type": HTML}
        case "html_502_after_accepting":
            changes = {"status": 502, "body": CLOUDFLARE_PAGE, "content_type": HTML}
        case "answer_500_after_accepting" | "answer_502_after_accepting" | "answer_504_after_accepting":
            status = _named_status(effect)
            changes = {"status": status, "body": encode(onlyfans_error(status, status, FAILED, outcome="").body)}
        case "lost_answer" | "hang":
            changes = {"transport": _silence(effect)}
    return replace(reply, outcome=effect.fault, **changes)


def _silence(effect: Effect) -> Transport | None:
    """How the faults without a reply end the connection; None for all others."""
    match effect.fault:
        case "lost_answer" | "dropped_before_acting":
            return Transport(effect.cut)
        case "hang" | "hang_before_acting":
            return Transport("hang", effect.seconds or 0.0)
    return None


def _seconds(effect: Effect, otherwise: float) -> float:
    return otherwise if effect.seconds is None else effect.seconds


def _named_status(effect: Effect) -> int:
    return int(effect.fault.split("_")[1])


def _retry_after(effect: Effect, now: float) -> tuple[tuple[str, str], ...]:
    return retry_after_header(effect.retry_after_seconds, as_date=effect.retry_after_as == "http-date", now=now)


def _refusal(effect: Effect, call: Call, now: float) -> Refused:
    match effect.fault:
        case "throttled_by_vendor":
            return throttled_by_vendor(_retry_after(effect, now))
        case "throttled_by_onlyfans":
            return throttled_by_onlyfans(_retry_after(effect, now), cloudflare=effect.cloudflare)
        case "account_not_found":
            return account_not_found(call.account or "")
    return _REFUSALS[effect.fault]


_REFUSALS: dict[str, Refused] = {
    "answer_500_before_acting": onlyfans_error(500, 500, FAILED, outcome=""),
    "answer_502_before_acting": onlyfans_error(502, 502, FAILED, outcome=""),
    "answer_504_before_acting": onlyfans_error(504, 504, FAILED, outcome=""),
    # No source shows the bodies of these two, and they prove nothing.
    "answer_408": Refused(408, {"message": "The request took too long."}, ""),
    "answer_409": Refused(409, {"message": "The request conflicts with another."}, ""),
    "html_502": Refused(502, CLOUDFLARE_PAGE, ""),
    "throttled_without_marks": Refused(429, {"message": "Slow down."}, ""),
    "wrapped_429": onlyfans_error(500, 429, "ONLYFANS_COM_RATE_LIMIT_ERROR: slow down", outcome=""),
    "wrapped_403": onlyfans_error(500, 403, "Access denied", outcome=""),
    "refused_by_onlyfans": onlyfans_error(400, 400, "Message refused", outcome=""),
    "not_sent_hint": onlyfans_error(500, 500, FAILED, outcome="", hint={"request_outcome": "not_sent"}),
    "no_credits": no_credits(),
    "key_refused": unauthorised(),
    "key_forbidden": forbidden(),
    "account_logged_out": logged_out(),
    "redirect": Refused(302, {"message": "Redirecting"}, "", headers=(("Location", "/elsewhere"),)),
    "no_such_path": no_such_path(),
}
