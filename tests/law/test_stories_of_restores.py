"""A database that is put back under workers that live on, and what its hosts remember of the future that is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from campaigns.adapters.redis.fence_book import KeptFences
from campaigns.domain.errors import NotAllowed
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from tests.law.hosts import BATCH, LEASE
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.records import Campaign, Copy, Memory
from tests.law.telling import NORTH, SOUTH, come_to_rest, first_then, hold_the_law, the_answer_cannot_be_written
from tests.law.vendor import Post
from tests.one_database import on_both
from tests.world import ANNA


@on_both
def test_a_run_with_the_number_of_a_lost_one_says_its_own_words(world: Place) -> None:
    """A1: what a worker remembers by a run's number is another run's after a restore."""
    world.account("acct_one")
    world.account("acct_two")
    copy = world.backup()
    lost = world.launched("acct_one", says="Explicit offer for VIPs")
    world.serve("acct_one")

    world.restore(copy)
    run_id = world.launched("acct_two", says="Happy Easter")
    world.serve("acct_two")

    assert run_id == lost, "the database gives the number again"
    assert {each.body["text"] for each in world.ledger.messages.values() if each.account == "acct_two"} == {
        "Happy Easter"
    }
    hold_the_law(world)


def test_a_kept_answer_of_a_lost_run_stops_nobody_else(world: Place) -> None:
    """A2: a line of the lost future in one host's file, and every lane and tick of the host."""
    other = world.launched("acct_two")
    world.account("acct_one")
    copy = world.backup()
    world.launched("acct_one", says="News of today")
    the_answer_cannot_be_written(world, "acct_one")

    world.restore(copy)
    for _ in range(3):
        world.clock.advance(LEASE)
        world.hosts[NORTH].tick()
        world.hosts[NORTH].work()

    assert world.states(other) == ["accepted"] * 3
    come_to_rest(world)


def test_a_kept_answer_of_a_lost_run_is_nobody_elses(world: Place) -> None:
    """A2: numbers are given again, and the line names them."""
    world.account("acct_one")
    world.account("acct_two")
    copy = world.backup()
    world.launched("acct_one", says="News of today")
    the_answer_cannot_be_written(world, "acct_one")

    world.restore(copy)
    run_id = world.launched("acct_two")
    world.hosts[NORTH].tick()

    assert world.run(run_id)["holds"] == []
    world.vendor.add_foreign("acct_two", "Another tool's")
    world.clock.advance(3600)
    world.vendor.fate = lambda _, post: post.lose_request()
    world.serve("acct_two")
    world.vendor.fate = None
    world.settle(60)
    assert world.states(run_id) == ["unknown", "accepted", "accepted"]
    hold_the_law(world)


def test_a_kept_answer_of_a_lost_run_gives_its_message_to_nobody_else(world: Place) -> None:
    """A2: the run whose number it has is resumed, and its own first request never arrives."""
    world.account("acct_one")
    world.account("acct_two")
    copy = world.backup()
    world.launched("acct_one", says="News of today")
    the_answer_cannot_be_written(world, "acct_one")
    world.restore(copy)
    run_id = world.launched("acct_two")
    for host in world.hosts:
        host.tick()

    with suppress(NotAllowed):
        Operators(world).resume(run_id)
    world.vendor.fate = lambda _, post: post.lose_request()
    world.serve("acct_two")
    world.vendor.fate = None
    world.settle(60)

    assert "accepted" not in world.states(run_id)[:1]
    hold_the_law(world)


def test_what_was_sent_after_the_backup_under_a_claim_that_it_knows_is_not_sent_again(world: Place) -> None:
    """The backup has the claim and the first request; only the fences of the others say that there were more."""
    world.account()
    world.look_round()
    world.launched(users=20)
    world.hosts[NORTH].serve_until_it_hangs("acct_one", takes=True)
    copy = world.backup()
    world.hosts[NORTH].answer_comes()
    assert len(world.reached()) == 20

    world.restore(copy)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)


def test_what_one_host_sent_since_the_other_looked_is_not_sent_again_by_it(world: Place) -> None:
    """The other host knows none of the fences: only that Redis was further when it last looked, after the backup."""
    world.account()
    world.look_round()
    run_id = world.launched(users=20)
    copy = world.backup()
    world.hosts[SOUTH].tick()
    world.serve(host=NORTH)
    assert len(world.reached()) == 20

    world.restore(copy, redis="restored")
    world.serve(host=SOUTH)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)
    assert len(world.states(run_id)) == 10


