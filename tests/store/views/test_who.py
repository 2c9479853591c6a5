"""What became of one user: in every run, and why a run did not reach them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyroaring import BitMap64

from campaigns.domain.errors import NotFound
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.lanes.tick import tick
from campaigns.store.database.engine import Store
from campaigns.store.views.who import WhyNot, who, why_not
from tests.clock import DrivenClock
from tests.one_database import reused_database, reused_postgresql, reused_sqlite, store  # noqa: F401 - fixtures
from tests.world import ACCOUNT, ANNA, REJECTED, UNKNOWN, UPSTREAM, World, accepted


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from reused_database(request)


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:  # noqa: F811 - the fixture
    return World(store, clock)


def verdict(world: World, user: int, run_id: int) -> WhyNot:
    with world.store.read() as connection:
        return why_not(connection, user, run_id)


def states(world: World, user: int, **only: object) -> list[tuple[int, str, str]]:
    with world.store.read() as connection:
        return [(each.run_id, each.state, each.account) for each in who(connection, user, **only)]  # type: ignore[arg-type]


def test_each_way_in_which_a_run_may_not_have_reached_somebody_is_named(world: World) -> None:
    world.account()
    suppress(world.store, BitMap64([9]), account_id=None, reason="asked us to stop", actor="operator:ben")
    suppress(world.store, BitMap64([9]), account_id=world.account("acct_two"), reason="elsewhere", actor=ANNA)
    run_id = world.launch(world.campaign([1, 2, 3, 4, 5, 6, 7, 9]))
    world.gateway.script = [accepted("m1"), REJECTED, UNKNOWN]
    world.serve()
    cancel_run(world.store, run_id, reason="wrong picture", actor=ANNA)

    verdicts = {user: verdict(world, user, run_id) for user in (1, 3, 5, 7, 9, 8)}
    assert {user: (each.state, each.reason) for user, each in verdicts.items()} == {
        1: ("accepted", None),
        3: ("rejected", "refused"),
        5: ("unknown", "the answer did not come"),
        7: ("cancelled", "cancelled: wrong picture"),
        9: ("left_out", "suppressed"),
        8: ("not_in_audience", None),
    }
    assert verdicts[1].mentions[0].message_id == "m1"
    (suppression,) = verdict(world, 9, run_id).suppressions
    assert (suppression.account, suppression.reason, suppression.actor) == (None, "asked us to stop", "operator:ben")


def test_whole_lists_and_runs_without_a_plan_are_named_as_such(world: World) -> None:
    listed = world.launched(message={"user_lists": ["fans"]})
    assert verdict(world, 1, listed).state == "not_known"
    campaign_id = world.campaign([1], timing=Timing(cron="0 * * * *", zone="UTC", misfire="skip"))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(2 * 3600 + 1800)
    tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="beat")

    skipped = verdict(world, 1, listed + 1)
    assert skipped.state == "not_planned"
    assert "its grace time is" in str(skipped.reason)
    assert verdict(world, 2, listed + 1).state == "not_in_audience"
    with pytest.raises(NotFound, match="There is no run r99"):
        verdict(world, 1, 99)


def test_the_runs_of_somebody_are_narrowed_by_account_campaign_and_time(world: World) -> None:
    first = world.launched([1])
    world.serve()
    world.clock.advance(3600)
    later = world.clock.now
    suppress(world.store, BitMap64([1]), account_id=ACCOUNT, reason="asked", actor=ANNA)
    second = world.launch(world.campaign([1, 2]))
    third = world.launch(world.campaign([1], account_id=world.account("acct_two")))

    one, two, three = (first, "accepted", ACCOUNT), (second, "left_out", ACCOUNT), (third, "ready", "acct_two")
    assert states(world, 1) == [three, two, one]
    assert states(world, 1, account_id=ACCOUNT) == [two, one]
    assert states(world, 1, campaign_id=2) == [two]
    assert states(world, 1, since=later) == [three, two]
