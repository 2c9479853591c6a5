"""A lost answer: whose message an item is, when it may be sent again, and what a late answer is worth."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.flow.reconcile.decide import Verdict
from tests.law.hosts import BATCH, LEASE
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.telling import NORTH, SOUTH, hold_the_law, served, the_list_reaches_back
from tests.law.vendor import Mood, Post, Vendor


def given_up(world: Place, seconds: float = 60) -> None:
    """All looks are made."""
    world.settle(seconds)


@pytest.mark.parametrize("verdict", ["accepted", "not-sent", "resend"])
def test_a_decided_request_keeps_its_message_from_the_next_one(world: Place, verdict: Verdict) -> None:
    """A3: the first arrived and was decided about; the second never arrived."""
    run_id = world.launched(users=2 * BATCH)
    the_list_reaches_back(world)
    served(world, Post.lose_answer)
    operators = Operators(world)
    if verdict == "resend":
        world.vendor.mood = Mood(lag=timedelta(seconds=40))
        operators.pause(run_id)
        given_up(world, 30)
        operators.resume(run_id)
    operators.decide(run_id, verdict, seq=1)
    world.vendor.mood = Mood()

    def fate(_: Vendor, post: Post) -> httpx.Response:
        return post.accept() if post.users == world.batches(run_id)[0].users else post.lose_request()

    world.vendor.fate = fate
    given_up(world)

    assert world.states(run_id)[1] != "accepted"
    hold_the_law(world)


def test_an_unknown_that_the_policy_sent_again_keeps_its_message_from_the_next_one(world: Place) -> None:
    """A3: the first is listed late, after it was sent again."""
    run_id = world.launched(users=2 * BATCH, resends=True)
    the_list_reaches_back(world)
    world.vendor.mood = Mood(lag=timedelta(seconds=20))
    served(world, Post.lose_answer)
    for _ in range(15):
        world.clock.advance(2)
        served(world, Post.accept, Post.lose_request)
        if len(world.vendor.posts) > 1:
            world.vendor.mood = Mood()
    given_up(world)

    first, second = world.batches(run_id)
    assert not {each.id for each in world.ledger.out_to(first.users)} & {*second.message_ids}
    hold_the_law(world)


def test_a_late_answer_owns_its_message_whatever_was_decided(world: Place) -> None:
    """A3: the database itself holds the answer that names the owner."""
    run_id = world.launched(users=2 * BATCH)
    the_list_reaches_back(world)
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=True)
    world.clock.advance(LEASE + 1)
    world.hosts[SOUTH].tick()
    Operators(world).decide(run_id, "accepted", seq=1)
    north.answer_comes()

    served(world, Post.lose_request, host=SOUTH)
    given_up(world)

    assert world.states(run_id)[1] == "unknown"
    hold_the_law(world)


def test_a_late_answer_stops_a_rerun_that_is_open_already(world: Place) -> None:
    """A5: it was decided that nothing was sent, and a rerun waits."""
    run_id = world.launched(users=BATCH)
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=True)
    world.clock.advance(LEASE + 1)
    world.hosts[SOUTH].tick()
    operators = Operators(world)
    operators.decide(run_id, "not-sent", seq=1)
    child = operators.rerun(run_id, cancelled=True)
    operators.pause(child)

    north.answer_comes()
    operators.resume(child)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    hold_the_law(world)


def test_nothing_is_decided_to_be_sent_again_against_a_late_answer(world: Place) -> None:
    """A5: the batch was given up, then its answer came."""
    run_id = world.launched(users=BATCH)
    world.vendor.mood = Mood(lag=timedelta(days=1))
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=True)
    for _ in range(30):
        world.clock.advance(2)
        world.hosts[SOUTH].tick()
        world.hosts[SOUTH].work()
    north.answer_comes()

    with suppress(NotAllowed):
        Operators(world).decide(run_id, "resend", seq=1)
    world.settle(30)

    assert set(world.reached().values()) == {1}
    assert world.states(run_id) == ["accepted"], "the late answer proves it"
    hold_the_law(world)


def test_what_a_plain_answer_accepted_is_not_overruled(world: Place) -> None:
    """A5: only what a search found may be decided again, not what came of the request after that."""
    run_id = world.launched(users=BATCH)
    the_list_reaches_back(world)
    served(world, Post.lose_answer)
    given_up(world)
    assert world.states(run_id) == ["accepted"], "the search found it"
    operators = Operators(world)
    operators.decide(run_id, "resend", seq=1)
    world.settle(10)
    assert set(world.reached().values()) == {2}, "sent again, by name"

    with pytest.raises(NotAllowed):
        operators.decide(run_id, "resend", seq=1)

    world.settle(10)
    assert set(world.reached().values()) == {2}


def test_nothing_is_sent_again_before_the_last_look(world: Place) -> None:
    """While the vendor's queue is searched, an operator may say what happened, but not send again."""
    run_id = world.launched(users=BATCH)
    the_list_reaches_back(world)
    served(world, Post.lose_answer)

    with suppress(NotAllowed):
        Operators(world).decide(run_id, "resend", seq=1)

    assert world.states(run_id) == ["unknown"]


def test_a_request_without_an_answer_is_not_made_again(world: Place) -> None:
    """The answer to the first is lost; another one would be accepted."""
    world.launched(users=BATCH)
    served(world, Post.lose_answer, Post.accept)

    assert set(world.reached().values()) == {1}
    hold_the_law(world)