@pytest.mark.parametrize("redis", ["restored", "lost"])
def test_what_one_host_sent_after_the_backup_is_not_sent_again_by_the_other(world: Place, redis: Memory) -> None:
    """A4: the run itself is in the backup; the other host has never sent anything, and looked as every host does."""
    world.account()
    world.look_round()
    run_id = world.launched(users=20)
    copy = world.backup()
    world.serve(host=NORTH)
    assert len(world.reached()) == 20
    world.look_round()

    world.restore(copy, redis=redis)
    world.serve(host=SOUTH)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)
    assert len(world.states(run_id)) == 10


def test_losing_redis_alone_needs_nobody(world: Place) -> None:
    """A4: two hosts with their homes whole go on by themselves."""
    run_id = world.launched()
    slow_down = world.vendor.answer(429, {"message": "rate limit"}, **{"retry-after": "5"})
    world.vendor.fate = first_then(Post.accept, lambda _: slow_down)
    world.serve(host=NORTH)
    world.vendor.fate = None
    assert world.states(run_id) == ["accepted", "ready", "ready"]
    world.lose_redis()

    world.settle(60)

    assert (world.run(run_id)["state"], world.run(run_id)["holds"]) == ("finished", [])
    hold_the_law(world)


def launched_in_the_lost_time(world: Place) -> tuple[Campaign, Copy]:
    """A draft, and a backup from before it was launched and sent."""
    draft = world.campaign()
    world.launched(says="News of today")
    copy = world.backup()
    world.launch(draft)
    world.serve()
    return draft, copy


def test_a_draft_that_was_launched_after_the_backup_is_not_launched_again_unasked(world: Place) -> None:
    """B8: the database knows the lost time, and that nobody said that it was not launched then."""
    draft, copy = launched_in_the_lost_time(world)
    assert world.reached()[draft.users[0]] == 1

    world.restore(copy)
    world.settle(10)
    with suppress(NotAllowed):
        Operators(world).release("acct_one")
    with suppress(NotAllowed):
        world.launch(draft)
    world.settle(60)

    assert {world.reached()[user] for user in draft.users} == {1}
    come_to_rest(world)


def test_what_came_due_after_the_backup_is_not_sent_again_unasked(world: Place) -> None:
    """B8: the schedule is in the backup, its run is not."""
    world.launched(says="News of today")
    world.serve()
    starts_at = world.clock.now + timedelta(seconds=60)
    campaign = world.campaign(starts_at=starts_at)
    world.launch(campaign)
    copy = world.backup()
    world.clock.advance(61)
    world.settle(20)
    assert world.reached()[campaign.users[0]] == 1

    world.restore(copy)
    world.settle(10)
    with suppress(NotAllowed):
        Operators(world).release("acct_one")
    world.settle(30)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)


def test_a_rerun_that_was_made_after_the_backup_is_not_made_again_unasked(world: Place) -> None:
    """B8: those who were refused were sent to in the lost time."""
    run_id = world.launched()
    refuse = world.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}})
    world.vendor.fate = first_then(lambda _: refuse, Post.accept)
    world.serve()
    world.vendor.fate = None
    waiting = world.launched(says="News of today")
    copy = world.backup()
    Operators(world).rerun(run_id)
    world.serve()
    assert world.states(waiting) == ["accepted"] * 3

    world.restore(copy)
    world.settle(10)
    with suppress(NotAllowed):
        Operators(world).release("acct_one")
    with suppress(NotAllowed):
        Operators(world).rerun(run_id)
    world.settle(60)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)


def test_a_lane_that_was_compared_before_the_restore_is_compared_again_once_it_is_claimed(world: Place) -> None:
    """One host has compared it; before it claims the lane the other one sends, and the database is put back.

    The claim then has the very fence of the request that is lost, so that the next ones look like any others.
    """
    world.account()
    world.look_round()
    world.launched(users=BATCH)
    copy = world.backup()
    for host in world.hosts:
        host.tick()
    compare, lost = KeptFences.compare, [NORTH]

    def compared(book: KeptFences, *asked: Any) -> Any:
        found = compare(book, *asked)
        while lost:
            world.serve(host=lost.pop())
            world.restore(copy)
        return found

    with mock.patch.object(KeptFences, "compare", compared):
        world.serve(host=SOUTH)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    come_to_rest(world)


Lost = Callable[[Place, Campaign], object]


def sent_sooner(world: Place, campaign: Campaign) -> object:
    return edit_campaign(
        world.store, campaign.id, Changes(starts_at=world.clock.now + timedelta(minutes=1)), actor=ANNA
    )


def launched_at_once(world: Place, campaign: Campaign) -> object:
    world.launch(campaign, at_once=True)
    world.settle(4)
    return archive_campaign(world.store, campaign.id, actor=ANNA)


def handed_over(world: Place, campaign: Campaign) -> object:
    return edit_campaign(world.store, campaign.id, Changes(timing=Timing(handoff=True)), actor=ANNA)


