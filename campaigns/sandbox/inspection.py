"""The inspection of the sandbox, under /sandbox/: not part of the vendor's API, and without keys and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pyroaring import BitMap64

from campaigns.domain.errors import UsageError
from campaigns.sandbox.items import QueueItem
from campaigns.sandbox.journal import Seen
from campaigns.sandbox.replies import Reply, encode
from campaigns.sandbox.routes import Request
from campaigns.sandbox.setup import parse_setup
from campaigns.sandbox.vendor import Vendor
from campaigns.sandbox.writing import MOST_DIGITS

PREFIX = "/sandbox/"
SHOWN_REPEATED_USERS = 1000
SHOWN_REQUESTS = 1000


def inspect(vendor: Vendor, request: Request) -> Reply:
    """Answer a request under /sandbox/."""
    asked = _ANSWERS.get((request.method, request.path))
    if asked is None:
        error = f"There is no {request.method} {request.path} in the sandbox; see docs/sandbox.md for what there is."
        return Reply(404, encode({"error": error}), "inspection")
    vendor.journal.wait_until_settled()
    try:
        return Reply(200, encode(asked(vendor, request)), "inspection")
    except UsageError as error:
        return Reply(422, encode({"error": str(error)}), "inspection")


def _accepted(vendor: Vendor, request: Request) -> dict[str, Any]:
    """Every accepted send in the order of acceptance; `users=false` leaves the user IDs out."""
    with_users = request.query.get("users", "true") != "false"
    after = _number(request, "after", 0)
    items = [item for item in _asked_for(vendor, request) if item.id > after]
    items = items[: _number(request, "limit", len(items))]
    return {"accepted": [_shown_item(item, with_users=with_users) for item in items]}


def _shown_item(item: QueueItem, *, with_users: bool) -> dict[str, Any]:
    shown = {
        "id": str(item.id),
        "account": item.account,
        "at": _instant(item.accepted_at),
        "text": item.content.text,
        "price": item.content.price,
        "users": len(item.users),
        "user_lists": list(item.lists),
        "scheduled_for": None if item.due_at is None else _instant(item.due_at),
        "saved": item.saved,
        "request_sha256": item.request_sha256,
        "answer_delivered": item.delivered,
        "has_error": item.has_error,
        "cancelled": item.cancelled_at is not None,
        "fault": item.fault,
    }
    if with_users:
        shown["user_ids"] = list(map(str, item.users))
    return shown


def _summary(vendor: Vendor, request: Request) -> dict[str, Any]:
    """Counts of every accepted send, or of those of one `account` or `text`; requests are always all.

    A user counts as repeated when one account's sends reached them more than once.
    """
    items = _asked_for(vendor, request)
    once: dict[str, BitMap64] = {}
    repeated: dict[str, BitMap64] = {}
    for item in items:
        seen = once.setdefault(item.account, BitMap64())
        repeated.setdefault(item.account, BitMap64()).update(seen & item.users)
        seen.update(item.users)
    everybody = BitMap64()
    for users in once.values():
        everybody.update(users)
    return {
        "accepted_sends": len(items),
        "answers_delivered": sum(item.delivered for item in items),
        "users": len(everybody),
        "users_accepted": sum(len(item.users) for item in items),
        "users_by_account": {account: len(users) for account, users in once.items()},
        "repeated": sum(len(users) for users in repeated.values()),
        "repeated_users": _repeat_counts(items, repeated),
        **vendor.journal.summary(),
    }


def _repeat_counts(items: list[QueueItem], repeated: dict[str, BitMap64]) -> list[dict[str, Any]]:
    """How often each repeated user was accepted; the first thousand."""
    counts: Counter[tuple[str, int]] = Counter()
    for item in items:
        counts.update((item.account, user) for user in item.users & repeated[item.account])
    shown = sorted(counts.items())[:SHOWN_REPEATED_USERS]
    return [{"account": account, "user_id": str(user), "times": times} for (account, user), times in shown]


def _requests(vendor: Vendor, request: Request) -> dict[str, Any]:
    """The vendor's requests by number, `limit` of them `after` a number."""
    after, limit = _number(request, "after", 0), _number(request, "limit", SHOWN_REQUESTS)
    return {"requests": [_shown_request(seen) for seen in vendor.journal.requests(after=after, limit=limit)]}


def _shown_request(seen: Seen) -> dict[str, Any]:
    shown = {**asdict(seen), "at": _instant(seen.at)}
    shown["message_id"] = None if seen.message_id is None else str(seen.message_id)
    return shown


def _faults(vendor: Vendor, _: Request) -> dict[str, Any]:
    """The setup in force, with how often each line of the script was applied."""
    with vendor.lock:
        world = vendor.world
        shown = world.setup.model_dump(mode="json", exclude={"script", "rates", "keys"})
        rates = [rate.shown() for rate in world.setup.rates]
        now = {"credits": world.credits, "logged_out": sorted(world.logged_out)}
        return {**shown, "rates": rates, "script": world.plan.remaining(), "now": now}


def _put_faults(vendor: Vendor, request: Request) -> dict[str, Any]:
    """Use another setup, as a whole: what the body leaves out is as in an empty file."""
    vendor.adopt(parse_setup(request.body.decode("utf-8", "replace"), source="The body"))
    return _faults(vendor, request)


def _forget(vendor: Vendor, _: Request) -> dict[str, Any]:
    vendor.forget()
    return {"forgotten": True}


def _asked_for(vendor: Vendor, request: Request) -> list[QueueItem]:
    with vendor.lock:
        items = vendor.world.book.accepted()
    account, text = request.query.get("account"), request.query.get("text")
    return [item for item in items if account in (None, item.account) and text in (None, item.content.text)]


def _number(request: Request, name: str, otherwise: int) -> int:
    value = request.query.get(name, "")
    if not value:
        return otherwise
    if not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
        raise UsageError(f"{name} is '{value:.40}', but must be a whole number.")
    return int(value)


def _instant(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


_ANSWERS: dict[tuple[str, str], Callable[[Vendor, Request], dict[str, Any]]] = {
    ("GET", "/sandbox/accepted"): _accepted,
    ("GET", "/sandbox/summary"): _summary,
    ("GET", "/sandbox/requests"): _requests,
    ("GET", "/sandbox/faults"): _faults,
    ("PUT", "/sandbox/faults"): _put_faults,
    ("DELETE", "/sandbox/state"): _forget,
}
