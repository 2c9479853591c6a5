"""A vendor in this process: it takes requests as bytes, as they would go over the wire, and keeps a ledger of them.

What it does with each is for the story to say: it accepts, refuses, loses the answer before or after, lets it hang, or
takes the request late. Its list lags, is short, and its clock may be wrong. Shapes: the vendor's API, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from tests.law.ledger import Doubts, Ledger, Message

STARTS = "http11.send_request_headers.started"
"""What the HTTP library calls the moment before the first byte."""

FIRST_ID = 40_000_000_000
LIST_LENGTH = 50
EVER = datetime.min.replace(tzinfo=UTC)


class Killed(BaseException):
    """The process that made the request is gone."""


@dataclass
class Mood:
    """How the vendor shows what it has."""

    lag: timedelta = timedelta()  # how long until an item is listed
    depth: int = LIST_LENGTH  # how many items are listed
    skew: timedelta = timedelta()  # how far its clock is ahead
    without: frozenset[str] = frozenset()  # fields that it leaves out of what it echoes
    questions: str = "answers"  # or "away", "throttled"
    hides_calendar: bool = False  # what it is to send later is not shown


Fate = Callable[[], httpx.Response]
"""What becomes of one POST or DELETE once its first byte has left: an answer, or an exception."""


@dataclass
class Vendor:
    """All accounts of one team."""

    ledger: Ledger
    now: Callable[[], datetime]
    mood: Mood = field(default_factory=Mood)
    fate: Callable[[Vendor, Post], httpx.Response] | None = None  # None: everything is accepted
    late: list[tuple[datetime, Post]] = field(default_factory=list)  # cut on their way; they arrive then
    foreign: dict[str, Message] = field(default_factory=dict)  # sent by another tool
    posts: list[Post] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    numbers: int = FIRST_ID

    def asked(self, request: httpx.Request) -> httpx.Response:
        """One request: counted once its first byte leaves, then answered."""
        self.arrive()
        method, parts = request.method, request.url.path.strip("/").split("/")[1:]
        request.extensions["trace"](STARTS, {})
        self.ledger.count(self.now(), f"{method} {'/'.join(parts)}")
        if method == "POST":
            post = Post(self, parts[0], request.content, self.ledger.next_turn())
            post.doubts = self.ledger.doubts(post.users, post.turn)
            self.posts.append(post)
            return post.accept() if self.fate is None else self.fate(self, post)
        if method == "DELETE":
            return self._unsend(parts[2])
        return self._answer(parts)

    def arrive(self) -> None:
        """Let in what was cut on its way and is due now."""
        for at, post in [each for each in self.late if each[0] <= self.now()]:
            self.late.remove((at, post))
            post.take(at)

    def add_foreign(
        self, account: str, text: str, users: Iterable[int] = (7, 8), price: float | None = None
    ) -> Message:
        """Another tool of the agency sends something."""
        message = self.message(account, frozenset(users), {"text": text, "price": price}, self.ledger.next_turn())
        self.foreign[message.id] = message
        return message

    def message(
        self, account: str, users: frozenset[int], body: dict[str, Any], turn: int, at: datetime | None = None
    ) -> Message:
        """A message with the next ID."""
        self.numbers += 1
        at, named = at or self.now(), body.get("scheduledDate")
        due = None if named is None else datetime.fromisoformat(named)
        date = due or at + self.mood.skew
        saved = bool(body.get("saveForLater"))
        return Message(str(self.numbers), account, users, body, turn, at, due=due, date=date, saved=saved)

    def answer(self, status: int, body: Any, **headers: str) -> httpx.Response:
        """A reply with the vendor's own date."""
        date = format_datetime(self.now() + self.mood.skew, usegmt=True)
        return httpx.Response(status, json=body, headers={"date": date, **headers})

    def _answer(self, parts: list[str]) -> httpx.Response:
        if self.mood.questions == "away":
            return self.answer(503, {"message": "Service Unavailable"})
        if self.mood.questions == "throttled":
            return self.answer(429, {"message": "Too Many Requests"}, **{"retry-after": "30"})
        of_team: dict[str, Any] = {"whoami": {"team": {"slug": "sandbox"}}, "accounts": []}
        if parts[0] in of_team:
            return self.answer(200, of_team[parts[0]])
        shown = self._shown(parts[0], "/".join(parts[1:]))
        return self._one(parts[-1]) if shown is None else self.answer(200, {"data": shown})

    def _shown(self, account: str, what: str) -> Any:
        """The data of an answer about all that an account has; None: it is asked about one message."""
        if what == "mass-messaging":
            return [self.short(each) for each in self._read_list(account)]
        if what == "mass-messaging/overview":
            return {"hasMore": False, "items": [self._long(each) for each in self._listed(account)]}
        if what.startswith("saved-for-later"):
            return [self._entity(each) for each in self._listed(account, saved=True)]
        if what == "queue":
            ahead = [each for each in self._items(account) if each.due is not None and each.due > self.now()]
            kept = [] if self.mood.hides_calendar else [each for each in ahead if each.unsent_at is None]
            return {"list": [self._entity(each) for each in kept], "syncInProcess": self.mood.hides_calendar}
        return None

    def _one(self, message_id: str) -> httpx.Response:
        found = self._find(message_id)
        if found is None:
            return self.answer(404, {"message": "Not Found"})
        return self.answer(200, {"data": {"success": True, "queue": self._long(found)}})

    def _unsend(self, message_id: str) -> httpx.Response:
        self.deletes.append(message_id)
        found = self._find(message_id)
        if found is None:
            return self.answer(404, {"message": "Not Found"})
        found.unsent_at = found.unsent_at or self.now()
        return self._one(message_id)

    def _find(self, message_id: str) -> Message | None:
        return self.ledger.messages.get(message_id) or self.foreign.get(message_id)

    def _read_list(self, account: str) -> list[Message]:
        """What a list shows now; the ledger notes what anybody could know from it."""
        shown, turn = self._listed(account), self.ledger.next_turn()
        for message in shown:
            message.shown_at = message.shown_at or turn
        is_whole = len(self._items(account)) <= self.mood.depth
        back_to = EVER if is_whole or not shown else shown[-1].at
        self.ledger.lists[account] = (turn, back_to)
        return shown

    def _listed(self, account: str, *, saved: bool = False) -> list[Message]:
        visible = [each for each in self._items(account) if each.saved is saved]
        return [each for each in visible if each.at + self.mood.lag <= self.now()][: self.mood.depth]

    def _items(self, account: str) -> list[Message]:
        everything = [*self.ledger.messages.values(), *self.foreign.values()]
        return sorted((each for each in everything if each.account == account), key=lambda each: each.at, reverse=True)

    def short(self, message: Message) -> dict[str, Any]:
        """A message as the list shows it, and as a POST is answered."""
        done = message.due is None or message.due <= self.now()
        return {
            "id": int(message.id),
            "date": _date(message),
            "isReady": True,
            "isDone": done,
            "total": -1,
            "pending": 0,
            "canUnsend": True,
            "unsendSeconds": 1_000_000,
            "hasError": message.failed,
            "isCanceled": message.unsent_at is not None,
        }

    def _long(self, message: Message) -> dict[str, Any]:
        done = message.due is None or message.due <= self.now()
        echoed = {
            "id": int(message.id),
            "date": _date(message),
            "text": f"<p>{_echo(message.body)}</p>",
            "rawText": f"<p>{_echo(message.body)}</p>",
            "isFree": not message.body.get("price"),
            "sentCount": len(message.users) if done and not message.failed else 0,
            "viewedCount": 0,
            "canUnsend": True,
            "unsendSeconds": 0,
            "isCanceled": message.unsent_at is not None,
            "hasError": message.failed,
        }
        return {name: value for name, value in echoed.items() if name not in self.mood.without}

    def _entity(self, message: Message) -> dict[str, Any]:
        when = {"scheduledAt": _date(message), "userIds": [str(user) for user in sorted(message.users)]}
        return {
            "id": int(message.id),
            "type": "chat",
            "entity": {"queueId": int(message.id), **self._long(message), **when},
        }


