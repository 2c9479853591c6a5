"""A process may die between any two steps of the send path; whoever takes over must double nobody and lose nobody.

Every boundary of serving a run of three batches is listed here, in order; the first test holds the list to what is
really crossed. Then the process dies at each of them, its lease runs out, and another worker serves what is left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, bindparam, text, update

from campaigns.domain.errors import StaleClaim
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.domain.upstream.unsend_outcome import UnsendOutcome
from campaigns.flow.audience.suppress import suppress as suppress_users
from campaigns.flow.audience.suppress import unsuppress
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.reconcile import abandoned as reconcile
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import cancel_run, pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.backfill import Period, backfill
from campaigns.flow.schedules.due import open_due, open_due_runs
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, skip_next
from campaigns.flow.sending import record
from campaigns.flow.sending.record import record_outcome
from campaigns.ports import Pacer, PacerState, Permit
from campaigns.store.database.engine import Store, open_store
from campaigns.store.sending import attempts as claims
from campaigns.store.sending.attempts import OpenAttempt, expired_attempts, settle_batch
from campaigns.store.tables.batches import batch
from campaigns.store.views import runs as views
from tests.clock import DrivenClock
from tests.invariants import Vendor, hold_the_law, vendor_of
from tests.one_database import KINDS, one_database
from tests.world import ANNA, LIMITS, NOT_SENT, REJECTED, THROTTLED, UNKNOWN, UPSTREAM, World, accepted

CLAIM = ("read", "read", "begin", "commit", "committed", "read", "read", "read")
PERMIT = ("acquire", "acquired")
ATTEMPT = ("begin", "commit", "committed")
POST = ("send", "leave", "left", "answered")
RECORD = ("begin", "commit", "committed", "free the slot", "slot freed")
NOTHING_LEFT = ("acquire", "acquired", "begin", "commit", "committed", "refund", "refunded")
GIVE_BACK = ("begin", "commit", "committed")
BOUNDARIES = (*CLAIM, *(PERMIT + ATTEMPT + POST + RECORD) * 3, *NOTHING_LEFT, *GIVE_BACK)
"""What is crossed in serving three batches that are accepted at once."""


BEAT = "worker:beat"


class Killed(BaseException):
    """The process is gone: no handler of ours may run, and none catches this."""


@dataclass
class Steps:
    """Counts the boundaries that are crossed, and ends the process at one of them."""

    die_at: int | None = None
    crossed: list[str] = field(default_factory=list)

    def cross(self, name: str) -> None:
        self.crossed.append(name)
        if len(self.crossed) - 1 == self.die_at:
            raise Killed(name)


@dataclass
class FragileStore:
    real: Store
    steps: Steps

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.steps.cross("begin")
        with self.real.write() as connection:
            yield connection
            self.steps.cross("commit")
        self.steps.cross("committed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.steps.cross("read")
        with self.real.read() as connection:
            yield connection

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)


@dataclass
class FragileGateway:
    real: Vendor
    steps: Steps

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        def ask() -> str | None:
            self.steps.cross("leave")
            return may_start()

        self.steps.cross("send")
        answer = self.real.script.pop(0) if self.real.script else None
        self.real.script.insert(0, answer if answer is NOT_SENT else lambda: self._answer(account, answer))
        outcome = self.real.send(account, body, deadline_seconds=deadline_seconds, may_start=ask)
        self.steps.cross("answered")
        return outcome

    def _answer(self, account: str, answer: Any) -> Outcome:
        """What happens at the vendor once it has the request."""
        self.steps.cross("left")
        if callable(answer):
            answer = answer()
        return cast("Outcome", answer or accepted(f"{account}-{len(self.real.received)}"))

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        self.steps.cross("delete")
        outcome = self.real.unsend(account, message_id, deadline_seconds=deadline_seconds, may_start=may_start)
        self.steps.cross("deleted")
        return outcome

    def queue(self, account: str) -> list[QueueItem]:
        self.steps.cross("list")
        return self.real.queue(account)

    def item(self, account: str, message_id: str) -> ItemContent | None:
        self.steps.cross("item")
        return self.real.item(account, message_id)

    def team(self) -> str:
        return self.real.team()

    def accounts(self) -> list[Any]:
        return self.real.accounts()


@dataclass
class FragilePacer:
    real: Pacer
    steps: Steps

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        self.steps.cross("acquire")
        permit = self.real.acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)
        self.steps.cross("acquired")
        return permit

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        self.steps.cross("free the slot")
        self.real.answered(key, limit_minute=limit_minute, remaining_minute=remaining_minute)
        self.steps.cross("slot freed")

    def refund(self, key: str, account: str) -> None:
        self.steps.cross("refund")
        self.real.refund(key, account)
        self.steps.cross("refunded")

    def cool_down(self, account: str, seconds: float) -> None:
        self.steps.cross("cool down")
        self.real.cool_down(account, seconds)
        self.steps.cross("cooled down")

    def state(self) -> PacerState:
        return self.real.state()


@pytest.fixture(scope="module", params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every death gets an account of its own in it."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture(scope="module")
def store(database_url: str, clock: DrivenClock) -> Iterator[Store]:
    opened = open_store(database_url, clock=clock)
    yield opened
    opened.close()


@dataclass
class Place:
    """A world with an account of its own in the shared database, and a run of three batches on it."""

    world: World
    account_id: str

    def launched(self, users: Iterable[int] = range(1, 6)) -> int:
        return self.world.launch(self.world.campaign(users, account_id=self.account_id))

    def serve_and_die(self, die_at: int | None) -> list[str]:
        """Serve until the process dies at that boundary (never for None); answers the boundaries crossed."""
        steps = Steps(die_at)
        sender = self.world.sender("worker:one")
        fragile = replace(
            sender,
            store=cast("Store", FragileStore(sender.store, steps)),
            gateway=FragileGateway(vendor_of(self.world), steps),
            pacer=FragilePacer(sender.pacer, steps),
        )
        if die_at is None:
            serve_lane(fragile, self.account_id, lambda: True)
            return steps.crossed
        with pytest.raises(Killed):
            serve_lane(fragile, self.account_id, lambda: True)
        return steps.crossed

    def take_over(self, owner: str = "worker:two") -> None:
        """The lease runs out, a tick sweeps, another worker serves what is left, for as long as anything is."""
        for _ in range(len(BOUNDARIES)):
            self.world.clock.advance(60)
            expire_attempts(self.world.store, settle_seconds=1, actor=BEAT)
            if not self.world.serve_out(self.account_id, owner=owner):
                return


@pytest.fixture
def place(store: Store, clock: DrivenClock) -> Place:
    world = World(store, clock, gateway=Vendor())
    return Place(world, world.account(f"acct_{next(_numbers)}"))


_numbers = itertools.count(1)


def test_the_boundaries_of_the_send_path_are_these(place: Place) -> None:
    place.launched()

    assert place.serve_and_die(None) == list(BOUNDARIES)


@pytest.mark.parametrize("die_at", range(len(BOUNDARIES)), ids=lambda at: f"{at}-{BOUNDARIES[at].replace(' ', '-')}")
def test_a_death_at_any_boundary_doubles_nobody_and_loses_nobody(place: Place, die_at: int) -> None:
    run_id = place.launched()

    place.serve_and_die(die_at)
    hold_the_law(place.world, [run_id])
    place.take_over()

    hold_the_law(place.world, [run_id])
    run = place.world.run(run_id)
    assert run["waiting"] == 0
    assert run["state"] == ("finished_with_failures" if run["unknown"] else "finished")
    assert run["unknown"] == _left_unknown(die_at)


def _left_unknown(die_at: int) -> int:
    """Users whose request was committed and whose outcome was not: from one commit to the other."""
    path = [*CLAIM, *(PERMIT + ATTEMPT + POST + RECORD) * 3]
    for number, size in enumerate((2, 2, 1)):
        start = len(CLAIM) + number * (len(path) - len(CLAIM)) // 3
        committed = start + path[start:].index("committed")
        recorded = committed + 1 + path[committed + 1 :].index("committed")
        if committed <= die_at < recorded:
            return size
    return 0


def test_a_death_at_any_boundary_of_a_rough_run_doubles_nobody_and_loses_nobody(place: Place) -> None:
    """As above, with answers of every kind: not sent, throttled, refused, unknown."""
    rough = [NOT_SENT, THROTTLED, REJECTED, UNKNOWN]
    for die_at in itertools.count():
        there = Place(place.world, place.world.account(f"acct_{next(_numbers)}"))
        there.world.gateway = Vendor(script=list(rough))
        run_id = there.launched()
        try:
            crossed = there.serve_and_die(die_at)
        except pytest.fail.Exception:  # it got through: there is no such boundary any more
            assert die_at > len(CLAIM + PERMIT + ATTEMPT + POST + RECORD)
            return
        there.take_over()
        assert there.world.run(run_id)["waiting"] == 0, crossed
        hold_the_law(there.world, [run_id])


def test_a_build_that_makes_an_abandoned_attempt_ready_is_found_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_ready(connection: Connection, opened: OpenAttempt, _: BatchState, **how: Any) -> bool:
        return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})

    monkeypatch.setattr(reconcile, "ABANDONED", Outcome(OutcomeKind.NOT_SENT, error="its worker went away"))
    monkeypatch.setattr(reconcile, "settle_batch", make_ready)
    run_id = place.launched()

    place.serve_and_die(BOUNDARIES.index("answered"))
    place.take_over()

    with pytest.raises(AssertionError, match="messaged more than once"):
        hold_the_law(place.world, [run_id])


def test_a_build_that_takes_unknown_for_not_sent_is_found_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "SETTLES", {**record.SETTLES, OutcomeKind.UNKNOWN: BatchState.READY})
    run_id = place.launched()
    vendor_of(place.world).script = [UNKNOWN]

    place.take_over()

    with pytest.raises(AssertionError, match="messaged more than once"):
        hold_the_law(place.world, [run_id])


def test_a_build_that_settles_without_the_fence_is_found_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even then the key that refuses a second outcome of an attempt stands in its way, so that is broken here, too."""
    columns: Any = {
        batch.c.state: bindparam("to_state"),
        batch.c.lease_until: None,
        batch.c.message_id: bindparam("new_message"),
    }
    unguarded = update(batch).where(batch.c.id == bindparam("batch")).values(columns).returning(batch.c.id)
    monkeypatch.setattr(claims, "SETTLE_BATCH", unguarded)
    monkeypatch.setattr(record, "add_outcome", lambda *_, **__: None)

    with pytest.raises(AssertionError, match="no batch says so"):
        _refused_late(place)


