"""Interfaces to what is outside: the vendor's API, the shared rate budget, and the memory outside the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem, SavedItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.domain.upstream.unsend_outcome import UnsendOutcome


@dataclass(frozen=True, slots=True)
class VendorAccount:
    """One account that the vendor key can see."""

    id: str  # "acct_..."
    name: str | None
    is_authenticated: bool


class Gateway(Protocol):
    """The vendor's API. Nothing here retries."""

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        """POST one mass message; returns what that proved. Never raises for a fault of the network or the vendor.

        `may_start` is called once, at the last moment before the first byte leaves: None lets the request go, a reason
        stops it (then the outcome is NOT_SENT with that reason). The whole call takes at most `deadline_seconds`.
        """
        ...

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        """Unsend one message, or delete a scheduled or saved one, by one DELETE; returns what that proved.

        Never raises for a fault of the network or the vendor. Safe to repeat: an unsent message stays unsent. Costs a
        credit. `may_start` and `deadline_seconds` are as in `send`.
        """
        ...

    def queue(self, account: str) -> list[QueueItem]:
        """The vendor's list of pending, scheduled and recent mass messages of an account. Costs a credit.

        Raises VendorRefused or VendorAway.
        """
        ...

    def saved(self, account: str) -> list[SavedItem]:
        """The newest messages that the vendor keeps for later on an account; `queue` shows none of them.

        Costs a credit. Raises VendorRefused or VendorAway.
        """
        ...

    def scheduled(self, account: str, first: date, last: date) -> list[ItemContent]:
        """The mass messages of an account that the vendor will send on these days (UTC), by its calendar.

        Costs a credit. Raises VendorRefused or VendorAway, the latter also when the calendar is not shown whole.
        """
        ...

    def item(self, account: str, message_id: str) -> ItemContent | None:
        """The content of one mass message; None when the vendor does not show it. Costs a credit.

        Raises VendorRefused or VendorAway.
        """
        ...

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        """The overview of the messages that were sent between two moments, at most 50 items. Costs a credit.

        Raises VendorRefused or VendorAway.
        """
        ...

    def team(self) -> str:
        """The slug of the team that the key belongs to. Raises VendorRefused (bad key) or VendorAway."""
        ...

    def accounts(self) -> list[VendorAccount]:
        """The accounts that the key can see. Raises VendorRefused or VendorAway."""
        ...

    def last_report(self) -> VendorReport | None:
        """Credits, limits and date of the reply to this thread's last question (`queue`, `item`, `team`, `accounts`).

        None when no reply came: then the vendor may still count the question.
        """
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """The pacer's answer: go now, or come back later."""

    granted: bool
    wait_seconds: float = 0.0  # when not granted: how long to wait before the next call
    why: str = ""  # when not granted: "team budget", "account gap", "cool-down" or "rebuilding"


@dataclass(frozen=True, slots=True)
class RecentUse:
    """One request from SQL that may still count in the vendor's window: a message, a DELETE or a question."""

    key: str
    account: str  # empty: a question about the key
    seconds_since_start: float
    seconds_since_answer: float | None  # None: no answer is known
    reserved: bool = False  # a question, which has its own share of the budget


@dataclass(frozen=True, slots=True)
class Recovery:
    """What SQL knows about recent use, to rebuild the pacer's state after Redis lost it."""

    uses: list[RecentUse]
    cool_downs: dict[str, float]  # account -> seconds left
    was_used: bool = False  # a request was made at some time, so rows of the last requests may still be missing


@dataclass(frozen=True, slots=True)
class AccountPace:
    """An account's gap and cool-down, for display."""

    account: str
    next_start_in_seconds: float
    cool_down_seconds: float


@dataclass(frozen=True, slots=True)
class PacerState:
    """The shared budget now, for display."""

    limit_per_minute: int  # the ceiling in force: the setting, lowered by what the vendor reported
    reserve: int  # slots of it kept for status, reconcile and people
    used: int  # slots held now
    vendor_limit: int | None
    vendor_remaining: int | None
    accounts: list[AccountPace]


