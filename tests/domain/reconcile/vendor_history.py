"""A vendor and an account's requests, made up at random, who knows whose every item is. Written apart from the matcher.

Requests go out one after the other. Some are answered, some answers are lost, some requests never arrive, some arrive
late. The vendor numbers what it makes, dates it by a clock of its own, lists it after a while, and shows only the
newest. Other tools of the account make items too.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from campaigns.domain.reconcile.judging import Listed, judge
from campaigns.domain.reconcile.matching import Item, Key, Request, match
from campaigns.domain.reconcile.search import Finding
from campaigns.domain.reconcile.windows import ARRIVES_WITHIN, Skew, VendorDate, measured
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)
TIMEOUT, SETTLE, LOOKS = 60.0, 30.0, 4
TEXTS = ("Hello", "Happy Easter")


@dataclass
class Made:
    """An item as the vendor has it."""

    id: str
    made_at: float
    owner: Key | None
    text: str
    price: bool
    sent: int
    marks: tuple[str, ...]
    listed_at: float


@dataclass
class Ours:
    """A request of ours without an item, and until when it may arrive."""

    request: Request
    searched_at: float | None = None  # its last search
    decided: bool = False  # an operator ended its search


@dataclass
class Verdicts:
    """What the searches of one history came to."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: int = 0  # requests whose answer was lost, and that the vendor has
    absent_wrongly: int = 0


