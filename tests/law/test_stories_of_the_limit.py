"""The vendor's limit and the price of questions: every request counts, whoever makes it and whatever is forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from campaigns.domain.schedules.timing import Timing
from tests.law.hosts import BATCH
from tests.law.operators import Operators
from tests.law.place import Place, Places
from tests.law.telling import hold_the_law, served, the_list_reaches_back
from tests.law.vendor import Mood, Post


def questions(world: Place) -> int:
    """How many requests were neither sends nor recalls."""
    return sum(what.startswith("GET") for _, what in world.ledger.requests)


def test_the_limit_holds_when_redis_forgets_a_recall(world: Place) -> None:
    """A6: messages of three accounts are taken back, and Redis loses its state before each of them."""
    accounts = ["acct_one", "acct_two", "acct_three"]
    runs = [world.launched(account, users=9 * BATCH) for account in accounts]
    for account in accounts:
        world.serve(account)
    world.clock.advance(3600)
    for run_id in runs:
        Operators(world).recall(run_id)
    lower_the_limit(world, 10)

    for account in accounts:
        rebuilt_and_served(world, account)

    assert world.vendor.deletes, "some are taken back all the same"
    hold_the_law(world)


def test_the_limit_holds_when_redis_forgets_the_questions(world: Place) -> None:
    """A6: twelve accounts have something to search for, and Redis loses its state before each of them."""
    accounts = [f"acct_{number}" for number in range(12)]
    for account in accounts:
        world.launched(account, users=BATCH)
        served(world, Post.lose_answer, account=account)
    lower_the_limit(world, 10)

    for account in accounts:
        rebuilt_and_served(world, account)

    hold_the_law(world)


def test_asking_whose_key_it_is_keeps_to_the_limit(places: Places) -> None:
    """A7: twelve accounts have work while the vendor throttles the team for half a minute."""
    with places(limit=20) as world:
        for number in range(12):
            world.launched(f"acct_{number}", users=BATCH)
        world.vendor.mood = Mood(questions="throttled")

        for _ in range(12):
            world.clock.advance(2)
            world.hosts[0].tick()
            world.hosts[0].work()

        hold_the_law(world)
        assert questions(world) <= 3, "asked once, and again when the vendor said to"


def test_a_search_of_more_questions_than_a_minute_allows_comes_to_an_end(places: Places) -> None:
    """B1: six questions, five permits a minute; what was learned is not asked again."""
    with places(limit=5) as world:
        run_id = world.launched(users=BATCH)
        the_list_reaches_back(world)
        for _ in range(5):
            world.vendor.add_foreign("acct_one", "Another tool's")
        served(world, Post.lose_answer)

        for _ in range(100):
            world.clock.advance(6)
            world.serve()

        assert world.states(run_id) == ["accepted"]
        assert questions(world) <= 15
        hold_the_law(world)


def test_following_a_handed_over_run_of_more_batches_than_the_limit_comes_to_an_end(places: Places) -> None:
    """B1: none of its items is listed any more, so each is asked for."""
    with places(limit=1000) as world:
        due = world.clock.now + timedelta(hours=1)
        campaign = world.campaign(users=24 * BATCH, starts_at=due, timing=Timing(handoff=True))
        world.launch(campaign)
        for _ in range(3):
            world.look_round(2)
        assert len(world.vendor.posts) == 24
        world.vendor.mood = Mood(depth=0)
        world.clock.advance(3600 + 301)
        lower_the_limit(world, 10)
        before = questions(world)

        for _ in range(40):
            world.clock.advance(65)  # the reserve of that limit is one question a minute
            world.serve()

        assert questions(world) - before <= 24 + 24
        with world.store.read() as connection:
            assert connection.scalar(text("SELECT count(*) FROM event WHERE kind = 'handover_seen'")) == 1
        hold_the_law(world)


def test_questions_that_fail_come_further_and_further_apart(world: Place) -> None:
    """B2: the vendor's list answers 503 for ten minutes; nobody keeps a hundred rows of that."""
    world.launched(users=BATCH)
    the_list_reaches_back(world)
    served(world, Post.lose_answer)
    world.vendor.mood = Mood(questions="away")
    before = questions(world)

    for _ in range(120):
        world.clock.advance(5)
        world.serve()

    assert questions(world) - before <= 30
    with world.store.read() as connection:
        assert (connection.scalar(text("SELECT count(*) FROM evidence")) or 0) <= 30


def test_questions_leave_messages_their_share(world: Place) -> None:
    """Twelve accounts have something to search for; the reserve of such a limit is one question a minute."""
    accounts = [f"acct_{number}" for number in range(12)]
    for account in accounts:
        world.launched(account, users=BATCH)
        served(world, Post.lose_answer, account=account)
    run_id = world.launched("acct_other", users=5 * BATCH)
    lower_the_limit(world, 10)
    before = questions(world)

    rebuilt_and_served(world, accounts[0])
    for account in accounts[1:]:
        world.serve(account)
    world.serve("acct_other")

    assert questions(world) - before <= 1
    assert world.states(run_id) == ["accepted"] * 5
    hold_the_law(world)


def rebuilt_and_served(world: Place, account: str) -> None:
    """Redis loses its state; it is missed, filled again from the database, and used; all within four seconds."""
    world.lose_redis(only="pace")
    for _ in range(3):
        world.serve(account)
        world.clock.advance(1.3)


def lower_the_limit(world: Place, limit: int) -> None:
    """The team may do less from now on, and every process was started again with that."""
    world.ledger.limit = limit
    world.ledger.requests.clear()
    for host in world.hosts:
        host.limit = limit
        host.start()
    world.lose_redis(only="pace")
    world.clock.advance(120)