def test_a_late_refusal_says_nothing_about_the_request_that_is_at_the_vendor_now(place: Place) -> None:
    assert _refused_late(place) == ["accepted"]


def _refused_late(place: Place) -> list[str]:
    """The first attempt is given up, decided to be sent again, and answered while the second is at the vendor."""
    world, run_id = place.world, place.launched([1])
    place.serve_and_die(BOUNDARIES.index("left"))
    vendor_of(world).reached.clear()  # it will turn out that the vendor refused it
    world.clock.advance(LIMITS.lease_seconds + 1)
    with world.store.read() as connection:
        (first,) = expired_attempts(connection, now=world.clock.now)
    expire_attempts(world.store, settle_seconds=1, actor=BEAT)
    world.serve_out(place.account_id, owner="worker:two", turns=0)
    decide(world.store, run_id, seqs=None, verdict="resend", reason="the vendor's list is empty", actor=ANNA)

    def second() -> Outcome:
        with suppress(StaleClaim):
            record_outcome(world.store, first, REJECTED, LIMITS, actor="worker:one")
        hold_the_law(world, [run_id])
        return accepted("m2")

    vendor_of(world).script = [second]
    world.serve(place.account_id, owner="worker:two")
    return world.states(run_id)


@dataclass
class Command:
    """Something that an operator or a beat asks for, and how to bring a run to where it may be asked for."""

    prepare: Callable[[Place], int]
    act: Callable[[Store, Place, int], object]


