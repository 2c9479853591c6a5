"""What the vendor's lists show: what each is good for, and what proves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from campaigns.domain.schedules.timing import Timing
from tests.law.hosts import BATCH
from tests.law.place import Place
from tests.law.telling import first_then, hold_the_law, served, the_list_reaches_back
from tests.law.vendor import Mood, Post

SOFTENED: dict[str, Any] = {"says": "a damn good one", "message": {"block_banned_words": "replace_soften"}}


def test_what_is_only_saved_is_found_among_what_is_saved(world: Place) -> None:
    """The list of mass messages does not show it; that of what is saved reaches back to the first."""
    runs = []
    for fate in (Post.accept, Post.lose_answer):
        runs.append(world.launched(users=BATCH, message={"save_for_later": True}))
        served(world, fate)
        world.clock.advance(60)
    world.settle(16, every=4)

    assert [world.states(run_id) for run_id in runs] == [["saved"], ["saved"]]
    hold_the_law(world)


@pytest.mark.parametrize("hides", [False, True], ids=["shown", "hidden"])
def test_what_is_handed_over_is_looked_for_in_the_calendar(world: Place, *, hides: bool) -> None:
    """The list of mass messages shows it later; without the calendar nobody can say that it is absent."""
    due = world.clock.now + timedelta(hours=1)
    campaign = world.campaign(users=BATCH, starts_at=due, timing=Timing(handoff=True), resends=True)
    world.launch(campaign)
    the_list_reaches_back(world)
    world.vendor.mood = Mood(lag=timedelta(minutes=30), hides_calendar=hides)
    world.vendor.fate = first_then(Post.lose_answer, Post.accept)
    world.settle(16, every=4)

    assert [world.states(run_id) for run_id in world.runs()] == [["unknown"] if hides else ["accepted"]]
    assert set(world.reached().values()) == {1}
    hold_the_law(world)


def test_an_item_that_went_to_more_fans_than_the_request_named_is_not_its(world: Place) -> None:
    """The request never arrived; in the same second another tool said the same to many."""
    run_id = world.launched(users=BATCH)
    the_list_reaches_back(world)

    def fate(post: Post) -> httpx.Response:
        world.vendor.add_foreign("acct_one", "Hello", range(1, 501))
        return post.lose_request()

    served(world, fate)
    world.settle(16, every=4)

    assert world.states(run_id) == ["unknown"]
    hold_the_law(world)


@pytest.mark.parametrize("minutes", [-3, 3])
def test_a_wrong_clock_proves_no_absence(world: Place, minutes: int) -> None:
    """The item says other words, and the vendor's clock, as its first answer has shown, dates it minutes off."""
    world.vendor.mood = Mood(skew=timedelta(minutes=minutes))
    run_id = world.launched(users=2 * BATCH, resends=True, **SOFTENED)
    the_list_reaches_back(world)
    served(world, Post.accept, Post.lose_answer)
    world.settle(16, every=4)

    assert (world.states(run_id), set(world.reached().values())) == (["accepted", "unknown"], {1})
    hold_the_law(world)
