"""What a look at the vendor's queue proves about one request, after all requests and items were matched jointly.

A request is absent only if the list reaches back before it and every item since belongs to another request; all else is
unclear. Absence alone is never proof (the depth and the lag of the vendor's list are undocumented; read 2026-11).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from campaigns.domain.reconcile.matching import Key, Matched, Request
from campaigns.domain.reconcile.search import Finding, Judgement, says_the_same
from campaigns.domain.reconcile.windows import Skew
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

LOST = "a request that is missing since the database was restored from a backup"


@dataclass(frozen=True, slots=True)
class Listed:
    """The whole list of one look, and the items of it that no request of ours owns."""

    items: Sequence[QueueItem]
    unowned: Sequence[QueueItem]
    skew: Skew


def judge(request: Request, requests: Mapping[Key, Request], matched: Matched, listed: Listed) -> Judgement:
    """What a look proves about one request."""
    key = request.key
    if key in matched.found:
        return _found(request, matched, listed)
    for keys, items in matched.together:
        if key in keys:
            return _found_together(request, [requests[each] for each in keys], items, listed)
    if key in matched.strays:
        stray = matched.strays[key]
        return Judgement(Finding.UNCLEAR, f"item {stray} has the same text but fits no request, so nothing is certain")
    if key in matched.possible:
        ids = matched.possible[key]
        named = f"item {ids[0]}" if len(ids) == 1 else f"{len(ids)} listed items ({', '.join(ids)})"
        other = LOST if matched.lost & set(ids) else "another request with the same text"
        return Judgement(Finding.UNCLEAR, f"{named} could be it, and could also be {other}")
    judgement = _not_found(request, matched, listed)
    if judgement.finding is Finding.ABSENT and request.was_restored:
        return Judgement(Finding.UNCLEAR, f"{judgement.reason}, but it may have been sent in {LOST}")
    return judgement


def reaches_back(request: Request, listed: Listed) -> bool:
    """Whether the list shows everything since the request: it reaches back beyond it, or to an older one of ours."""
    if request.newest_owned is not None and any(item.id == request.newest_owned for item in listed.items):
        return True
    first = request.started_at + listed.skew.back
    return any(item.date is not None and item.date < first for item in listed.items)


def judge_own(
    message_id: str, content: ItemContent | None, error: str | None, *, texts: Collection[str], is_free: bool
) -> Judgement:
    """What the message proves that a failed answer named: if it is not the request's own, no other message is.

    `texts`: the forms in which the request's text may have been sent. A refusal can name a message of somebody else,
    such as one that is in conflict with the request, so a message with another text is unclear.
    """
    appended = f" ({error})" if error else ""
    if content is None:
        return Judgement(Finding.UNCLEAR, f"the answer named message {message_id}, which is not shown{appended}")
    if content.has_error or content.is_canceled:
        state = "failed" if content.has_error else "cancelled"
        return Judgement(Finding.UNCLEAR, f"the vendor shows message {message_id} as {state}{appended}")
    if content.text is not None and not any(says_the_same(content, text=text, is_free=is_free) for text in texts):
        return Judgement(Finding.UNCLEAR, f"the answer named message {message_id}, which has another text{appended}")
    return Judgement(Finding.FOUND, f"the vendor shows message {message_id} without a fault", message_id)


def _found(request: Request, matched: Matched, listed: Listed) -> Judgement:
    item = matched.found[request.key]
    if request.key in matched.by_mark:
        return Judgement(Finding.FOUND, f"item {item} bears its mark", item)
    if not reaches_back(request, listed):
        return _too_short(item)
    return Judgement(Finding.FOUND, f"item {item} is the only one that can be it", item)


def _found_together(request: Request, members: Sequence[Request], items: Sequence[str], listed: Listed) -> Judgement:
    ids = ", ".join(items)
    if not all(reaches_back(member, listed) for member in members):
        return _too_short(ids)
    reason = f"items {ids} are those of {len(members)} requests, and one of them is this one's"
    at = [member.key for member in members].index(request.key)
    return Judgement(Finding.FOUND_TOGETHER, reason, items[at])


def _too_short(items: str) -> Judgement:
    reason = f"item {items} could be it, but the list does not reach back before the attempt"
    return Judgement(Finding.UNCLEAR, reason)


def _not_found(request: Request, matched: Matched, listed: Listed) -> Judgement:
    if not request.is_listed:
        return Judgement(Finding.UNCLEAR, "the vendor's list does not show what is kept for later")
    if not reaches_back(request, listed):
        return Judgement(Finding.UNCLEAR, "the list does not reach back before the attempt")
    first = request.started_at + listed.skew.back
    settled = matched.explained | request.denied
    strange = [
        item.id for item in listed.unowned if item.id not in settled and (item.date is None or item.date >= first)
    ]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        return Judgement(Finding.UNCLEAR, f"item {strange[0]}{more} is not explained, so it may be one of them")
    return Judgement(Finding.ABSENT, f"none of {len(listed.items)} listed items can be it")