def _draft(place: Place) -> int:
    return place.world.campaign(range(1, 6), account_id=place.account_id)


def _armed(place: Place) -> int:
    starts_at = place.world.clock.now + timedelta(seconds=1)
    campaign_id = place.world.campaign(range(1, 6), account_id=place.account_id, starts_at=starts_at)
    launch(place.world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    place.world.clock.advance(1)
    return campaign_id


DECADE = timedelta(weeks=520)


def _recurs(place: Place) -> int:
    """A schedule that is armed for a day that no test sees."""
    return _scheduled(place, every="520 weeks", starting=place.world.clock.now - 3 * DECADE)


def _missed(place: Place) -> int:
    """A schedule of two days that have passed unseen."""
    now = place.world.clock.now
    campaign_id = _scheduled(
        place, every="1 day", starting=now, until=now + timedelta(days=2), misfire="all", grace_seconds=1e6
    )
    place.world.clock.advance(2 * 86_400 + 120)
    return campaign_id


def _scheduled(place: Place, *, starting: datetime, **timing: Any) -> int:
    when = Timing(starting=starting.replace(tzinfo=None), zone="UTC", **timing)
    campaign_id = place.world.campaign(range(1, 6), account_id=place.account_id, timing=when)
    launch(place.world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    return campaign_id


def _backfill(store: Store, place: Place, campaign_id: int) -> object:
    now = place.world.clock.now
    period = Period(now - 3 * DECADE, now)
    return backfill(store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA)


def _due(place: Place) -> int:
    campaign_id = _armed(place)
    open_due_runs(place.world.store, actor=BEAT)
    with place.world.store.read() as connection:
        return int(views.runs(connection, campaign_id)[0]["id"])


def _ended_with(answer: Outcome) -> Callable[[Place], int]:
    def prepare(place: Place) -> int:
        run_id = place.launched()
        vendor_of(place.world).script = [answer]
        place.world.serve_out(place.account_id)
        return run_id

    return prepare


def _suppress_two(store: Store, place: Place, _: int = 0) -> int:
    return int(suppress_users(store, BitMap64([2]), account_id=place.account_id, reason="asked", actor=ANNA)["added"])


COMMANDS = {
    "launch": Command(_draft, lambda store, _, campaign_id: launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)),
    "arm": Command(
        lambda place: place.world.campaign(
            [1], account_id=place.account_id, starts_at=place.world.clock.now + timedelta(days=365)
        ),
        lambda store, _, campaign_id: launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA),
    ),
    "due": Command(_armed, lambda store, *_: open_due_runs(store, actor=BEAT)),
    "due many times": Command(_missed, lambda store, _, made: open_due(store, made, actor=BEAT)),
    "pause schedule": Command(_recurs, lambda store, _, made: pause_schedule(store, made, reason="wait", actor=ANNA)),
    "skip next": Command(_recurs, lambda store, _, made: skip_next(store, made, reason=None, actor=ANNA)),
    "backfill": Command(_recurs, _backfill),
    "plan": Command(_due, lambda store, _, run_id: plan_run(store, run_id, actor=BEAT)),
    "edit": Command(_draft, lambda store, _, made: edit_campaign(store, made, Changes(batch_size=3), actor=ANNA)),
    "rerun": Command(
        _ended_with(REJECTED),
        lambda store, _, run_id: rerun(store, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA),
    ),
    "decide": Command(
        _ended_with(UNKNOWN),
        lambda store, _, run_id: decide(store, run_id, seqs=None, verdict="resend", reason="not there", actor=ANNA),
    ),
    "pause": Command(Place.launched, lambda store, _, run_id: pause_run(store, run_id, reason="wait", actor=ANNA)),
    "cancel": Command(Place.launched, lambda store, _, run_id: cancel_run(store, run_id, reason="stop", actor=ANNA)),
    "suppress": Command(
        Place.launched,
        _suppress_two,
    ),
    "unsuppress": Command(
        lambda place: _suppress_two(place.world.store, place),
        lambda store, place, _: unsuppress(
            store, BitMap64([2]), account_id=place.account_id, reason="asked", actor=ANNA
        ),
    ),
    "tick": Command(Place.launched, lambda store, *_: tick(store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_dies_is_done_whole_or_not_at_all(place: Place, name: str) -> None:
    """Killed at each of its boundaries in turn; where nothing was committed, asking again does it."""
    command = COMMANDS[name]
    shapes = []
    for die_at in itertools.count():
        there = Place(place.world, place.world.account(f"acct_{next(_numbers)}"))
        subject = command.prepare(there)
        before = _shape(there)
        steps = Steps(die_at)
        try:
            command.act(cast("Store", FragileStore(place.world.store, steps)), there, subject)
        except Killed:
            if "committed" not in steps.crossed:
                assert _shape(there) == before, f"half done, having died at {steps.crossed[-1]}"
                command.act(place.world.store, there, subject)
            shapes.append(_shape(there))
        else:
            break
    assert "committed" in steps.crossed
    assert before not in shapes
    assert shapes == [_shape(there)] * len(steps.crossed)


SHAPE = (
    "SELECT state, revision, launches, occurrences, pause_reason FROM campaign WHERE account_id = :account",
    "SELECT due_at IS NULL, due_for IS NULL FROM campaign WHERE account_id = :account",
    "SELECT kind, state, planned, batch_count FROM run WHERE account_id = :account",
    "SELECT seq, state, size FROM batch WHERE account_id = :account",
    "SELECT kind, actor, reason, batch_seq FROM event WHERE account_id = :account",
    "SELECT h.kind, h.reason, closed_by FROM hold h JOIN run ON run.id = h.run_id WHERE run.account_id = :account",
    "SELECT user_id FROM suppression WHERE account_id = :account",
    "SELECT suppressions, hinted_at IS NULL, owner FROM lane WHERE account_id = :account",
    "SELECT number FROM revision JOIN campaign ON campaign.id = campaign_id WHERE account_id = :account",
    "SELECT e.kind FROM evidence e JOIN batch ON batch.id = e.batch_id WHERE account_id = :account",
    "SELECT e.size FROM exclusion e JOIN run ON run.id = run_id WHERE account_id = :account",
)
"""All that a command can change of an account, but for IDs and times."""


def _shape(place: Place) -> list[list[str]]:
    with place.world.store.read() as connection:
        return [
            sorted(str(tuple(row)) for row in connection.execute(text(one), {"account": place.account_id}))
            for one in SHAPE
        ]