class History:
    """One account's requests, and what the searches make of them."""

    def __init__(self, seed: int, *, with_marks: bool) -> None:
        self.chance = chance = Random(seed)
        self.with_marks = with_marks
        self.echo_keeps = chance.random() < 0.6
        self.is_measured = chance.random() < 0.7
        self.offset = chance.uniform(-3600, 3600) if self.is_measured else chance.uniform(-110, 110)
        self.lag = chance.choice([0.0, 0.0, 3.0, 20.0, 100.0, 400.0])
        self.depth = chance.choice([4, 12, 60, 60, 60])
        self.keeps_apart = chance.random() < 0.8
        self.strangers = chance.choice([0.0, 0.0, 0.1, 0.4])
        self.now = 0.0
        self.coming: list[tuple[float, int, Made]] = []
        self.items: list[Made] = [
            Made("1000", -90_000.0, None, "old", price=False, sent=3, marks=(), listed_at=-90_000.0)
        ]
        self.ids, self.ties = count(1001), count()
        self.owned: dict[str, tuple[float, float]] = {}  # when the request of each began, and when it was answered
        self.taken: set[str] = set()
        self.open: dict[Key, Ours] = {}
        self.told: list[VendorDate] = []
        self.newest: str | None = None
        self.verdicts = Verdicts()

    def play(self, requests: int) -> Verdicts:
        """Send that many requests, and search for those whose answers are lost."""
        for number in range(1, requests + 1):
            self._send(number)
            self._pass(self.chance.choice([0.05, 0.3, 1.0, 5.0, 60.0]))
        self.verdicts.lost = (
            sum(
                1
                for one in self.items
                if one.owner is not None and one.id not in self.owned and one.id not in self.taken
            )
            + self.verdicts.right
        )
        return self.verdicts

    def _send(self, number: int) -> None:
        chance, began, size = self.chance, self.now, self.chance.randint(2, 5)
        fate = chance.choices(["answered", "lost", "absent", "late"], [5, 3, 2, 1])[0]
        key, text, mark = (number, 1), chance.choice(TEXTS), f"m{number}" if self.with_marks else None
        takes = chance.uniform(0.1, 3.0)
        made = None
        if fate in {"answered", "lost"}:
            made = self._make(began + takes, key, text, mark, size)
        if fate == "answered" and made is not None:
            self._pass(takes + 0.2)
            self.owned[made.id] = (began, self.now)
            self.newest = made.id
            self.told.append(self._told(began + takes, began, self.now))
            return
        self._pass(takes + 0.1 if chance.random() < 0.5 else TIMEOUT)
        settled = max(self.now, began + TIMEOUT)
        if fate == "late":
            self._make(began + chance.uniform(1, settled - began + SETTLE * 7), key, text, mark, size)
        request = Request(
            key, text, is_free=True, size=size, started_at=at(began), arrives_until=at(self.now), mark=mark,
            newest_owned=self.newest,
        )  # fmt: skip
        self.open[key] = Ours(request)
        self._search(key, settled)

    def _make(self, when: float, owner: Key | None, text: str, mark: str | None, size: int) -> Made:
        marks = (mark,) if mark is not None and self.echo_keeps and self.chance.random() < 0.9 else ()
        sent = self.chance.randint(0, size)
        made = Made(
            "",
            when,
            owner,
            text,
            price=False,
            sent=sent,
            marks=marks,
            listed_at=when + self.chance.uniform(0, self.lag),
        )
        heapq.heappush(self.coming, (when, next(self.ties), made))
        return made

    def _pass(self, seconds: float) -> None:
        """Time goes by: what arrives gets its number, and strangers make items."""
        if self.chance.random() < self.strangers:
            when = self.now + self.chance.uniform(0, seconds)
            same_words = self.chance.random() < 0.3
            stranger = self._make(when, None, self.chance.choice(TEXTS) if same_words else "Something else", None, 4)
            stranger.price = same_words  # else nobody could tell it from ours
        self.now += seconds
        while self.coming and self.coming[0][0] <= self.now:
            made = heapq.heappop(self.coming)[2]
            made.id = str(next(self.ids))
            self.items.append(made)

    def _told(self, answered: float, after: float, before: float) -> VendorDate:
        return VendorDate(self._date(answered), at(after), at(before))

    def _date(self, when: float) -> datetime:
        return at(when + self.offset).replace(microsecond=0)

    def _search(self, key: Key, settled: float) -> None:
        looks = [settled + SETTLE * 2**number for number in range(LOOKS)]
        for look in looks:
            self._pass(max(0.0, look - self.now))
            if self.chance.random() < 0.05:  # an operator is faster
                self.open[key].decided = True
                return
            finding = self._look()
            if key not in self.open:
                return
        self.open[key].searched_at = self.now
        arrived = [made for made in self.items if made.owner == key]
        if finding.get(key) is Finding.ABSENT and arrived and self.lag == 0.0 and not self.is_short():
            self.verdicts.absent_wrongly += 1
        if self.keeps_apart:
            self._pass(self._skew().apart.total_seconds())

    def is_short(self) -> bool:
        """Whether the list may not reach back."""
        return self.depth < 60

    def _skew(self) -> Skew:
        return measured(self.told[-20:]) if self.is_measured else Skew()

    def _look(self) -> dict[Key, Finding]:
        seen = sorted((one for one in self.items if one.listed_at <= self.now), key=lambda one: -int(one.id))[
            : self.depth
        ]
        listed = [QueueItem(one.id, self._date(one.made_at)) for one in seen]
        strange = [one for one in seen if one.id not in self.owned and one.id not in self.taken]
        items = [
            Item(
                one.id,
                self._date(one.made_at),
                ItemContent(one.id, f"<p>{one.text}</p>", not one.price, one.sent),
                one.marks,
            )
            for one in strange
        ]
        requests = [self._as_asked(key, {one.id for one in seen}) for key in self.open]
        matched = match(requests, items, self._skew())
        asked = Listed(listed, [QueueItem(item.id, item.date) for item in items], self._skew())
        by_key = {request.key: request for request in requests}
        judged = {key: judge(request, by_key, matched, asked) for key, request in by_key.items()}
        for key, judgement in judged.items():
            if judgement.finding is Finding.FOUND:
                self._take((key,), (judgement.message_id or "",))
        for keys, ids in matched.together:
            if judged[keys[0]].finding is Finding.FOUND_TOGETHER:
                self._take(keys, ids)
        return {key: judgement.finding for key, judgement in judged.items()}

    def _as_asked(self, key: Key, seen: set[str]) -> Request:
        one = self.open[key]
        began = (one.request.started_at - BEGIN).total_seconds()
        until = self.now
        if one.searched_at is not None:
            until = one.searched_at
        elif one.decided:
            until = min(self.now, began + TIMEOUT + ARRIVES_WITHIN.total_seconds())
        before = [int(name) for name, (_, end) in self.owned.items() if name in seen and end < began]
        after = [int(name) for name, (start, _) in self.owned.items() if name in seen and start > until]
        return replace(
            one.request, arrives_until=at(until), above=max(before, default=None), below=min(after, default=None)
        )

    def _take(self, keys: tuple[Key, ...], ids: tuple[str, ...]) -> None:
        owners = {one.owner for one in self.items if one.id in ids}
        if owners == set(keys):
            self.verdicts.right += len(keys)
        else:
            self.verdicts.wrong.append(f"{keys} took {ids}, which are those of {owners}")
        self.taken.update(ids)
        for key in keys:
            del self.open[key]


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)
