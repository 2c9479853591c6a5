"""Where the stories of the law happen: two hosts, one database, one Redis, one vendor, and a clock that all go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, text

from campaigns.as_json import plain
from campaigns.domain.audience.user_sets import Reading, unpack
from campaigns.domain.messages.message import make_message
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.plan import plan_run
from campaigns.store.database.engine import Store
from campaigns.store.views import batches as batch_views
from campaigns.store.views import runs as run_views
from tests.clock import DrivenClock
from tests.law.databases import Copies, copies_of
from tests.law.hosts import BATCH, LEASE, Host, MoodyStore, driven, empty_home, redis_content, set_redis
from tests.law.ledger import CAMPAIGN, Ledger, Saying
from tests.law.records import Batch, Books, Campaign, Copy, Memory
from tests.law.vendor import Vendor
from tests.world import ANNA, TEAM, UPSTREAM

WHY: dict[str, Any] = {"reason": "a reason", "actor": ANNA}


@dataclass
class Place:
    """Everything of one story."""

    store: MoodyStore
    clock: DrivenClock
    redis_url: str
    homes: Path
    limit: int = 1000
    lease: float = LEASE
    ledger: Ledger = field(default_factory=Ledger)
    accounts: list[str] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)  # those that the database knows
    restored_turn: int = -1

    def __post_init__(self) -> None:
        self.ledger.limit = self.limit
        self.ledger.on_record = self._is_on_record
        self.vendor = Vendor(self.ledger, lambda: self.clock.now)
        self.copies: Copies = copies_of(self.store)
        common = (self.store, self.clock, self.vendor, self.redis_url, self.limit, self.lease)
        self.hosts = [Host(name, self.homes / name, *common) for name in ("north", "south")]
        for host in self.hosts:
            host.start()

    def close(self) -> None:
        """End every process."""
        for host in self.hosts:
            host.close()

    def account(self, account: str = "acct_one") -> str:
        """An account that is known."""
        add_account(self.store, account, upstream=UPSTREAM, team=TEAM, actor=ANNA)
        self.accounts.append(account)
        return account

    def campaign(
        self,
        account: str = "acct_one",
        *,
        users: int = 3 * BATCH,
        says: str = "Hello",
        price: int | None = None,
        resends: bool = False,
        message: dict[str, object] | None = None,
        **draft: Any,
    ) -> Campaign:
        """A draft over users that no other campaign has."""
        if account not in self.accounts:
            self.account(account)
        number = len(self.ledger.says) + 1
        named = tuple(number * CAMPAIGN + user for user in range(1, users + 1))
        media: dict[str, object] = {} if price is None else {"price": price, "media_files": ("123",)}
        made = create_campaign(
            self.store,
            Draft(
                **{
                    "name": f"campaign c{number}",
                    "account_id": account,
                    "message": make_message({"text": says, **media, **(message or {})}),
                    "audience": Reading(users=BitMap64(named)),
                    "batch_size": BATCH,
                    "on_unknown": "resend" if resends else "hold",
                    "often": True,
                    **draft,
                }
            ),
            actor=ANNA,
        )
        self.ledger.says[number] = Saying(account, says, price, resends)
        self.campaigns.append(Campaign(number, made.id, account, named))
        return self.campaigns[-1]

    def launch(self, campaign: Campaign, **how: Any) -> int | None:
        """A run of it, or None when its schedule is armed instead."""
        return launch(self.store, campaign.id, upstream=UPSTREAM, actor=ANNA, **how).run_id

    def launched(self, account: str = "acct_one", **campaign: Any) -> int:
        """A run that is ready to send."""
        run_id = self.launch(self.campaign(account, **campaign))
        assert run_id is not None
        return run_id

    def serve(self, account: str = "acct_one", *, host: int = 0) -> None:
        """Let a host serve a lane now."""
        self.hosts[host].serve(account)

    def look_round(self, seconds: float = 0) -> None:
        """Let time pass, and every host look at what there is to do, and do it."""
        self.clock.advance(seconds)
        for host in self.hosts:
            host.tick()
            host.work()

    def settle(self, seconds: float = 60, every: float = 2) -> None:
        """Let that much time pass, with everybody at work."""
        until = self.clock.now + timedelta(seconds=seconds)
        while self.clock.now < until:
            self.look_round(every)

    def backup(self) -> Copy:
        """Copy everything at this moment."""
        homes = tuple(_content(host.home) for host in self.hosts)
        known = (tuple(self.accounts), tuple(self.campaigns))
        return Copy(self.copies.take(), redis_content(self.redis_url), homes, self.ledger.next_turn(), *known)

    def restore(self, copy: Copy, *, redis: Memory = "kept", homes: Sequence[Memory] = ("kept", "kept")) -> None:
        """Put the database back under workers that live on, and with it what else is not kept."""
        self.copies.put_back(copy.database)
        self.restored_turn = self.ledger.next_turn()
        self.ledger.forget_suppressions(since=copy.turn)
        self.accounts, self.campaigns = list(copy.accounts), list(copy.campaigns)
        if redis != "kept":
            set_redis(self.redis_url, copy.redis if redis == "restored" else {})
        for host, fate, before in zip(self.hosts, homes, copy.homes, strict=True):
            if fate != "kept":
                empty_home(host.home)
            for name, content in before.items() if fate == "restored" else ():
                (host.home / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                (host.home / name).write_bytes(content)

    def lose_redis(self, *, only: str = "") -> None:
        """Redis loses everything, or the keys that have that in their names."""
        if only:
            set_redis(
                self.redis_url, {k: v for k, v in redis_content(self.redis_url).items() if only.encode() not in k}
            )
        else:
            set_redis(self.redis_url, {})

    def plan(self, run_ids: Sequence[int]) -> None:
        """Freeze these runs, twice, as two beats may ask for it."""
        for run_id in [*run_ids, *run_ids]:
            plan_run(self.store, run_id, actor="worker:beat")

    def run(self, run_id: int) -> dict[str, Any]:
        """A run as `runs show` has it."""
        with self.store.read() as connection:
            shown: dict[str, Any] = plain(run_views.run_of(connection, run_id))
            return shown

    def runs(self) -> list[int]:
        """All runs that the database knows."""
        return [each.id for each in self.books()]

    def books(self) -> list[Books]:
        """Every run with its batches, as the rows have them."""
        asked = "SELECT run_id, seq, state, users, message_id FROM batch WHERE state <> 'split' ORDER BY run_id, seq"
        with self.store.read() as connection:
            runs = connection.execute(
                text("SELECT id, campaign_id, account_id, state, planned FROM run ORDER BY id")
            ).all()
            rows = connection.execute(text(asked)).all()
            held = connection.execute(text("SELECT run_id, kind, reason FROM hold WHERE closed_at IS NULL ORDER BY id"))
            holds = [(row.run_id, row.kind, row.reason) for row in held]
            batches = [
                Batch(row.run_id, row.seq, row.state, frozenset(unpack(bytes(row.users))), self._ids(connection, row))
                for row in rows
            ]
        return [
            Books(
                *(run.id, run.campaign_id, run.account_id, run.state, run.planned),
                batches=tuple(batch for batch in batches if batch.run_id == run.id),
                holds=tuple((kind, reason) for run_id, kind, reason in holds if run_id == run.id),
            )
            for run in runs
        ]

    def batches(self, run_id: int) -> list[Batch]:
        """The batches of a run that count."""
        return [batch for run in self.books() if run.id == run_id for batch in run.batches]

    def _ids(self, connection: Connection, row: Any) -> tuple[str, ...]:
        """The message ID of a batch, or those of which it has one: a release may settle several batches together."""
        if row.message_id is not None:
            return (str(row.message_id),)
        if row.state not in {"accepted", "saved"}:
            return ()
        shown = [each for each in batch_views.batches(connection, row.run_id) if each.seq == row.seq]
        return tuple(shown[0].message_ids or ())

    def states(self, run_id: int) -> list[str]:
        """Where its batches stand."""
        return [batch.state for batch in self.batches(run_id)]

    def reached(self) -> dict[int, int]:
        """How many messages reached each user."""
        return self.ledger.times_reached()

    def _is_on_record(self, message_id: str) -> bool:
        asked = (
            "SELECT count(*) FROM attempt_outcome WHERE message_id = :id",
            "SELECT count(*) FROM evidence WHERE message_id = :id AND kind = 'late_answer'",
        )
        with self.store.read() as connection:
            return any(connection.scalar(text(each), {"id": message_id}) for each in asked)


Places = Callable[..., AbstractContextManager[Place]]
"""Makes a place for one story; the next one finds it empty again."""


def places_on(store: Store, redis_url: str, folder: Callable[[str], Path]) -> Places:
    """Places on that database, which has to be empty, and that Redis, which is emptied; `folder` makes a new one."""
    copies = copies_of(store)
    empty = copies.take()

    @contextmanager
    def one(**how: Any) -> Iterator[Place]:
        copies.put_back(empty)
        set_redis(redis_url, {})
        clock = DrivenClock()
        moody = MoodyStore(store.writer, store.reader, clock, store.turn)
        with driven(clock):
            made = Place(moody, clock, redis_url, folder("homes"), **how)
            try:
                yield made
            finally:
                made.close()

    return one


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