@pytest.mark.parametrize("lost", [sent_sooner, launched_at_once, handed_over])
def test_a_campaign_that_was_sent_in_another_way_after_the_backup_is_not_sent_at_its_old_time(
    world: Place, lost: Lost
) -> None:
    """B6: the row of the campaign waits for a time, and what an operator did instead is lost."""
    world.launched(says="News of today")
    world.serve()
    campaign = world.campaign(starts_at=world.clock.now + timedelta(hours=5))
    world.launch(campaign)
    copy = world.backup()
    lost(world, campaign)
    world.settle(80, every=20)
    assert world.reached()[campaign.users[0]] == 1

    released(world, copy)
    world.clock.advance(5 * 3600)
    world.settle(10)

    assert holds(world, world.runs()[-1]) == ["restored"]
    assert set(world.reached().values()) == {1}


def test_a_draft_that_was_launched_after_the_backup_is_not_sent_by_a_time_that_it_is_given_now(world: Place) -> None:
    """B7: the launch only arms it, so that its run is opened later."""
    draft, copy = launched_in_the_lost_time(world)
    assert world.reached()[draft.users[0]] == 1

    released(world, copy)
    edit_campaign(world.store, draft.id, Changes(starts_at=world.clock.now + timedelta(minutes=1)), actor=ANNA)
    world.launch(draft)
    world.settle(80, every=20)

    assert holds(world, world.runs()[-1]) == ["restored"]
    assert {world.reached()[user] for user in draft.users} == {1}


def test_a_run_that_was_held_after_a_restore_and_cancelled_is_not_sent_by_a_rerun_unasked(world: Place) -> None:
    """B10: it was cancelled since the vendor has its message."""
    draft, copy = launched_in_the_lost_time(world)
    released(world, copy)
    run_id = world.launch(draft)
    assert run_id is not None
    Operators(world).cancel(run_id)

    child = Operators(world).rerun(run_id, cancelled=True)
    world.settle(10)

    assert holds(world, child) == ["restored"]
    assert {world.reached()[user] for user in draft.users} == {1}


def test_a_second_restore_doubts_what_was_made_since_the_first_one(world: Place) -> None:
    """B9: the account is still held for the first one when the second copy is taken."""
    world.account()
    world.launched(says="A")
    world.serve()
    first = world.backup()
    world.launched(says="B")
    world.serve()
    world.restore(first)
    world.settle(4)
    world.clock.advance(60)
    draft = world.campaign(says="C")
    second = world.backup()
    world.clock.advance(60)
    Operators(world).release("acct_one")
    world.launch(draft)
    world.serve()
    assert world.reached()[draft.users[0]] == 1

    released(world, second)
    world.launch(draft)
    world.settle(10)

    assert world.reached()[draft.users[0]] == 1


BEHIND = -30
"""The clock of the server that stands in for the lost one, in seconds."""


def test_a_rerun_is_not_made_again_unasked_where_the_clock_is_behind(world: Place) -> None:
    """C12: the run looks newer than the restore."""
    run_id = world.launched()
    refuse = world.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}})
    world.vendor.fate = first_then(lambda _: refuse, Post.accept)
    world.serve()
    world.vendor.fate = None
    copy = world.backup()
    Operators(world).rerun(run_id)
    world.serve()

    released(world, copy, later=BEHIND)
    child = Operators(world).rerun(run_id)
    world.settle(10)

    assert holds(world, child) == ["restored"]
    assert set(world.reached().values()) == {1}


def test_what_came_due_after_the_backup_is_not_sent_again_when_a_clock_that_is_behind_reaches_it(world: Place) -> None:
    """C12: somebody has looked at the first one; the second was sent as well, and is to come by the new clock."""
    world.launched(says="News of today")
    world.serve()
    start = world.clock.now
    campaign = world.campaign(timing=Timing(cron="* * * * *", zone="UTC", overlap="queue"), says="{n}")
    world.launch(campaign)
    copy = world.backup()
    world.settle(130, every=10)
    assert world.reached()[campaign.users[0]] == 2

    released(world, copy, later=(start - world.clock.now).total_seconds() + 50)
    world.settle(20, every=10)
    first = world.runs()[-1]
    assert holds(world, first) == ["restored"]
    Operators(world).cancel(first)
    world.settle(60, every=10)

    assert holds(world, world.runs()[-1]) == ["restored"]
    assert world.reached()[campaign.users[0]] == 2


def released(world: Place, copy: Copy, *, later: float = 0) -> None:
    """The database is put back, its lane is closed, and an operator lets the account go on."""
    world.restore(copy)
    world.clock.advance(later)
    world.settle(4)
    Operators(world).release("acct_one")


def holds(world: Place, run_id: int) -> list[str]:
    return [hold["kind"] for hold in world.run(run_id)["holds"]]
