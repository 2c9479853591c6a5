"""The vendor's state in one place: the setup in force, the book, the budgets, accounts that are logged out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaigns.sandbox.book import Book
from campaigns.sandbox.faults import Chosen, FaultPlan
from campaigns.sandbox.items import QueueItem
from campaigns.sandbox.meter import MinuteWindow
from campaigns.sandbox.replies import (
    Charge,
    account_not_found,
    logged_out,
    no_credits,
    retry_after_header,
    throttled_by_vendor,
    unauthorised,
)
from campaigns.sandbox.routes import Call, Request
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.validation import Body

ACCOUNT_PREFIX = "acct_"


@dataclass(slots=True)
class World:
    """Everything that the rules of the API depend on. Not thread-safe; the vendor holds a lock."""

    setup: Setup
    started_at: float
    book: Book = field(default_factory=Book)
    window: MinuteWindow = field(init=False)
    plan: FaultPlan = field(init=False)
    credits: int = field(init=False)
    logged_out: set[str] = field(init=False)
    seen_accounts: dict[str, None] = field(default_factory=dict)  # a set that keeps its order

    def __post_init__(self) -> None:
        self._begin()

    def adopt(self, setup: Setup) -> None:
        """Use another setup: its script begins again; items, and the used part of the minute, stay.

        Credits stay too, unless the setup names a number of them.
        """
        self.setup = self.window.setup = setup
        self.plan = setup.fault_plan()
        self.logged_out = set(setup.logged_out)
        if "credits" in setup.model_fields_set:
            self.credits = setup.credits

    def forget(self) -> None:
        """Everything as at a first start, under the setup in force."""
        self.book = Book()
        self.seen_accounts.clear()
        self._begin()

    def _begin(self) -> None:
        self.window = MinuteWindow(self.setup)
        self.plan = self.setup.fault_plan()
        self.credits = self.setup.credits
        self.logged_out = set(self.setup.logged_out)

    def check_key(self, key: str | None) -> None:
        """Raises Refused (401)."""
        if key is None or (self.setup.keys is not None and key not in self.setup.keys):
            raise unauthorised()

    def take_slot(self, now: float) -> None:
        """One request of the team's minute. Raises Refused (429)."""
        if not self.window.take(now):
            seconds = self.window.seconds_until_free(now)
            raise throttled_by_vendor(retry_after_header(seconds, as_date=False, now=now))

    def check_account(self, account: str) -> None:
        """Raises Refused: 404 for an account that does not exist, a wrapped 401 for one that is logged out."""
        known = self.setup.accounts
        if not account.startswith(ACCOUNT_PREFIX) or (known is not None and account not in known):
            raise account_not_found(account)
        self.seen_accounts[account] = None
        if account in self.logged_out:
            raise logged_out()

    def check_credits(self) -> None:
        """Raises Refused (402) when none is left."""
        if self.credits <= 0:
            raise no_credits()

    def charge(self, used: int, now: float) -> Charge:
        """Take the credits of a request; returns what is left of every budget."""
        used = min(used, self.credits)
        self.credits -= used
        return Charge(used, self.credits, self.setup.limit_per_minute, self.window.remaining(now))

    def accounts(self) -> list[str]:
        """The accounts that the key can see: those of the setup, or else those used so far."""
        if self.setup.accounts is not None:
            return list(self.setup.accounts)
        return list(dict.fromkeys([*self.book.accounts(), *self.seen_accounts]))


@dataclass(slots=True)
class Turn:
    """One request before its endpoint."""

    world: World
    request: Request
    call: Call
    body: Body
    now: float
    chosen: Chosen = field(default_factory=Chosen)

    @property
    def account(self) -> str:
        """The account of the request; empty for requests about the team."""
        return self.call.account or ""


@dataclass(slots=True)
class Change:
    """An entry for the ledger and the book, with the item that was built from it."""

    entry: dict[str, Any]
    raw_request: bytes | None = None
    item: QueueItem | None = None


@dataclass(slots=True)
class Done:
    """The result of an endpoint: the reply's body without `_meta`, and the changes to record before it leaves."""

    body: Any
    changes: list[Change] = field(default_factory=list)
    message: QueueItem | None = None  # the send that was accepted
