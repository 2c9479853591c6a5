"""Match all requests of an account that own no item, jointly, against all listed items that no request of ours owns.

It rests on one assumption: a listed item with exactly the text of an open request, and with a date at which that
request can have arrived, is ours. So each such item belongs to a request in every world; when no world is possible,
nothing is taken. An item is taken where every world gives it to the same request. Where the worlds only agree that some
requests have some items, as many requests as items, those are taken together. A request may be absent in every world.

The assumption fails for a time of which a restored database lacks the requests: an item of that time may belong to a
lost one. Then only a mark shows whose an item is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from campaigns.domain.reconcile.search import says_the_same
from campaigns.domain.reconcile.windows import CLOCK_SKEW, WHOLE_SECOND, Skew
from campaigns.domain.reconcile.worlds import pairs_of_worlds
from campaigns.domain.upstream.queue_items import ItemContent

Key = tuple[int, int]
"""A request: the ID of its batch, and its number."""

DATES_STRAY = timedelta(seconds=2)
"""The order of IDs is not used when the dates of two items contradict it by more than this."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may have reached the vendor and owns no item."""

    key: Key
    text: str
    is_free: bool
    size: int | None  # None: a whole list, whose size nobody here knows
    started_at: datetime
    arrives_until: datetime  # it cannot have arrived later
    scheduled_date: datetime | None = None  # it was handed over, to be sent then
    is_listed: bool = True  # False: the vendor keeps it for later, where its list does not show it
    mark: str | None = None
    shows_mark: bool = False  # marks survive, by the account's probe: an item without its mark is not its own
    denied: frozenset[str] = frozenset()  # items that an operator decided are not its own
    above: int | None = None  # its item has a higher ID than this message of ours, which was made before
    below: int | None = None  # its item has a lower ID than this message of ours, which was made after
    newest_owned: str | None = None  # the newest message ID of the account that was ours before
    was_restored: bool = False  # the database was restored since it began: later requests may be missing
    has_lost_twins: bool = False  # a request that is missing may have been handed over for the same time


@dataclass(frozen=True, slots=True)
class Item:
    """A listed item that no request of ours owns."""

    id: str
    date: datetime | None
    content: ItemContent | None = None  # None: the vendor does not show it
    marks: tuple[str, ...] = ()
    may_be_lost: bool = False  # it may belong to a request that a restored database lacks

    @property
    def number(self) -> int | None:
        """Its ID as a number; IDs grow with the time at which the vendor made the items."""
        return int(self.id) if self.id.isascii() and self.id.isdecimal() else None


@dataclass(slots=True)
class Matched:
    """The result of matching: what all worlds agree on."""

    found: dict[Key, str] = field(default_factory=dict)
    by_mark: set[Key] = field(default_factory=set)  # those of `found` whose mark the item has
    together: list[tuple[tuple[Key, ...], tuple[str, ...]]] = field(default_factory=list)
    possible: dict[Key, tuple[str, ...]] = field(default_factory=dict)  # of the others: the items of each
    strays: dict[Key, str] = field(default_factory=dict)  # an item with the same text that fits no request
    foreign: set[str] = field(default_factory=set)  # items with a mark of somebody else
    lost: set[str] = field(default_factory=set)  # possible items that a lost request may have made

    @property
    def explained(self) -> set[str]:
        """The items whose owners are known."""
        return {*self.found.values(), *(item for _, items in self.together for item in items), *self.foreign}


def may_hold(request: Request, date: datetime | None, skew: Skew) -> bool:
    """Whether an item with that date can belong to the request. An item without a date can belong to any."""
    if date is None:
        return True
    if request.scheduled_date is not None:
        return abs(date - request.scheduled_date) <= CLOCK_SKEW
    first, last = request.started_at + skew.earliest, request.arrives_until + skew.latest
    return date + WHOLE_SECOND > first and date <= last


def match(requests: Sequence[Request], items: Sequence[Item], skew: Skew) -> Matched:
    """What all worlds, that is all ways to give the items to the requests, agree on."""
    matched = Matched()
    rest = _by_marks(requests, items, matched)
    requests = [request for request in requests if request.key not in matched.found]
    pairs = {item.id: _requests_of(item, requests, skew, matched) for item in rest}
    for together in _components(pairs):
        of_these = [item for item in rest if item.id in together and pairs[item.id]]
        keys = {key for item in of_these for key in pairs[item.id]}
        _match(of_these, [request for request in requests if request.key in keys], pairs, skew, matched)
    return matched


def _by_marks(requests: Sequence[Request], items: Sequence[Item], matched: Matched) -> list[Item]:
    """Give marked items to the requests with those marks; returns the items without marks."""
    by_mark = {request.mark: request.key for request in requests if request.mark is not None}
    items_of: dict[Key, list[str]] = {}
    for item in items:
        owners = {by_mark[mark] for mark in item.marks if mark in by_mark}
        for key in owners:
            items_of.setdefault(key, []).append(item.id)
        if item.marks and not owners:
            matched.foreign.add(item.id)
        elif len(set(item.marks)) > 1:
            matched.strays.update(dict.fromkeys(owners, item.id))
    for key, ids in items_of.items():
        if len(ids) > 1:
            matched.strays[key] = ids[0]
        elif key not in matched.strays:
            matched.found[key] = ids[0]
            matched.by_mark.add(key)
    return [item for item in items if not item.marks]