class Pacer(Protocol):
    """The shared rate budget. Every method raises PacerAway when the budget cannot be reached: then nothing is sent."""

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        """Ask for permission to make one request. The same `key` twice is granted once and uses one slot.

        `hold_seconds` is the longest time that the request may take (its deadline). If no reply comes, its slot is free
        after that time and one window. A `reserved` request uses only the share kept for questions, which is at least
        one at a time, and ignores the account's gap.
        """
        ...

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        """Report that the reply came: the slot is free one window from now, and the vendor's own numbers are used."""
        ...

    def refund(self, key: str, account: str) -> None:
        """Report that the request provably never left: its slot and the account's gap are free at once."""
        ...

    def cool_down(self, account: str, seconds: float) -> None:
        """Let no request of this account start for that long; a shorter cool-down never shortens a longer one."""
        ...

    def state(self) -> PacerState:
        """The budget now."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """The memory of a lane outside the database."""

    highest: int  # the highest fence that was ever written or seen
    missing: tuple[str, ...] = ()  # hosts that have not compared their own memory since Redis lost its state


class FenceBook(Protocol):
    """The highest fence of each lane, kept outside the database, so that a restored database is recognised.

    Redis shares it between all hosts; each host also keeps what it has written and seen in a file of its own. `lane` is
    the name that `campaigns.store.backup.restored.lane_name` returns. Every method and property raises FencesAway.
    """

    @property
    def host(self) -> str:
        """The ID of this host: that of its home."""
        ...

    def note(self, lane: str, fence: int) -> bool:
        """Keep the fence of a request that was committed here, before a byte of it leaves.

        False: the request may not leave. Another request or claim has had this fence or a higher one, so the database
        was restored since this one was committed, or the lane belongs to another worker.
        """
        ...

    def claim(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        """Keep the fence of a claim; returns the memory of requests with this fence or a higher one.

        A `highest` below `fence`: there are none, and none will be allowed. `hosts`: as for `compare`.
        """
        ...

    def tell(self) -> None:
        """Write to Redis everything that this host remembers, in one step with the note that it has done so."""
        ...

    def compare(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        """Keep a fence that the database shows; returns the memory of its lane.

        `hosts` are the hosts whose memory a lane waits for. This host writes its own to Redis if Redis has lost it.
        """
        ...

    def see(self, lanes: Mapping[str, int]) -> list[str]:
        """Keep the fences of many lanes as the database shows them; returns the lanes of which this host knows more.

        This host writes its memory to Redis if Redis has lost it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of writing the outcomes that were kept while the database was away."""

    written: int = 0
    damaged: int = 0  # lines that could not be read or written
    aside: str | None = None  # the file in which those are kept
    lost: int = 0  # replies to requests that the database does not know: it was restored from a backup
    lost_aside: str | None = None  # the file in which those are kept


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """A reply to a request that the database does not know."""

    account_id: str
    lane: str | None  # None: kept by an earlier release, which did not record it
    fence: int
    message_id: str | None  # what the vendor made of the request, if it was accepted


class RequestUnknown(Exception):
    """A kept outcome belongs to a request that the database does not know."""


class Spool(Protocol):
    """Outcomes that could not be written, kept on this host until the database is back."""

    def keep(self, kept: Mapping[str, Any]) -> bool:
        """Keep one outcome. It is safe from a power cut when this returns; False when the disk fails too."""
        ...

    def replay(self, write: Callable[[Mapping[str, Any]], None]) -> Replayed:
        """Call `write` for each kept outcome, the oldest first, and delete those for which it returned.

        If `write` raises RequestUnknown, the outcome is moved aside as evidence of a lost request; if it raises
        ValueError, as damaged. Any other exception ends the replay: that outcome and all after it stay kept.
        """
        ...

    def lost(self) -> list[LostAnswer]:
        """The outcomes that were moved aside as evidence of a lost request, without those that cannot be read."""
        ...