@pytest.mark.parametrize("minutes", [3, -3])
@pytest.mark.parametrize("resends", [False, True])
def test_a_wrong_clock_hides_no_message(world: Place, minutes: int, *, resends: bool) -> None:
    """R1: the vendor's clock and ours are minutes apart, as its answer to the first request has shown."""
    world.vendor.mood = Mood(skew=timedelta(minutes=minutes))
    run_id = world.launched(users=2 * BATCH, resends=resends)
    the_list_reaches_back(world)
    served(world, Post.accept, Post.lose_answer)
    given_up(world)

    assert set(world.reached().values()) == {1}
    assert world.states(run_id) == ["accepted", "accepted"]
    hold_the_law(world)


@pytest.mark.parametrize("depth", [3, 0])
def test_a_list_that_does_not_reach_back_proves_no_absence(world: Place, depth: int) -> None:
    """R2: other tools have sent so much since that the item is not listed any more; or nothing is listed at all."""
    run_id = world.launched(users=BATCH, resends=True)
    served(world, Post.lose_answer)
    world.clock.advance(1)
    for _ in range(3):
        world.vendor.add_foreign("acct_one", "Another tool's")
    world.vendor.mood = Mood(depth=depth)
    given_up(world)

    assert (world.states(run_id), set(world.reached().values())) == (["unknown"], {1})
    hold_the_law(world)


def test_what_another_tool_sends_is_no_message_of_ours(world: Place) -> None:
    """The request never arrived; in the same second another tool wrote to as many fans."""
    run_id = world.launched(users=BATCH)
    the_list_reaches_back(world)

    def fate(post: Post) -> httpx.Response:
        world.vendor.add_foreign("acct_one", "Another tool's", (7, 8))
        return post.lose_request()

    served(world, fate)
    given_up(world)

    assert world.states(run_id) == ["unknown"]
    hold_the_law(world)


@pytest.mark.parametrize(
    "saying",
    [{"says": "a damn good one", "message": {"block_banned_words": "replace_soften"}}, {"says": "you < me > them"}],
    ids=["softened", "escaped"],
)
def test_a_text_that_the_vendor_shows_otherwise_proves_no_absence(world: Place, saying: dict[str, Any]) -> None:
    """R3: the item stands in the list, in other words."""
    world.launched(users=BATCH, resends=True, **saying)
    the_list_reaches_back(world)
    served(world, Post.lose_answer)
    given_up(world)

    assert set(world.reached().values()) == {1}
    hold_the_law(world)


def test_an_escaped_text_is_found(world: Place) -> None:
    """R3: what looks like mark-up is the text itself."""
    run_id = world.launched(users=BATCH, says="you < me > them")
    the_list_reaches_back(world)
    served(world, Post.lose_answer)
    given_up(world)

    assert world.states(run_id) == ["accepted"]
    hold_the_law(world)


def test_what_the_vendor_took_and_failed_at_is_not_accepted(world: Place) -> None:
    """Point 10: 2xx with an ID, and `hasError`."""
    run_id = world.launched(users=BATCH)
    served(world, lambda post: post.accept(failed=True))

    assert world.states(run_id) != ["accepted"]
    given_up(world)
    hold_the_law(world)


@pytest.mark.parametrize(("status", "at_the_top"), [(413, False), (429, True), (500, False)])
def test_a_refusal_that_names_the_message_it_took_is_never_sent_again(
    world: Place, status: int, *, at_the_top: bool
) -> None:
    """Refused and halved, throttled, or by the vendor's own word: `domain/upstream` has every status."""

    def refuse(post: Post) -> httpx.Response:
        message = post.take()
        named = {"id": int(message.id)} if at_the_top else {"data": post.vendor.short(message)}
        denial = {"request_outcome": "not_sent"} if status == 500 else {"message": "No."}
        return post.vendor.answer(status, {**denial, **named}, **{"retry-after": "1"})

    run_id = world.launched(users=BATCH)
    served(world, refuse, Post.accept)
    for _ in range(3):
        world.settle(10)
        with suppress(NotAllowed):
            Operators(world).release("acct_one")

    assert set(world.reached().values()) == {1}
    assert world.states(run_id) == ["accepted"]
    hold_the_law(world)


@pytest.mark.slow  # tests/flow/reconcile/test_joint_search.py plays the same without hosts
def test_a_run_of_which_many_answers_are_lost_finds_every_one_that_is_listed(world: Place) -> None:
    """Point 3: forty batches of one text; eleven answers are lost, and two requests before they arrive."""
    run_id = world.launched(users=40 * BATCH)
    the_list_reaches_back(world)
    lost = {3, 7, 8, 12, 15, 19, 22, 26, 30, 33, 38}
    never = {5, 21}
    for _ in range(200):
        number = len(world.vendor.posts) + 1
        ways = [
            Post.lose_request if n in never else Post.lose_answer if n in lost else Post.accept
            for n in range(number, 45)
        ]
        served(world, *ways, Post.accept)
        if world.run(run_id)["waiting"] == 0 and "unknown" not in world.states(run_id):
            break
        world.clock.advance(2)
    given_up(world, 120)

    states = world.states(run_id)
    assert len(world.vendor.posts) == 40
    assert states.count("accepted") >= 38, states
    hold_the_law(world)
