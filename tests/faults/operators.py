"""Operators in a storm: they decide by the vendor's ledger, as docs/operating.md asks of them; else at random."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.errors import NotAllowed, NotFound, TryLater
from campaigns.domain.states import BatchState, HoldKind
from campaigns.flow.accounts.release import release_account
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.decide import Verdict, decide
from campaigns.flow.reconcile.search import ask_to_look
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.store.database.engine import Store
from tests.faults.moments import seconds_of
from tests.faults.oracle import Item, read_ledger
from tests.faults.orders import Order
from tests.faults.work import OPEN, STORM, UPSTREAM, Work

SURE_SECONDS = 25.0
"""So long after its commit no request arrives any more: a worker stopped over its lease goes on, a black hole ends."""

HELD_RUNS = "SELECT DISTINCT run_id FROM hold WHERE closed_at IS NULL AND run_id IS NOT NULL"

HELD_ACCOUNTS = "SELECT account_id, kind FROM hold WHERE closed_at IS NULL AND account_id IS NOT NULL"

HELD_TEAM = "SELECT id FROM hold WHERE closed_at IS NULL AND scope = 'team'"

TO_DECIDE = "SELECT id FROM batch WHERE account_id = :account AND state = 'unknown' AND look_at IS NULL"

COMING = (
    "SELECT name FROM campaign WHERE due_at IS NOT NULL"
    f" UNION SELECT name FROM campaign JOIN run ON run.campaign_id = campaign.id WHERE run.state IN {OPEN}"
)

SAID_BY = "SELECT campaign.name, run.state FROM campaign JOIN run ON run.campaign_id = campaign.id WHERE run.id = :id"

UNKNOWN = (
    "SELECT batch.id, batch.run_id, batch.seq, batch.account_id, batch.users, (SELECT max(started_at) FROM attempt"
    " WHERE attempt.batch_id = batch.id) AS started_at FROM batch WHERE state = 'unknown'"
)

LEFT = "SELECT seq, users FROM batch WHERE run_id = :run_id AND state IN ('cancelled', 'rejected')"

MEANWHILE = (NotAllowed, NotFound, TryLater)
"""Somebody else acted first, it is not allowed any more, or the database is away: an operator tries something else."""


class Operators:
    """What people do about a storm. `decides`: also what nobody asked them to, at random."""

    def __init__(
        self,
        store: Store,
        work: Work,
        ledger: Path,
        chance: random.Random,
        *,
        decides: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._work = work
        self._ledger = ledger
        self._chance = chance
        self._decides = decides
        self._clock = clock  # seconds since 1970, as the database counts them
        self._items: list[Item] = []
        self._reached = BitMap64()
        self._unsure_until = 0.0
        self.given_up = BitMap64()
        self.searches = 0
        self.done: Counter[str] = Counter()

    def unsettle(self) -> None:
        """The database was put back: what the vendor got is not certain before a while, and all has to be looked at."""
        self._unsure_until = self._clock() + SURE_SECONDS

    @property
    def is_sure(self) -> bool:
        """Whether everything that was under way when the database was put back has arrived or never will."""
        return self._clock() > self._unsure_until

    def tend(self, *, at_the_end: bool = False) -> None:
        """Settle what can be settled by now, and let go on what may."""
        self._look_at_the_vendor()
        with suppress(TryLater):  # the database is away, and will be back
            held = defaultdict(set)
            for row in self._asked(HELD_ACCOUNTS):
                held[row.account_id].add(row.kind)
            if self.is_sure:
                restored = {account for account, kinds in held.items() if HoldKind.RESTORED in kinds}
                self._decide_unknowns(restored, share=1.0 if at_the_end else 0.3)
                self._order_again()
            for run_id in self._asked(HELD_RUNS):
                self._let_run_go_on(run_id.run_id)
            for account, kinds in held.items():
                self._release(account, restored=HoldKind.RESTORED in kinds)
            if self._asked(HELD_TEAM):
                self._try("team released", partial(release_account, self._store, self._work.accounts[0]))

    def meddle(self) -> None:
        """One act that nobody needed, on a run chosen at random."""
        act = self._chance.choice([self._pause, self._pause, self._cancel, self._rerun, self._rerun, self._reconcile])
        with suppress(TryLater):  # the database is away
            act()

    def _look_at_the_vendor(self) -> None:
        self._items = list(read_ledger(self._ledger)) if self._ledger.exists() else []
        self._reached = BitMap64.union(BitMap64(), *(item.users for item in self._items))

    def _decide_unknowns(self, restored: set[str], *, share: float) -> None:
        for batch in self._asked(UNKNOWN):
            started = 0.0 if batch.started_at is None else seconds_of(batch.started_at)
            wanted = batch.account_id in restored or (self._decides and self._chance.random() < share)
            if wanted and self._clock() > started + SURE_SECONDS:
                self._decide(batch, unpack(bytes(batch.users)))

    def _decide(self, batch: Any, users: BitMap64) -> None:
        reached = users & self._reached
        if not reached:
            verdict: Verdict = self._chance.choice(["not-sent", "resend"])
            if not (self._decided(batch, verdict) or verdict == "not-sent"):
                self._decided(batch, "not-sent")
            return
        own = [item for item in self._items if item.account == batch.account_id and item.users & users]
        named = own[0].message_id if len(own) == 1 and own[0].users == users and self._chance.random() < 0.7 else None
        if self._decided(batch, "accepted", named) or (named and self._decided(batch, "accepted")):
            self.given_up |= users - reached

    def _decided(self, batch: Any, verdict: Verdict, message_id: str | None = None) -> bool:
        self.searches += verdict == "accepted" and message_id is None  # it may be searched for its ID
        act = partial(decide, self._store, batch.run_id, seqs=[batch.seq], verdict=verdict, message_id=message_id)
        name = f"decided {verdict}{' by its ID' if message_id else ''}"
        return self._try(name, act, "looked it up at the vendor")

    def _order_again(self) -> None:
        """What the database does not know any more is ordered again, for those whom the vendor never had."""
        coming = {row.name for row in self._asked(COMING)}  # first: what is planned meanwhile is listed below
        listed = BitMap64()
        for row in self._asked("SELECT users FROM batch"):
            listed |= unpack(bytes(row.users))
        for order in self._work.orders.all():
            missing = order.users - listed - self._reached
            if missing and order.text not in coming:
                self._try("lost campaign ordered again", partial(self._place, order, missing), "lost by the database")

    def _place(self, order: Order, users: BitMap64, *, reason: str, actor: str) -> None:
        self._work.place(order, users)

    def _let_run_go_on(self, run_id: int) -> None:
        """Resume a run, or cancel it when somebody of it was reached who is not to be reached again."""
        if self._would_double(run_id):
            self._try("cancelled, since it was sent before", partial(cancel_run, self._store, run_id), "sent before")
        elif self.is_sure or not self._is_restored(run_id):
            self._try("resumed", partial(resume_run, self._store, run_id))

    def _would_double(self, run_id: int) -> bool:
        waiting = BitMap64()
        for row in self._asked("SELECT users FROM batch WHERE run_id = :id AND state = 'ready'", id=run_id):
            waiting |= unpack(bytes(row.users))
        for row in self._asked(SAID_BY, id=run_id):
            order = self._work.orders.said(row.name)
            if order is not None and order.on_unknown == "resend":
                return False  # as its campaign wants it
            if order is not None and row.state == "due":
                waiting |= order.users
        return bool(waiting & self._reached)

    def _is_restored(self, run_id: int) -> bool:
        kinds = self._asked("SELECT kind FROM hold WHERE run_id = :id AND closed_at IS NULL", id=run_id)
        return any(row.kind == "restored" for row in kinds)

    def _release(self, account: str, *, restored: bool) -> None:
        """Let an account go on when nothing of it waits for a decision, and nothing that was sent before waits."""
        if restored and not self.is_sure:
            return
        runs = self._asked(f"SELECT id FROM run WHERE account_id = :account AND state IN {OPEN}", account=account)
        double = [row.id for row in runs if self._would_double(row.id)]
        for run_id in double:
            self._try("cancelled, since it was sent before", partial(cancel_run, self._store, run_id), "sent before")
        if not double and not (restored and self._asked(TO_DECIDE, account=account)):
            self._try("account released", partial(release_account, self._store, account))

    def _pause(self) -> None:
        for row in self._one(f"SELECT id FROM run WHERE state IN {OPEN}"):
            self._try("paused", partial(pause_run, self._store, row.id))

    def _cancel(self) -> None:
        for row in self._one(f"SELECT id FROM run WHERE state IN {OPEN}"):
            self._try("cancelled", partial(cancel_run, self._store, row.id))

    def _reconcile(self) -> None:
        for row in self._one("SELECT run_id, count(*) AS batches FROM batch WHERE state = 'unknown' GROUP BY run_id"):
            if self._try("reconciled", partial(self._look_again, row.run_id)):
                self.searches += row.batches

    def _look_again(self, run_id: int, *, reason: str, actor: str) -> None:
        ask_to_look(self._store, run_id, actor=actor)

    def _rerun(self) -> None:
        """Over the batches of a run whom the vendor never had."""
        runs = f"SELECT DISTINCT run_id AS id FROM batch JOIN run ON run.id = run_id WHERE run.state NOT IN {OPEN}"
        for row in self._one(f"{runs} AND batch.state IN ('cancelled', 'rejected')"):
            left = self._asked(LEFT, run_id=row.id)
            seqs = [one.seq for one in left if not unpack(bytes(one.users)) & self._reached]
            states = frozenset({BatchState.CANCELLED, BatchState.REJECTED})
            if seqs and self.is_sure:
                again = partial(rerun, self._store, row.id, upstream=UPSTREAM, states=states, seqs=seqs)
                self._try("run again", again)

    def _one(self, statement: str) -> list[Any]:
        rows = self._asked(statement)
        return [self._chance.choice(rows)] if rows else []

    def _try(self, name: str, act: Callable[..., object], reason: str = "the storm goes on") -> bool:
        try:
            act(reason=reason, actor=STORM)
        except MEANWHILE as refused:
            self.done[f"{name}: {type(refused).__name__}"] += 1
            return False
        self.done[name] += 1
        return True

    def _asked(self, statement: str, **given: Any) -> list[Any]:
        with self._store.read() as connection:
            return list(connection.execute(text(statement), given))
