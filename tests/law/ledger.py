"""The vendor's ledger: what reached whom, and whether it was allowed to. It knows nothing of the product.

It is told what each campaign says and what operators decided; everything else it sees itself. Users have numbers of
their own in each campaign, so that a message shows which campaign it should have been of, whatever a database says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

WINDOW = timedelta(seconds=60)
"""The vendor counts requests in any stretch of this length."""

CAMPAIGN = 1000
"""The users of campaign number n are n * 1000 + 1, + 2 and so on."""

DATE = "{date}"
"""Where the text of a campaign that recurs names the day."""

MARKS = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff]")
"""What a text may carry that nobody sees."""


@dataclass(frozen=True)
class Saying:
    """What a campaign says, and how it treats an unknown."""

    account: str
    text: str
    price: float | None = None
    resends: bool = False  # the campaign itself chose "at least once"

    @property
    def recurs(self) -> bool:
        """Whether the same fans get it again each day, with that day's date in its text."""
        return DATE in self.text

    def is_said_by(self, text: str) -> bool:
        """Whether a text that went out is this one, on whichever day."""
        return re.fullmatch(".+".join(map(re.escape, self.text.split(DATE))), text) is not None


@dataclass
class Message:
    """One request that the vendor accepted."""

    id: str
    account: str
    users: frozenset[int]
    body: dict[str, Any]
    turn: int  # its place in the order of everything that happened
    at: datetime  # by the true clock
    due: datetime | None  # handed over: it reaches its users then
    date: datetime  # as the vendor's own clock has it
    failed: bool = False  # the vendor said itself that it failed
    saved: bool = False
    unsent_at: datetime | None = None
    shown_at: int | None = None  # the turn at which a list named it first

    @property
    def text(self) -> str:
        """What it says, without what nobody sees."""
        return MARKS.sub("", str(self.body.get("text")))

    def is_out(self) -> bool:
        """Whether it reached its users, or will."""
        back_in_time = self.unsent_at is not None and self.due is not None and self.unsent_at < self.due
        return not (self.failed or self.saved or back_in_time)


@dataclass(frozen=True)
class Word:
    """An operator's word by which users may get a message once more."""

    turn: int
    users: frozenset[int]
    message_id: str | None = None  # the one that it names


Doubts = dict[tuple[int, str], str | None]
"""By user and the first message: why a second one is a fault; None: it is not."""