def _requests_of(item: Item, requests: Iterable[Request], skew: Skew, matched: Matched) -> frozenset[Key]:
    """The requests that an item may belong to, looked at alone."""
    alike = [request for request in requests if may_hold(request, item.date, skew) and _says_the_same(item, request)]
    able = [request for request in alike if item.id not in request.denied]
    fitting = frozenset(request.key for request in able if _fits(item, request))
    if not fitting:
        matched.strays.update({request.key: item.id for request in able})
    return fitting


def _says_the_same(item: Item, request: Request) -> bool:
    return says_the_same(item.content, text=request.text, is_free=request.is_free)


def _fits(item: Item, request: Request) -> bool:
    if request.shows_mark:
        return False  # an item with its mark was given to it before
    sent, number = None if item.content is None else item.content.sent_count, item.number
    if request.size is not None and sent is not None and sent > request.size:
        return False
    if number is None:
        return True
    return (request.above is None or number > request.above) and (request.below is None or number < request.below)


def _components(pairs: Mapping[str, frozenset[Key]]) -> list[set[str]]:
    """The items that share requests, directly or by way of others."""
    components: list[tuple[set[str], set[Key]]] = []
    for item, keys in pairs.items():
        joined, theirs = {item}, set(keys)
        for other in [each for each in components if each[1] & theirs]:
            components.remove(other)
            joined |= other[0]
            theirs |= other[1]
        components.append((joined, theirs))
    return [items for items, _ in components]


def _match(
    items: Sequence[Item],
    requests: Sequence[Request],
    pairs: Mapping[str, frozenset[Key]],
    skew: Skew,
    matched: Matched,
) -> None:
    ordered, clusters = _in_order(items, requests)
    place = {request.key: number for number, request in enumerate(requests)}
    edges = [frozenset(place[key] for key in pairs[item.id]) for item in ordered]
    pairs_by_item = pairs_of_worlds(edges, clusters)
    for request in requests:
        possible = [item.id for item in ordered if request.key in pairs[item.id]]
        matched.possible[request.key] = tuple(possible)
    has_lost_twins = any(request.has_lost_twins for request in requests)
    lost = {item.id for item in items if item.may_be_lost or has_lost_twins}
    matched.lost |= lost
    if pairs_by_item is None or lost:
        return
    agreed = {
        item.id: frozenset(requests[number].key for number in pairs_by_item[at]) for at, item in enumerate(ordered)
    }
    for ids in _components(agreed):
        keys = {key for item in ids for key in agreed[item]}
        is_sure = len(keys) == len(ids) and not keys & matched.strays.keys()
        if is_sure and (skew.is_measured or _are_near(ids, keys, ordered, requests)):
            _take(tuple(sorted(keys)), tuple(item.id for item in ordered if item.id in ids), matched)


def _are_near(ids: set[str], keys: set[Key], items: Sequence[Item], requests: Sequence[Request]) -> bool:
    """Whether the dates of these items are near the time when the requests were open, by our clock."""
    near = Skew(-CLOCK_SKEW, CLOCK_SKEW, is_measured=True)
    theirs = [request for request in requests if request.key in keys]
    return all(may_hold(request, item.date, near) for item in items if item.id in ids for request in theirs)


def _take(keys: tuple[Key, ...], items: tuple[str, ...], matched: Matched) -> None:
    for key in keys:
        del matched.possible[key]
    if len(keys) == 1:
        matched.found[keys[0]] = items[0]
    else:
        matched.together.append((keys, items))


def _in_order(items: Sequence[Item], requests: Sequence[Request]) -> tuple[list[Item], list[frozenset[int]]]:
    """The items in the order of their creation, and the requests in clusters; one cluster if the IDs show no order."""
    ordered = sorted(items, key=lambda item: (item.number or 0, item.id))
    everything = frozenset(range(len(requests)))
    if any(item.number is None for item in items) or not _dates_agree(ordered, requests):
        return ordered, [everything]
    clusters: list[set[int]] = []
    ends: datetime | None = None
    for number in sorted(everything, key=lambda number: requests[number].started_at):
        if ends is None or requests[number].started_at > ends:
            clusters.append(set())
            ends = requests[number].arrives_until
        clusters[-1].add(number)
        ends = max(ends, requests[number].arrives_until)
    return ordered, [frozenset(cluster) for cluster in clusters]


def _dates_agree(ordered: Sequence[Item], requests: Sequence[Request]) -> bool:
    """Whether the dates grow with the IDs, where dates are those of creation and not of a later sending."""
    if any(request.scheduled_date is not None for request in requests):
        return True
    dates = [item.date for item in ordered if item.date is not None]
    return all(later >= earlier - DATES_STRAY for earlier, later in pairwise(dates))
