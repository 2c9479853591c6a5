"""What we do not own: the vendor's API, the shared rate budget, and what is remembered outside the database."""

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
        """POST one mass message and say what that proved; never raises for anything the network or the vendor does.

        `may_start` is asked once, at the last moment before the first byte leaves: None lets it go, a reason stops it
        (then the outcome is NOT_SENT with that reason). The whole call takes `deadline_seconds` at most.
        """
        ...

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        """Take one message back, or delete a scheduled or saved one, by one DELETE; says what that proved.

        Never raises for anything the network or the vendor does. Safe to repeat: what is taken back stays so. Costs a
        credit. `may_start` and `deadline_seconds` are as in `send`.
        """
        ...

    def queue(self, account: str) -> list[QueueItem]:
        """The vendor's list of pending, scheduled and recent mass messages of an account. Costs a credit.

        Raises VendorRefused or VendorAway.
        """
        ...

    def saved(self, account: str) -> list[SavedItem]:
        """The newest messages that the vendor keeps for later on an account; its other list shows none of them.

        Costs a credit. Raises VendorRefused or VendorAway.
        """
        ...

    def scheduled(self, account: str, first: date, last: date) -> list[ItemContent]:
        """The mass messages of an account that the vendor is still to send on these days (UTC), by its calendar.

        Costs a credit. Raises VendorRefused or VendorAway, the latter also when the calendar is not shown whole.
        """
        ...

    def item(self, account: str, message_id: str) -> ItemContent | None:
        """What one of them holds; None when the vendor does not show it. Costs a credit.

        Raises VendorRefused or VendorAway.
        """
        ...

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        """What the overview of sent messages shows between two moments, 50 items at most. Costs a credit.

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
        """What the reply to this thread's last question (`queue`, `item`, `team`, `accounts`) said about itself.

        None when no reply came: then the vendor may still be counting the question.
        """
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """The pacer's answer: go now, or come back later."""

    granted: bool
    wait_seconds: float = 0.0  # when not granted: how long until asking again makes sense
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
    was_used: bool = False  # some request was made at some time, so the rows of the last ones may be on their way


@dataclass(frozen=True, slots=True)
class AccountPace:
    """An account's gap and cool-down, for people."""

    account: str
    next_start_in_seconds: float
    cool_down_seconds: float


@dataclass(frozen=True, slots=True)
class PacerState:
    """The shared budget as it stands, for people."""

    limit_per_minute: int  # the ceiling in force: the setting, lowered by what the vendor reported
    reserve: int  # slots of it kept for status, reconcile and people
    used: int  # slots held now
    vendor_limit: int | None
    vendor_remaining: int | None
    accounts: list[AccountPace]


class Pacer(Protocol):
    """The shared rate budget. Every method raises PacerAway when the budget cannot be reached: then nothing is sent."""

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        """Ask for one request. The same `key` asked twice is granted once and holds one slot.

        `hold_seconds` is the longest the request may take (its deadline): an answer that never comes frees its slot
        that long plus one window later. A `reserved` request uses the share kept for questions and no other, which is
        one at a time at least, and ignores the account's gap.
        """
        ...

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        """The answer has come: the slot is freed one window from now; the vendor's own numbers are learned."""
        ...

    def refund(self, key: str, account: str) -> None:
        """The request provably never left: give its slot, and the account's gap, back at once."""
        ...

    def cool_down(self, account: str, seconds: float) -> None:
        """Let nothing start on this account for that long; a shorter cool-down never shortens a longer one."""
        ...

    def state(self) -> PacerState:
        """The budget as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of a lane outside the database."""

    highest: int  # the highest fence that was ever noted or seen
    missing: tuple[str, ...] = ()  # hosts that have not compared their own memory since Redis lost its state


class FenceBook(Protocol):
    """The highest fence of each lane, kept outside the database, so that a restored one is recognised.

    Redis shares it between all hosts; each host keeps what it has noted and seen in a file of its own, too. `lane` is
    the name that `campaigns.store.backup.restored.lane_name` gives it. Every method and property raises FencesAway.
    """

    @property
    def host(self) -> str:
        """The ID of this host, which is that of its home."""
        ...

    def note(self, lane: str, fence: int) -> bool:
        """Keep the fence of a request that was committed here, before a byte of it leaves.

        False: it may not leave. Another request or claim has had this fence or a higher one, so the database was put
        back since this one was committed, or the lane is somebody else's.
        """
        ...

    def claim(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        """Keep the fence of a claim; returns what is remembered of requests that had it or a higher one.

        A `highest` below `fence`: there are none, and none will be let go. `hosts`: as for `compare`.
        """
        ...

    def tell(self) -> None:
        """Tell Redis all that this host remembers, in one step with the word that it has done so."""
        ...

    def compare(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        """Keep a fence that the database shows; returns what is remembered of its lane.

        `hosts` are those whose memory is waited for. This one tells Redis its own if that has lost it.
        """
        ...

    def see(self, lanes: Mapping[str, int]) -> list[str]:
        """Keep the fences of many lanes as the database shows them; returns the lanes of which this host knows more.

        This host tells Redis all that it remembers if that has lost it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the outcomes that were kept while the database was away."""

    written: int = 0
    damaged: int = 0  # lines that could not be read or written
    aside: str | None = None  # the file in which those are kept
    lost: int = 0  # answers to requests that the database does not know: it was restored from a backup
    lost_aside: str | None = None  # the file in which those are kept


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """An answer to a request that the database does not know."""

    account_id: str
    lane: str | None  # None: kept by an earlier release, which did not say
    fence: int
    message_id: str | None  # what the vendor made of the request, if it was accepted


class RequestUnknown(Exception):
    """A kept outcome speaks of a request that the database does not know."""


class Spool(Protocol):
    """Outcomes that could not be written, kept on this host until the database answers."""

    def keep(self, kept: Mapping[str, Any]) -> bool:
        """Keep one, safe from a power cut when this returns; False when the disk refuses that too."""
        ...

    def replay(self, write: Callable[[Mapping[str, Any]], None]) -> Replayed:
        """Hand over each one that is kept, the oldest first, and forget those for which `write` returned.

        A RequestUnknown of `write` puts one aside as evidence of a lost request, a ValueError as damaged. Whatever
        else it raises ends the replay: that one and all after it stay kept.
        """
        ...

    def lost(self) -> list[LostAnswer]:
        """Those that were put aside as evidence of a lost request; what cannot be read is left out."""
        ...
