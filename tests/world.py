"""A small world for stories: a real store, a vendor that answers as told and keeps what it got, a driven clock."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, select, text

from campaigns.as_json import plain
from campaigns.domain.audience.user_sets import Reading, unpack
from campaigns.domain.errors import FencesAway, PacerAway, VendorAway
from campaigns.domain.messages.message import make_message
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem, SavedItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.ports import LostAnswer, PacerState, Permit, Remembered, Replayed, RequestUnknown, VendorAccount
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.batches import batch
from campaigns.store.views import accounts as account_views
from campaigns.store.views import batches as batch_views
from campaigns.store.views import events as event_views
from campaigns.store.views import runs as run_views
from campaigns.store.views.runs import RunView
from tests.clock import DrivenClock

ACCOUNT = "acct_one"
UPSTREAM = "sandbox"
TEAM = "sandbox"
ANNA = "operator:anna"

LIMITS = Limits(
    rate_per_minute=1000,
    reserve=0.05,
    account_gap_seconds=0,
    request_timeout_seconds=3,
    lease_seconds=6,
    max_attempts=3,
    batch_size=2,
    settle_seconds=1,
    settle_looks=3,
)

NOT_SENT = Outcome(OutcomeKind.NOT_SENT, error="connection refused")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, error="the answer did not come")
REJECTED = Outcome(OutcomeKind.REJECTED, error="refused", http_status=422)
THROTTLED = Outcome(OutcomeKind.THROTTLED, error="slow down", http_status=429, retry_after_seconds=20)
NO_CREDITS = Outcome(
    OutcomeKind.HELD, error="no credits are left", http_status=402, hold=HoldOrder(HoldScope.TEAM, HoldKind.CREDITS)
)
LOGGED_OUT = Outcome(
    OutcomeKind.HELD,
    error="the account is logged out",
    http_status=500,
    hold=HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT),
)
UNSENT = UnsendOutcome(UnsendKind.UNSENT, http_status=200)


def accepted(message_id: str) -> Outcome:
    return Outcome(OutcomeKind.ACCEPTED, message_id=message_id, http_status=200)


@dataclass
class FakeGateway:
    """Accepts everything, unless a test has scripted the next answers. An answer may also be a function to call."""

    script: list[Outcome | Callable[[], Outcome]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)  # bodies whose bytes left us
    accounts_seen: list[str] = field(default_factory=list)
    listed: list[QueueItem] = field(default_factory=list)  # what the vendor's queue shows
    contents: dict[str, ItemContent] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    overviewed: list[ItemContent] = field(default_factory=list)
    its_clock: datetime | None = None  # what the vendor says that it is
    kept: list[SavedItem] = field(default_factory=list)  # what it keeps for later
    calendar: list[ItemContent] | None = field(default_factory=list)  # what it is to send later; None: not shown
    obstacle: Exception | None = None
    deleting: list[UnsendOutcome | Callable[[], UnsendOutcome]] = field(default_factory=list)  # a script, as above
    deleted: list[str] = field(default_factory=list)  # message IDs of the DELETEs whose bytes left us
    report: VendorReport | None = field(default_factory=VendorReport)  # of replies to questions; None: no reply came

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        assert deadline_seconds > 0
        reason = may_start()
        if reason is not None:
            return Outcome(OutcomeKind.NOT_SENT, error=reason)
        answer = self.script.pop(0) if self.script else None
        if not (isinstance(answer, Outcome) and answer.kind is OutcomeKind.NOT_SENT):
            self.received.append(json.loads(body))
            self.accounts_seen.append(account)
        if answer is None:
            return accepted(f"{account}-{len(self.received)}")
        return answer if isinstance(answer, Outcome) else answer()

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        assert deadline_seconds > 0
        reason = may_start()
        if reason is not None:
            return UnsendOutcome(UnsendKind.NOT_SENT, error=reason)
        answer = self.deleting.pop(0) if self.deleting else UNSENT
        if not (isinstance(answer, UnsendOutcome) and answer.kind is UnsendKind.NOT_SENT):
            self.deleted.append(message_id)
        if answer is UNSENT and message_id in self.contents:
            self.contents[message_id] = replace(self.contents[message_id], is_canceled=True)
        return answer if isinstance(answer, UnsendOutcome) else answer()

    def queue(self, account: str) -> list[QueueItem]:
        self.questions.append(f"list {account}")
        if self.obstacle is not None:
            raise self.obstacle
        return list(self.listed)

    def saved(self, account: str) -> list[SavedItem]:
        self.questions.append(f"saved {account}")
        if self.obstacle is not None:
            raise self.obstacle
        return list(self.kept)

    def scheduled(self, account: str, first: date, last: date) -> list[ItemContent]:
        self.questions.append(f"scheduled {account}")
        if self.calendar is None:
            raise VendorAway("it does not show its calendar")
        return [item for item in self.calendar if item.date is not None and first <= item.date.date() <= last]

    def item(self, account: str, message_id: str) -> ItemContent | None:
        self.questions.append(f"item {message_id}")
        return self.contents.get(message_id)

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        self.questions.append(f"overview {account}")
        assert since < until
        return Overview(list(self.overviewed), self.its_clock)

    def team(self) -> str:
        return TEAM

    def accounts(self) -> list[VendorAccount]:
        return []

    def last_report(self) -> VendorReport | None:
        return self.report


@dataclass
class FakePacer:
    """Grants everything, unless told otherwise; remembers what it was told."""

    permits: list[Permit] = field(default_factory=list)
    away: bool = False
    held: list[str] = field(default_factory=list)
    reserved: list[str] = field(default_factory=list)  # those asked for of the share kept for questions
    asked_again: list[str] = field(default_factory=list)  # permits that grew old before their rows stood
    cooling: dict[str, float] = field(default_factory=dict)

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        if self.away:
            raise PacerAway("Redis is away")
        permit = self.permits.pop(0) if self.permits else Permit(granted=True)
        if permit.granted and key in self.held:
            self.asked_again.append(key)
        elif permit.granted:
            self.held.append(key)
            if reserved:
                self.reserved.append(key)
        return permit

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        assert key in self.held

    def refund(self, key: str, account: str) -> None:
        self.held.remove(key)

    def cool_down(self, account: str, seconds: float) -> None:
        self.cooling[account] = seconds

    def state(self) -> PacerState:
        raise AssertionError("nobody of these tests asks")


@dataclass
class FakeFences:
    """A fence book of one host that forgets nothing."""

    noted: dict[str, int] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    away: bool = False
    host: str = "0" * 32

    def note(self, lane: str, fence: int) -> bool:
        self.tell()
        before = max(self.claimed.get(lane, 0), self.sent.get(lane, 0))
        self.sent[lane] = max(fence, before)
        self._keep(lane, fence)
        return before < fence

    def forget(self) -> None:
        """Everything outside the database is lost."""
        self.noted.clear()
        self.claimed.clear()
        self.sent.clear()

    def claim(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        self.tell()
        self.claimed[lane] = max(fence, self.claimed.get(lane, 0))
        self._keep(lane, fence)
        return Remembered(self.sent.get(lane, 0), tuple(one for one in hosts if one != self.host))

    def _keep(self, lane: str, fence: int) -> None:
        self.noted[lane] = max(fence, self.noted.get(lane, 0))

    def tell(self) -> None:
        if self.away:
            raise FencesAway("the book is away")

    def compare(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        self.tell()
        self._keep(lane, fence)
        return Remembered(self.noted[lane], tuple(one for one in hosts if one != self.host))

    def see(self, lanes: Mapping[str, int]) -> list[str]:
        for name, fence in lanes.items():
            self.tell()
            self._keep(name, fence)
        return [name for name, fence in lanes.items() if self.noted[name] > fence]


@dataclass
class FakeSpool:
    """Keeps outcomes in memory, as JSON like the real one."""

    lines: list[str] = field(default_factory=list)
    put_aside: list[LostAnswer] = field(default_factory=list)

    def keep(self, kept: Mapping[str, Any]) -> bool:
        self.lines.append(json.dumps(kept))
        return True

    def replay(self, write: Callable[[Mapping[str, Any]], None]) -> Replayed:
        written = 0
        while self.lines:
            kept = json.loads(self.lines[0])
            try:
                write(kept)
                written += 1
            except RequestUnknown:
                made, identity = kept["attempt"], kept.get("identity") or {}
                lost = LostAnswer(
                    made["account_id"], identity.get("lane"), made["fence"], kept["outcome"]["message_id"]
                )
                self.put_aside.append(lost)
            del self.lines[0]
        return Replayed(written, lost=len(self.put_aside))

    def lost(self) -> list[LostAnswer]:
        return list(self.put_aside)


def next_look_at(connection: Connection, account_id: str) -> datetime | None:
    """When the vendor is asked next about what is unknown on an account; None when nothing of it is looked for."""
    row = connection.execute(
        select(batch.c.look_at, lane.c.ask_at)
        .join(lane, lane.c.account_id == batch.c.account_id)
        .where(batch.c.account_id == account_id, batch.c.look_at.is_not(None))
        .order_by(batch.c.look_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else max(row.look_at, row.ask_at or row.look_at)


@dataclass
class World:
    """One account, one vendor, one clock."""

    store: Store
    clock: DrivenClock
    gateway: FakeGateway = field(default_factory=FakeGateway)
    pacer: FakePacer = field(default_factory=FakePacer)
    fences: FakeFences = field(default_factory=FakeFences)
    spool: FakeSpool = field(default_factory=FakeSpool)
    stranded: dict[str, Step] = field(default_factory=dict)
    stopping: bool = False
    slept: list[float] = field(default_factory=list)
    local_clock: float = 1000.0

    def sender(self, owner: str = "worker:one", limits: Limits = LIMITS) -> LaneContext:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return LaneContext(
            store=self.store,
            gateway=self.gateway,
            pacer=self.pacer,
            fences=self.fences,
            spool=self.spool,
            stranded=self.stranded,
            limits=limits,
            upstream=UPSTREAM,
            team=self.gateway.team,
            owner=owner,
            host_name="host",
            stopping=lambda: self.stopping,
            sleep=sleep,
            monotonic=lambda: self.local_clock,
            chance=lambda: 0.0,
            random_bytes=secrets.token_bytes,
        )

    def account(self, account_id: str = ACCOUNT) -> str:
        add_account(self.store, account_id, upstream=UPSTREAM, team=TEAM, actor=ANNA)
        return account_id

    def campaign(self, users: Iterable[int] = (1, 2, 3, 4, 5), **changes: Any) -> int:
        fields = {"text": "Hello", **changes.pop("message", {})}
        audience = None if fields.get("user_lists") else Reading(users=BitMap64(users))
        draft = {
            "name": "Friday",
            "account_id": ACCOUNT,
            "message": make_message(fields),
            "audience": audience,
            "batch_size": LIMITS.batch_size,
            "often": True,
            **changes,
        }
        return create_campaign(self.store, Draft(**draft), actor=ANNA).id

    def launch(self, campaign_id: int, **how: Any) -> int:
        run_id = launch(self.store, campaign_id, upstream=UPSTREAM, actor=ANNA, **how).run_id
        assert isinstance(run_id, int)
        return run_id

    def launched(self, users: Iterable[int] = (1, 2, 3, 4, 5), **changes: Any) -> int:
        """A run that is ready to send, with its account."""
        with self.store.read() as connection:
            known = connection.scalar(text("SELECT count(*) FROM account"))
        if not known:
            self.account()
        return self.launch(self.campaign(users, **changes))

    def serve(self, account_id: str = ACCOUNT, *, owner: str = "worker:one", turns: int = 100) -> int:
        left = iter(range(turns))
        return serve_lane(self.sender(owner), account_id, lambda: next(left, None) is not None)

    def serve_out(self, account_id: str = ACCOUNT, *, owner: str = "worker:one", turns: int = 100) -> int:
        """Serve a lane until it is empty, with all the looks for its unknowns, as time goes by."""
        requests = 0
        for _ in range(100):
            requests += self.serve(account_id, owner=owner, turns=turns)
            with self.store.read() as connection:
                due = next_look_at(connection, account_id)
                waits = {row.id: row.available_at for row in account_views.accounts(connection)}[account_id]
            if due is None:
                return requests
            if waits is not None:
                due = max(due, waits)
            self.clock.advance(max(0.0, (due - self.clock.now).total_seconds()))
        raise AssertionError("the lane never came to rest")

    def view(self, run_id: int) -> RunView:
        with self.store.read() as connection:
            return run_views.run_of(connection, run_id)

    def run(self, run_id: int) -> dict[str, Any]:
        shown: dict[str, Any] = plain(self.view(run_id))
        return shown

    def batches(self, run_id: int) -> list[dict[str, Any]]:
        with self.store.read() as connection:
            return [plain(view) for view in batch_views.batches(connection, run_id)]

    def states(self, run_id: int) -> list[str]:
        return [batch["state"] for batch in self.batches(run_id)]

    def attempts(self, run_id: int) -> list[dict[str, Any]]:
        with self.store.read() as connection:
            return [plain(view) for view in batch_views.attempts(connection, run_id)]

    def events(self) -> list[str]:
        with self.store.read() as connection:
            return [event.kind for event in event_views.events(connection)]

    def users(self, run_id: int, seq: int) -> set[int]:
        statement = text("SELECT users FROM batch WHERE run_id = :run AND seq = :seq")
        with self.store.read() as connection:
            return set(unpack(bytes(connection.execute(statement, {"run": run_id, "seq": seq}).scalar_one())))

    def requests_by_user(self) -> Counter[int]:
        """How many requests that left us named each user."""
        return Counter(int(user) for body in self.gateway.received for user in body["userIds"])

    def prove(self) -> None:
        """The books of every run balance, from the sets themselves."""
        with self.store.read() as connection:
            found = verify.verify(connection)
        assert found.ok, found.faults