@dataclass
class Post:
    """One POST whose first byte has left."""

    vendor: Vendor
    account: str
    content: bytes
    turn: int
    doubts: Doubts = field(default_factory=dict)
    message: Message | None = None

    @property
    def body(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def users(self) -> frozenset[int]:
        """Whom it names."""
        return frozenset(int(user) for user in self.body["userIds"])

    def take(self, at: datetime | None = None, *, failed: bool = False) -> Message:
        """Accept it, without an answer."""
        self.message = self.vendor.message(self.account, self.users, self.body, self.turn, at)
        self.message.failed = failed
        self.vendor.ledger.accept(self.message, self.doubts)
        return self.message

    def reply(self) -> httpx.Response:
        """The answer to one that was accepted."""
        assert self.message is not None
        return self.vendor.answer(200, {"data": self.vendor.short(self.message)})

    def accept(self, *, failed: bool = False) -> httpx.Response:
        """Accept it and say so."""
        self.take(failed=failed)
        return self.reply()

    def lose_answer(self) -> httpx.Response:
        """Accept it; the answer is lost."""
        self.take()
        raise httpx.ReadError("the connection was reset")

    def lose_request(self) -> httpx.Response:
        """It never arrives, and nobody can tell."""
        raise httpx.ReadError("the connection was reset")

    def delay(self, seconds: float) -> httpx.Response:
        """It is cut, and arrives that much later."""
        self.vendor.late.append((self.vendor.now() + timedelta(seconds=seconds), self))
        raise httpx.ReadError("the connection was reset")


def _date(message: Message) -> str:
    return message.date.isoformat(timespec="seconds")


def _echo(body: dict[str, Any]) -> str:
    """A text as the vendor shows it: escaped, and softened when the request asked for that."""
    text = str(body.get("text"))
    if body.get("blockBannedWords") == "replace_soften":
        text = text.replace("damn", "darn")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass
class Wire(httpx.BaseTransport):
    """What the product's own client has in place of sockets."""

    vendor: Vendor

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.vendor.asked(request)