@dataclass
class Ledger:
    """Everything that the vendor was asked, in order."""

    on_record: Callable[[str], bool] = lambda _: False
    """Whether the database holds the vendor's own answer with that message ID."""

    says: dict[int, Saying] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    requests: list[tuple[datetime, str]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    suppressed: dict[tuple[str | None, int], int] = field(default_factory=dict)  # account (None: all), user -> turn
    taken_for_sent: set[int] = field(default_factory=set)  # an operator said "accepted", which is not so
    lists: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # account -> turn of the last, how far back
    faults: list[str] = field(default_factory=list)
    limit: int = 1000
    turn: int = 0

    def next_turn(self) -> int:
        """The next place in the order of everything."""
        self.turn += 1
        return self.turn

    def count(self, now: datetime, what: str) -> None:
        """Count one request, and hold the limit."""
        self.requests.append((now, what))
        recent = sum(at > now - WINDOW for at, _ in self.requests)
        if recent > self.limit:
            self._fault(f"{recent} requests within a minute, the last for {what}; the limit is {self.limit}")

    def doubts(self, users: Iterable[int], turn: int) -> Doubts:
        """What speaks against a second message to these users, at the moment when its request is made."""
        return {
            (user, first.id): self._why_not(first, turn, user, on_record=self.on_record(first.id))
            for user in users
            for first in self.of_user(user)
        }

    def accept(self, message: Message, doubts: Doubts) -> None:
        """Take a message, and judge it by what went before."""
        for user in sorted(message.users):
            self._judge_content(message, user)
            if not (message.failed or message.saved):
                self._judge_user(message, user, doubts)
        self.messages[message.id] = message

    def _judge_content(self, message: Message, user: int) -> None:
        said = self.says.get(user // CAMPAIGN)
        if said is None:
            self._fault(f"message {message.id} went to {user}, who is in no campaign")
            return
        wrong = [
            f"{name} {got!r} instead of {wanted!r}"
            for name, got, wanted in (
                ("text", said.text if said.is_said_by(message.text) else message.text, said.text),
                ("price", message.body.get("price"), said.price),
                ("account", message.account, said.account),
            )
            if got != wanted
        ]
        if wrong:
            self._fault(f"message {message.id} went to {user} with {', '.join(wrong)}")

    def _judge_user(self, message: Message, user: int, doubts: Doubts) -> None:
        suppressed = [self.suppressed.get((account, user), message.turn) for account in (None, message.account)]
        if min(suppressed) < message.turn:
            self._fault(f"message {message.id} went to {user}, who was suppressed before")
        said = self.says.get(user // CAMPAIGN)
        for other in self.of_user(user):
            if said is not None and said.recurs and other.text != message.text:
                continue  # that was for another day
            first, second = sorted((other, message), key=lambda each: each.turn)
            why = doubts[user, other.id] if (user, other.id) in doubts else self._why_not(first, second.turn, user)
            if why is not None:
                self._fault(f"{user} got {first.id} and then {second.id}: {why}")

    def _why_not(self, first: Message, turn: int, user: int, *, on_record: bool = False) -> str | None:
        """Why a second message is a fault; None: somebody allowed it, knowing what there was to know at that turn."""
        between = [word for word in self.words if first.turn < word.turn < turn and user in word.users]
        if any(word.message_id == first.id for word in between):
            return None
        if on_record:
            return "the answer to the first is on record, and no decision names it"
        if between:
            return None
        return self._why_not_absent(first, turn) if self.says[user // CAMPAIGN].resends else "nobody allowed it"

    def _why_not_absent(self, first: Message, turn: int) -> str | None:
        """Why a campaign's own policy may not send again: only what is absent from a list that shows enough."""
        if first.shown_at is not None and first.shown_at < turn:
            return "the vendor's list had shown the first, so it was not absent"
        read_at, back_to = self.lists.get(first.account, (-1, first.at))
        if not (first.turn < read_at < turn and back_to < first.at):
            return "no list was read that reaches back before the first, so nobody knew that it was absent"
        return None

    def allow(self, users: Iterable[int], message_id: str | None = None) -> None:
        """An operator says that these users may get it once more."""
        self.words.append(Word(self.next_turn(), frozenset(users), message_id))

    def suppress(self, users: Iterable[int], account: str | None) -> None:
        """From now on nothing may reach these users on the account (None: on any)."""
        turn = self.next_turn()
        for user in users:
            self.suppressed.setdefault((account, user), turn)

    def forget_suppressions(self, *, since: int) -> None:
        """A restored database has lost what was decided after its copy was taken."""
        self.suppressed = {what: turn for what, turn in self.suppressed.items() if turn <= since}

    def of_user(self, user: int) -> list[Message]:
        """The messages that reached a user, or will."""
        return [message for message in self.messages.values() if user in message.users and message.is_out()]

    def out_to(self, users: Iterable[int]) -> list[Message]:
        """The messages that reached any of these users, or will, in order."""
        wanted = set(users)
        return [message for message in self.messages.values() if message.users & wanted and message.is_out()]

    def times_reached(self) -> dict[int, int]:
        """How many messages reached each user."""
        counted: dict[int, int] = defaultdict(int)
        for message in self.messages.values():
            for user in message.users if message.is_out() else ():
                counted[user] += 1
        return dict(counted)

    def _fault(self, words: str) -> None:
        self.faults.append(words)
