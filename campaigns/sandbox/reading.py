"""The endpoints that only look: the queue, its items, the overview, the key, accounts and user lists."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.sandbox.items import plain_text, shown_time
from campaigns.sandbox.replies import invalid, onlyfans_error
from campaigns.sandbox.setup import SYSTEM_LISTS
from campaigns.sandbox.world import ACCOUNT_PREFIX, Done, Turn, World
from campaigns.sandbox.writing import MOST_DIGITS, find_item

OVERVIEW_DATE = "%Y-%m-%d %H:%M:%S"
ACCOUNT_FILTERS = ("onlyfans_id", "onlyfans_username", "onlyfans_email")


def whoami(turn: Turn) -> Done:
    """The key and its team; no `_meta`."""
    team = turn.world.setup.team
    key = {"name": "Sandbox key", "last_used_at": shown_time(turn.now), "created_at": shown_time(turn.world.started_at)}
    return Done({"api_key": key, "team": {"name": team.capitalize(), "slug": team}})


def accounts(turn: Turn) -> Done:
    """A bare array of accounts; no `_meta`."""
    rows = [_account(turn.world, account) for account in turn.world.accounts()]
    for name in ACCOUNT_FILTERS:
        wanted = turn.request.query.get(name)
        if wanted:
            rows = [row for row in rows if str(row[name]) == wanted]
    return Done(rows)


def list_queue(turn: Turn) -> Done:
    """Pending, scheduled and recent items in the short form, newest first, without pages, for the time of the setup."""
    listed = [item for item in turn.world.book.items(turn.account) if item.listed(turn.now)]
    return Done({"data": [item.short_form(turn.now) for item in listed[: turn.world.setup.list_depth]]})


def list_saved(turn: Turn) -> Done:
    """Items that are kept for later, newest first, page by page, with their recipients. Raises Refused (422)."""
    limit = _number(turn.request.query, "limit", default=0, lowest=1, highest=50)
    offset = _number(turn.request.query, "offset", default=0, lowest=0, highest=2**31)
    if not limit:
        raise invalid({"limit": ["The limit field is required."]})
    items = [item for item in turn.world.book.items(turn.account) if item.saved and item.cancelled_at is None]
    return Done({"data": [item.saved_form() for item in items[offset : offset + limit]]})


def calendar(turn: Turn) -> Done:
    """Items that are due from day `publishDateStart` to day `publishDateEnd`, the next first. Raises Refused (422)."""
    query = turn.request.query
    zone, limit = _zone(query), _number(query, "limit", default=20, lowest=1, highest=100)
    first, last = _day(query, "publishDateStart"), _day(query, "publishDateEnd")
    today = datetime.fromtimestamp(turn.now, zone).date()
    if first < today:
        raise invalid({"publishDateStart": ["The publishDateStart field must be a date after or equal to today."]})
    if last < first:
        raise invalid(
            {"publishDateEnd": ["The publishDateEnd field must be a date after or equal to publishDateStart."]}
        )
    ahead = [item for item in turn.world.book.items(turn.account) if item.is_ahead(turn.now)]
    shown = [item for item in ahead if first <= datetime.fromtimestamp(item.date, zone).date() <= last]
    if query.get("type[]", "chat") != "chat":
        shown = []  # posts are not sent here
    rows = [item.calendar_form(turn.now, turn.world.setup.echo) for item in sorted(shown, key=lambda item: item.date)]
    return Done({"data": {"list": rows[:limit], "syncInProcess": False}})


def get_item(turn: Turn) -> Done:
    """One item in the long form. Raises Refused if it does not exist."""
    return Done({"data": {"success": True, "queue": find_item(turn).long_form(turn.now, turn.world.setup.echo)}})


def overview(turn: Turn) -> Done:
    """Sent items with counts, newest first, cut at `limit`. Raises Refused (422)."""
    query = turn.request.query
    limit = _number(query, "limit", default=10, lowest=1, highest=50)
    start, end = _moment(query, "startDate"), _moment(query, "endDate")
    if start is not None and end is not None and end <= start:
        raise invalid({"endDate": ["The endDate field must be a date after startDate."]})
    words = query.get("query", "").lower()
    found = [
        item
        for item in turn.world.book.items(turn.account)
        if item.started(turn.now)
        and (start is None or item.date >= start)
        and (end is None or item.date < end + 1)  # dates are shown in whole seconds, and the end is included
        and words in plain_text(item.content.text).lower()
    ]
    page = [item.overview_form(turn.now, turn.world.setup.echo) for item in found[:limit]]
    return Done({"data": {"items": page, "hasMore": len(found) > limit}})


def user_lists(turn: Turn) -> Done:
    """The lists of an account. Raises Refused (422)."""
    limit = _number(turn.request.query, "limit", default=10, lowest=10, highest=50)
    offset = _number(turn.request.query, "offset", default=0, lowest=0, highest=2**31)
    if turn.request.query.get("view", "queue") != "queue":
        raise invalid({"view": ["The selected view is invalid."]})
    names = turn.world.setup.list_names()[offset : offset + limit]
    return Done({"data": [_list(turn, name) for name in names]})


def user_list(turn: Turn) -> Done:
    """One list. Raises Refused if it does not exist."""
    return Done({"data": _list(turn, turn.call.of)})


def list_users(turn: Turn) -> Done:
    """The users of a list, page by page. Raises Refused."""
    limit = _number(turn.request.query, "limit", default=10, lowest=1, highest=100)
    offset = _number(turn.request.query, "offset", default=0, lowest=0, highest=2**31)
    members = _members(turn, turn.call.of)
    page = members[offset : offset + limit]
    more = offset + limit < len(members)
    data = {"list": [_user(user) for user in page], "hasMore": more, "nextOffset": offset + len(page)}
    return Done({"data": data})


def _members(turn: Turn, name: str) -> tuple[int, ...]:
    members = turn.world.setup.list_members(turn.account, name)
    if members is None:
        raise onlyfans_error(404, 404, "List not found", outcome="not_found")
    return members


def _list(turn: Turn, name: str) -> dict[str, Any]:
    system = name in SYSTEM_LISTS
    return {
        "id": int(name) if name.isdecimal() and len(name) <= MOST_DIGITS else name,
        "type": name if system else "custom",
        "name": name.replace("_", " ").capitalize(),
        "usersCount": len(_members(turn, name)),
        "postsCount": 0,
        "canUpdate": not system,
        "canDelete": not system,
        "canManageUsers": not system,
        "canAddUsers": not system,
        "canPinnedToFeed": False,
        "canPinnedToChat": False,
        "isPinnedToFeed": False,
        "isPinnedToChat": False,
        "order": "recent",
        "direction": "desc",
        "sortList": [],
        "users": [],
    }


def _user(user: int) -> dict[str, Any]:
    return {
        "id": user,
        "name": f"Fan {user}",
        "username": f"u{user}",
        "canReceiveChatMessage": True,
        "isBlocked": False,
        "isRestricted": False,
        "subscribedOn": True,
        "subscribedOnExpiredNow": False,
    }


def _account(world: World, account: str) -> dict[str, Any]:
    name = account.removeprefix(ACCOUNT_PREFIX)
    number = int.from_bytes(blake2b(account.encode(), digest_size=4).digest())
    signed_in = account not in world.logged_out
    return {
        "id": account,
        "onlyfans_id": number,
        "onlyfans_username": name,
        "onlyfans_email": f"{name}@sandbox.invalid",
        "display_name": name,
        "is_authenticated": signed_in,
        "authentication_progress": "signed_in" if signed_in else "session_expired",
        "onlyfans_user_data": {
            "id": number,
            "name": name,
            "username": name,
            "canChat": True,
            "canSendChatToAll": True,
            "subscribersCount": len(world.setup.list_members(account, "fans") or ()),
        },
    }


def _number(query: dict[str, str], name: str, *, default: int, lowest: int, highest: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise invalid({name: [f"The {name} field must be an integer."]})
    if not lowest <= int(text) <= highest:
        raise invalid({name: [f"The {name} field must be between {lowest} and {highest}."]})
    return int(text)


def _zone(query: dict[str, str]) -> ZoneInfo:
    try:
        return ZoneInfo(query["timezone"])
    except (KeyError, ValueError, OSError):
        raise invalid({"timezone": ["The timezone field must be a valid timezone."]}) from None


def _day(query: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query[name][: len("2026-11-28")])
    except (KeyError, ValueError):
        raise invalid({name: [f"The {name} field must be a valid date."]}) from None


def _moment(query: dict[str, str], name: str) -> float | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, OVERVIEW_DATE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise invalid({name: [f"The {name} field must match the format Y-m-d H:i:s."]}) from None
