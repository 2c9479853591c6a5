"""Two at once, clocks that were wrong, and work that has grown while nobody looked."""

from __future__ import annotations

import threading
from datetime import timedelta
from unittest import mock

import httpx
import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, select, text

from campaigns.adapters.redis.fence_book import KeptFences
from campaigns.domain.errors import DatabaseBusy, NotAllowed
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.runs.rerun import rerun
from campaigns.store.database.engine import Store
from campaigns.store.tables.attempts import attempt
from campaigns.store.views.campaigns import campaign_of
from tests.law.hosts import BATCH, DEADLINE, LEASE
from tests.law.operators import Operators
from tests.law.place import WHY, Place
from tests.law.records import Campaign
from tests.law.telling import NORTH, Fares, first_then, hold_the_law, served
from tests.law.vendor import Killed, Post
from tests.one_database import on_both
from tests.store.interleave import overlapping
from tests.world import ANNA, UPSTREAM

HOURLY = "0 * * * *"
GIVE_UP_SECONDS = 20.0
"""When a thread that waits for a lock counts as stuck; who is not stuck needs a fraction of it."""


@on_both
def test_a_suppression_for_all_accounts_reaches_one_that_is_added_meanwhile(world: Place) -> None:
    """A8: the account and its run come in while the suppression is being written."""
    users = tuple(range(1001, 1001 + BATCH))

    def add_and_launch(store: Store) -> None:
        there = world.store
        world.store = store  # type: ignore[assignment]
        try:
            world.launched("acct_new", users=BATCH)
        finally:
            world.store = there

    overlapping(world.store, lambda store: suppress(store, BitMap64(users[:1]), account_id=None, **WHY), add_and_launch)
    world.ledger.suppress(users[:1], None)
    world.settle(10)

    assert set(world.reached()) == set(users[1:])
    hold_the_law(world)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lane_that_somebody_holds_keeps_no_other_from_being_woken(world: Place) -> None:
    """B3: a session is gone in the middle of a transaction, and its locks stay until the system notices.

    SQLite has one writer at a time, who is on this machine.
    """
    world.launched("acct_one")
    run_id = world.launched("acct_two")
    done = threading.Event()

    def look() -> None:
        world.hosts[NORTH].tick()
        world.hosts[NORTH].serve("acct_two")
        done.set()

    with world.store.writer.connect() as gone:
        gone.execute(text("SELECT 1 FROM lane WHERE account_id = 'acct_one' FOR UPDATE"))
        thread = threading.Thread(target=look)
        thread.start()
        finished = done.wait(GIVE_UP_SECONDS)
    thread.join()

    assert finished, "the look waited for a lane that is none of its business"
    assert world.states(run_id) == ["accepted"] * 3


def hourly(world: Place, **timing: object) -> Campaign:
    campaign = world.campaign(users=2 * BATCH, timing=Timing(cron=HOURLY, zone="UTC", **timing))  # type: ignore[arg-type]
    world.launch(campaign)
    return campaign


def next_hour(world: Place, campaign: Campaign, *fates: Fares) -> int:
    """The next occurrence comes, which is meant to reach the same users again; the run that it opens."""
    world.clock.advance(3600)
    world.ledger.allow(campaign.users)
    world.ledger.on_record = lambda _: False
    world.vendor.fate = first_then(*fates, Post.accept)
    for _ in range(10):
        world.look_round(1)
    world.vendor.fate = None
    return max(world.runs())


def test_the_overlap_rule_takes_back_what_is_out_also_after_a_rerun(world: Place) -> None:
    """B4: the second run is out; a rerun of the first is younger; the fourth replaces all of them."""
    campaign = hourly(world, overlap="unsend")
    first = next_hour(world, campaign, Post.accept, _refuse)
    second = next_hour(world, campaign)
    out = {user: message for message in world.ledger.messages.values() for user in message.users}
    again = Operators(world).rerun(first)
    world.settle(20)
    fourth = next_hour(world, campaign)

    assert len({first, second, again, fourth}) == 4
    assert all(message.unsent_at is not None for message in out.values()), "the second run is still out"


