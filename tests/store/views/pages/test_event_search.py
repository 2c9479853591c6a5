"""The search of the audit log and the pages of suppressions, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap64

from campaigns.domain.errors import NotFound
from campaigns.flow.accounts.accounts import set_name
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.database.engine import Store
from campaigns.store.views.pages import event_search
from campaigns.store.views.pages.account_now import account_now, last_requests
from campaigns.store.views.pages.event_search import EventFilter, events_in_order, newest_event, search_events
from campaigns.store.views.pages.incarnations import incarnations
from campaigns.store.views.suppressions import suppressions_after
from tests.clock import DrivenClock
from tests.world import ACCOUNT, ANNA, World

OTHER = "acct_two"


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    made = World(store, clock)
    made.account()
    made.account(OTHER)
    return made


def test_a_search_has_every_event_of_an_account_and_no_other(world: World) -> None:
    mine, theirs = (world.launch(world.campaign(users=[7], account_id=account)) for account in (ACCOUNT, OTHER))
    for run_id in (mine, theirs):
        pause_run(world.store, run_id, reason="wait", actor=ANNA)  # its event names the run, and no account
    suppress(world.store, BitMap64([1]), account_id=None, reason="asked", actor=ANNA)  # of no account

    everything, own = found(world), found(world, accounts=frozenset({ACCOUNT}))

    assert own == found(world, account=ACCOUNT)
    assert own | found(world, account=OTHER) == everything - found(world, kind="suppressions_added")
    assert own & found(world, account=OTHER) == set()
    assert len(own & found(world, kind="hold_opened")) == 1


def test_times_bound_a_search_exactly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "SLACK", timedelta(seconds=1))
    moments = []
    for number in range(12):
        world.clock.advance(60)
        moments.append(world.clock.now)
        set_name(world.store, ACCOUNT, f"Name {number}", actor=ANNA)
    first = min(found(world, kind="account_changed"))

    for since, until in ((0, 12), (3, 7), (11, 12), (5, 5)):
        end = moments[until] if until < 12 else moments[-1] + timedelta(seconds=1)
        expected = {first + number for number in range(since, until)}
        assert found(world, kind="account_changed", since=moments[since], until=end) == expected
    assert found(world, since=moments[-1] + timedelta(days=1)) == set()
    assert found(world, until=moments[0] - timedelta(days=1)) == set()


def test_what_does_not_exist_is_not_an_empty_list(world: World) -> None:
    for wrong in (EventFilter(run_id=99), EventFilter(campaign_id=99), EventFilter(account="acct_nobody")):
        with world.store.read() as connection, pytest.raises(NotFound):
            search_events(connection, wrong)


def test_an_export_ends_at_the_event_that_was_the_newest(world: World) -> None:
    with world.store.read() as connection:
        until = newest_event(connection)
    set_name(world.store, ACCOUNT, "Later", actor=ANNA)

    with world.store.read() as connection:
        events = events_in_order(connection, EventFilter(), above=0, until=until, limit=100)
    assert [each.id for each in events] == list(range(1, until + 1))


def test_pages_of_every_list_and_of_some_join_to_the_whole(world: World) -> None:
    for account in (None, ACCOUNT, OTHER):
        suppress(world.store, BitMap64([1, 2, 3]), account_id=account, reason="asked", actor=ANNA)

    assert pages(world, None) == [(name, user) for name in ("", ACCOUNT, OTHER) for user in (1, 2, 3)]
    assert pages(world, {None, OTHER}) == [(name, user) for name in ("", OTHER) for user in (1, 2, 3)]
    with world.store.read() as connection, pytest.raises(NotFound):
        suppressions_after(connection, {"acct_nobody"}, None, limit=2)


def test_an_account_as_it_is_now(world: World) -> None:
    run_id = world.launch(world.campaign(users=[1, 2, 3]))
    world.serve(turns=1)

    with world.store.read() as connection:
        now, last = account_now(connection, ACCOUNT), last_requests(connection)
        newest = incarnations(connection, limit=1)
    assert now.last_request is not None
    assert (now.last_request.run_id, now.last_request.outcome) == (run_id, "accepted")
    assert [run.run_id for run in now.runs] == [run_id]
    assert last == {ACCOUNT: now.last_request.started_at}
    assert [each.number for each in newest] == [1]


def found(world: World, **which: object) -> set[int]:
    with world.store.read() as connection:
        page = search_events(connection, EventFilter(**which), limit=1000)  # type: ignore[arg-type]
    return {each.id for each in page.events}


def pages(world: World, lists: set[str | None] | None) -> list[tuple[str, int]]:
    seen: list[tuple[str, int]] = []
    while True:
        with world.store.read() as connection:
            rows = suppressions_after(connection, lists, seen[-1] if seen else None, limit=2)
        if not rows:
            return seen
        seen += [(row.account or "", int(row.user_id)) for row in rows]
