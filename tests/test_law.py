"""Whatever happens, in whatever order: nobody twice, nobody lost.

Operators, beats and workers act at random; workers die in the middle and their answers come late or never; the vendor
answers everything it can. After each step the law is read off the database and the vendor's own record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypedDict
from unittest import mock

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.errors import NotAllowed, StaleClaim
from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.accounts.accounts import release_account
from campaigns.flow.audience.suppress import suppress as suppress_users
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.reconcile.decide import Verdict, decide
from campaigns.flow.runs.pause_resume_cancel import cancel_run, pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.sending.record import record_outcome
from campaigns.store.database.engine import Store
from campaigns.store.sending.attempts import OpenAttempt, expired_attempts
from campaigns.store.sending.batches import anything_is_looked_for
from tests.clock import DrivenClock
from tests.invariants import MAY_HAVE_BEEN_REACHED, PROVES_NOT_SENT, Vendor
from tests.one_database import ReusedStores, emptied_after, reused_postgresql, reused_sqlite  # noqa: F401 - fixtures
from tests.world import (
    ACCOUNT,
    ANNA,
    LIMITS,
    LOGGED_OUT,
    NOT_SENT,
    REJECTED,
    THROTTLED,
    UNKNOWN,
    UPSTREAM,
    World,
    accepted,
)

BEAT = "worker:beat"
ANSWERS = (None, None, UNKNOWN, UNKNOWN, NOT_SENT, THROTTLED, REJECTED, REJECTED, REJECTED, LOGGED_OUT)
RERUN = (frozenset({BatchState.REJECTED}), frozenset({BatchState.REJECTED, BatchState.CANCELLED}))
VERDICTS: tuple[Verdict, ...] = ("accepted", "not-sent", "resend")
MOST_CAMPAIGNS = 3
WHAT = [
    *["serve"] * 9,
    *("die before it leaves", "die after it left", "die after it left", "answer late", "wait", "wait", "beats"),
    *("launch", "arm", "pause", "resume", "resume", "cancel", "release", "release", "suppress"),
    *("rerun", "rerun", "rerun", "decide", "decide"),
]
"""What may happen next, the likelier the oftener."""


class _Words(TypedDict):
    reason: str
    actor: str


class Killed(BaseException):
    """The process is gone."""


EmptyStore = Callable[[], AbstractContextManager[Store]]


class Law(RuleBasedStateMachine):
    """One account, one vendor, two workers, two beats, and operators who change their minds."""

    def __init__(self, empty_store: EmptyStore) -> None:
        super().__init__()
        self.empty_store, self.left = empty_store, ExitStack()

    @initialize()
    def begin(self) -> None:
        clock = DrivenClock()
        self.vendor = Vendor()
        store = self.left.enter_context(self.empty_store())
        self.world = World(replace(store, clock=clock), clock, gateway=self.vendor)
        self.world.account()
        self.campaigns = 0
        self.decided: Counter[int] = Counter()  # how often an operator decided that a user may get it once more
        self.hanging: list[tuple[OpenAttempt, Outcome]] = []  # what a dead worker would have recorded
        self.numbers = 0
        self._launch(later=False)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.prove()
            finally:
                self.left.close()  # empties the database whatever was found

    # One rule, its choices scrambled: Hypothesis leaves whole rules out of an example and likes small numbers, while
    # trouble needs all of these together. It still takes steps away to find the shortest story.
    @rule(seed=st.integers(0, 2**32))
    def step(self, seed: int) -> None:
        chance = Random(seed)
        what, which, users = (
            chance.choice(WHAT),
            chance.randrange(len(ANSWERS)),
            chance.sample(range(1, 7), chance.randint(1, 3)),
        )
        note(f"{what} ({which}, {users})")
        store, words = self.world.store, _Words(reason="a reason", actor=ANNA)
        run_ids = [run_id for run_id, _, _ in self._runs()]
        run_id = run_ids[which % len(run_ids)]
        listed = BitMap64([100 * (1 + which % self.campaigns) + user for user in users])
        act: dict[str, Callable[[], object]] = {
            "serve": lambda: self._serve(which),
            "die before it leaves": self._die_before_leaving,
            "die after it left": lambda: self._die_after_leaving(which),
            "answer late": self._answer_comes_late,
            "wait": lambda: self.world.clock.advance(LIMITS.lease_seconds),
            "beats": self._two_beats_look,
            "launch": lambda: self._launch(later=False),
            "arm": lambda: self._launch(later=True),
            "pause": lambda: pause_run(store, run_id, **words),
            "resume": lambda: resume_run(store, run_id, **words),
            "cancel": lambda: cancel_run(store, run_id, **words),
            "release": lambda: release_account(store, ACCOUNT, **words),
            "suppress": lambda: suppress_users(store, listed, account_id=None, **words),
            "rerun": lambda: rerun(store, run_id, upstream=UPSTREAM, states=RERUN[len(users) % 2], **words),
            "decide": lambda: self._decide(run_id, VERDICTS[len(users) - 1]),
        }
        self.world.clock.advance(1)
        with suppress(NotAllowed):
            act[what]()

    def _serve(self, which: int) -> None:
        self.vendor.script = [ANSWERS[which] or self._accepted()]
        self.world.serve(owner=f"worker:{which}", turns=1)

    def _launch(self, *, later: bool) -> None:
        """Each campaign has users of its own, so that the vendor's record tells the lineages apart."""
        if self.campaigns == MOST_CAMPAIGNS:
            return
        self.campaigns += 1
        starts_at = self.world.clock.now + timedelta(seconds=5) if later else None
        campaign_id = self.world.campaign([100 * self.campaigns + user for user in range(1, 7)], starts_at=starts_at)
        launch(self.world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    def _die_before_leaving(self) -> None:
        with suppress(Killed), mock.patch.object(self.vendor, "send", side_effect=Killed):
            self.world.serve(owner="worker:one", turns=1)

    def _die_after_leaving(self, which: int) -> None:
        outcome = ANSWERS[which] or self._accepted()
        if outcome is NOT_SENT:
            return

        def answer() -> Outcome:
            with self.world.store.read() as connection:
                (opened,) = expired_attempts(connection, now=self.world.clock.now + timedelta(days=1))
            self.hanging.append((opened, outcome))
            if outcome.kind in PROVES_NOT_SENT:
                self.vendor.reached.pop()
            raise Killed

        self.vendor.script = [answer]
        with suppress(Killed):
            self.world.serve(owner="worker:one", turns=1)
        self.vendor.script = []

    def _answer_comes_late(self) -> None:
        if self.hanging:
            opened, outcome = self.hanging.pop()
            with suppress(StaleClaim):
                record_outcome(self.world.store, opened, outcome, LIMITS, actor="worker:one")

    def _two_beats_look(self) -> None:
        plans = [
            run_id
            for beat in ("worker:beat-one", "worker:beat-two")
            for run_id in tick(self.world.store, upstream=UPSTREAM, settle_seconds=1, actor=beat).plans
        ]
        for run_id in [*plans, *plans]:
            plan_run(self.world.store, run_id, actor=BEAT)

    def _decide(self, run_id: int, verdict: Verdict) -> None:
        unknown = [users for run, state, users in self._batches() if (run, state) == (run_id, BatchState.UNKNOWN)]
        decide(self.world.store, run_id, seqs=None, verdict=verdict, reason="a reason", actor=ANNA)
        if verdict != "accepted":
            self.decided.update(user for users in unknown for user in users)

    @invariant()
    def nobody_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        reached = self.vendor.times_reached()
        twice = {user: count for user, count in reached.items() if count > 1 + self.decided[user]}
        assert not twice, f"messaged too often: {twice}"
        shown = {user for _, state, users in self._batches() if state in MAY_HAVE_BEEN_REACHED for user in users}
        hidden = {user for user in reached if user not in shown and not self.decided[user]}
        assert not hidden, f"{hidden} may have been messaged, and no batch says so"

    @invariant()
    def nobody_lost(self) -> None:
        if not hasattr(self, "world"):
            return
        batches = self._batches()
        for run_id, state, planned in self._runs():
            own = [(where, users) for run, where, users in batches if run == run_id]
            assert planned == sum(len(users) for _, users in own), f"run {run_id}"
            assert {where for where, _ in own} <= set(BatchState)
            waiting = {where for where, _ in own} & {BatchState.READY, BatchState.SENDING}
            assert state in RUN_OPEN or not waiting, f"run {run_id} is {state}, but some wait"
            looked_for = self._is_looked_for(run_id)
            if state == RunState.CANCELLING:
                assert waiting == {BatchState.SENDING} or (looked_for and not waiting)
            if state in {RunState.PLANNED, RunState.SENDING}:
                assert waiting or looked_for, f"run {run_id} is {state}, but nothing waits"

    def _is_looked_for(self, run_id: int) -> bool:
        with self.world.store.read() as connection:
            return anything_is_looked_for(connection, run_id)

    def _accepted(self) -> Outcome:
        self.numbers += 1
        return accepted(f"m{self.numbers}")

    def _runs(self) -> list[tuple[int, str, int]]:
        with self.world.store.read() as connection:
            rows = connection.execute(text("SELECT id, state, planned FROM run ORDER BY id"))
            return [(row.id, row.state, row.planned) for row in rows]

    def _batches(self) -> list[tuple[int, str, list[int]]]:
        with self.world.store.read() as connection:
            rows = connection.execute(text("SELECT run_id, state, users FROM batch WHERE state <> 'split'"))
            return [(row.run_id, row.state, list(unpack(bytes(row.users)))) for row in rows]


def hold_in_any_story(stores: ReusedStores, request: pytest.FixtureRequest, stories: int) -> None:
    """Hypothesis makes up that many stories, each on an empty database; the first that breaks the law is shortened."""

    @contextmanager
    def empty_store() -> Iterator[Store]:
        store = stores.of()
        with contextmanager(emptied_after)(store, request):
            yield store

    class LawHere(Law):
        def __init__(self) -> None:
            super().__init__(empty_store)

    run_state_machine_as_test(
        LawHere,
        settings=settings(
            max_examples=stories,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stories", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_the_law_holds_in_any_story_on_sqlite(
    reused_sqlite: ReusedStores,  # noqa: F811 - the fixture
    request: pytest.FixtureRequest,
    stories: int,
) -> None:
    hold_in_any_story(reused_sqlite, request, stories)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stories", [5, pytest.param(150, marks=pytest.mark.slow)])
def test_the_law_holds_in_any_story_on_postgresql(
    reused_postgresql: ReusedStores,  # noqa: F811 - the fixture
    request: pytest.FixtureRequest,
    stories: int,
) -> None:
    hold_in_any_story(reused_postgresql, request, stories)