def test_a_clock_that_was_ahead_once_leaves_no_lane_asleep(world: Place) -> None:
    """B5: one look an hour too early, whose wake-ups are lost."""
    run_id = world.launched()
    north = world.hosts[NORTH]
    world.clock.advance(3600)
    north.tick()
    north.woken.clear()
    world.clock.advance(-3600)

    world.settle(30)

    assert world.states(run_id) == ["accepted"] * 3


@on_both
@pytest.mark.parametrize("order", ["rerun first", "archive first"])
def test_an_archived_campaign_sends_nothing_more(world: Place, order: str) -> None:
    """B6: two operators at once, one opens a rerun and the other archives."""
    campaign = world.campaign(users=BATCH)
    run_id = world.launch(campaign)
    assert run_id is not None
    served(world, _refuse)
    sent = len(world.vendor.posts)

    def again(store: Store) -> object:
        return rerun(store, run_id, upstream=UPSTREAM, **WHY)

    def archive(store: Store) -> object:
        return archive_campaign(store, campaign.id, actor=ANNA)

    acts = (again, archive) if order == "rerun first" else (archive, again)
    came_to = overlapping(world.store, *acts)
    world.settle(10)

    assert sum(isinstance(each, NotAllowed) for each in came_to) == 1, "one of them is refused"
    with world.store.read() as connection:
        archived = campaign_of(connection, campaign.id).state == "archived"
    assert len(world.vendor.posts) == sent + (not archived)


def test_a_long_absence_is_settled_in_a_few_looks(world: Place) -> None:
    """B7: an occurrence each minute, and nobody looked for three days."""
    campaign = world.campaign(users=BATCH, timing=Timing(cron="* * * * *", zone="UTC", misfire="skip"))
    world.launch(campaign)
    world.clock.advance(timedelta(days=3).total_seconds())

    for _ in range(10):
        world.hosts[NORTH].tick()

    with world.store.read() as connection:
        runs = connection.scalar(text("SELECT count(*) FROM run"))
    assert (runs or 0) >= 3 * 24 * 60 - 1, "each occurrence has its row"


def _refuse(post: Post) -> httpx.Response:
    return post.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}})


def test_an_account_whose_lock_somebody_keeps_delays_only_itself(world: Place) -> None:
    """B3: two workers died with a request in flight; a session that is gone keeps one of their accounts' locks."""
    for account in ("acct_one", "acct_two"):
        world.launched(account, users=BATCH)
        served(world, _die, account=account)
    world.clock.advance(LEASE + 1)

    def hold(connection: Connection, account_id: str) -> None:
        if account_id == "acct_one":
            raise DatabaseBusy("Somebody keeps the lock.")

    with mock.patch("campaigns.flow.reconcile.abandoned.hold_lane_briefly", hold):
        world.hosts[NORTH].tick()

    assert [world.states(run_id) for run_id in world.runs()] == [["sending"], ["unknown"]]
    world.settle(10)
    hold_the_law(world)


def test_no_request_leaves_after_the_deadline_that_is_on_record(world: Place) -> None:
    """R4: the lease is far longer, and the worker stood still between the record and the first byte."""
    run_id = world.launched(users=BATCH)
    north = world.hosts[NORTH]
    north.lease = 400.0
    north.start()
    note, stalls = KeptFences.note, [DEADLINE + 100.0]

    def stalled(book: KeptFences, lane: str, fence: int) -> bool:
        world.clock.advance(stalls.pop() if stalls else 0)
        return note(book, lane, fence)

    with mock.patch.object(KeptFences, "note", stalled):
        world.serve()

    (message,) = world.ledger.messages.values()
    with world.store.read() as connection:
        deadline = connection.scalar(select(attempt.c.deadline_at).order_by(attempt.c.number.desc()).limit(1))
    assert deadline is not None
    assert message.at < deadline, "searches take it that nothing leaves so late"
    assert world.states(run_id) == ["accepted"]
    hold_the_law(world)


def _die(_: Post) -> httpx.Response:
    raise Killed
