"""Several hosts, each with a memory of its own: a restore is recognised, and losing Redis alone needs nobody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.domain.errors import DatabaseAway, NotAllowed, NotFound
from campaigns.flow.backup.hosts import forget, join
from campaigns.flow.lanes.serve import serve_lane
from campaigns.ports import Remembered
from campaigns.store.backup.hosts import known_hosts
from campaigns.store.database.engine import Store
from tests.flow.backup.conftest import Backup
from tests.flow.backup.hosts import Host, Hosts, held
from tests.servers import redis_server
from tests.world import ACCOUNT, ANNA, World


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with redis_server() as url:
        yield Hosts(url, tmp_path / "homes")


@pytest.fixture
def one(hosts: Hosts) -> Host:
    return hosts.make("one")


@pytest.fixture
def two(hosts: Hosts) -> Host:
    return hosts.make("two")


def waits_for(world: World, run_id: int) -> str | None:
    waits: str | None = world.run(run_id)["lane"]["waits_for"]
    return waits


def names(store: Store) -> list[str]:
    with store.read() as connection:
        return sorted(host.name for host in known_hosts(connection))


def later(world: World) -> None:
    """A lane that was put off may be claimed again."""
    world.clock.advance(60)


def test_database_and_redis_put_back_close_the_lane_on_a_host_that_sent_nothing(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 21))
    two.serve(world, turns=4)
    restored, redis = backup(), hosts.redis_now()
    one.serve(world)
    assert len(world.gateway.received) == 10
    two.tick(world)  # it sees what the other host has sent
    hosts.put_redis_back(redis)

    two.serve(restored)

    assert world.requests_by_user() == dict.fromkeys(range(1, 21), 1)
    assert held(restored) == ["restored"]
    assert restored.states(run_id) == ["accepted"] * 4 + ["unknown"] * 6


def test_database_and_redis_put_back_are_recognised_by_a_host_that_has_not_looked_since_the_last_requests(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    """It knows none of their fences, only that Redis was further: who sent them is asked first."""
    run_id = world.launched(range(1, 21))
    one.serve(world, turns=2)
    restored, redis = backup(), hosts.redis_now()
    two.tick(world)
    one.serve(world)
    hosts.put_redis_back(redis)

    assert two.serve(restored) == 0
    assert waits_for(restored, run_id) == "host one to compare its fences"

    assert one.tick(restored) == [ACCOUNT]
    later(restored)
    two.serve(restored)
    assert world.requests_by_user() == dict.fromkeys(range(1, 21), 1)
    assert held(restored) == ["restored"]
    assert restored.states(run_id) == ["accepted"] * 2 + ["unknown"] * 8


def test_a_redis_put_back_alone_needs_nobody(world: World, hosts: Hosts, one: Host, two: Host) -> None:
    run_id = world.launched(range(1, 21))
    one.serve(world, turns=2)
    redis = hosts.redis_now()
    two.serve(world, turns=2)
    hosts.put_redis_back(redis)

    for _ in range(2):
        one.tick(world)
        two.tick(world)
    later(world)
    one.serve(world)

    assert world.run(run_id)["state"] == "finished"
    assert world.requests_by_user() == dict.fromkeys(range(1, 21), 1)
    assert held(world) == []


def test_a_host_sees_at_a_claim_what_others_have_sent(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 21))
    one.tick(world)
    restored, redis = backup(), hosts.redis_now()
    one.serve(world, turns=4)
    two.serve(world, turns=0)  # claims the lane and gives it back
    hosts.put_redis_back(redis)

    two.serve(restored)

    assert len(world.gateway.received) == 4
    assert restored.states(run_id) == ["unknown"] * 10


def test_a_redis_that_lost_its_state_is_filled_again_by_every_host_and_nobody_is_asked(
    world: World, hosts: Hosts, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 21))
    one.serve(world, turns=3)
    two.serve(world, turns=3)
    hosts.redis_loses_its_state()

    assert one.serve(world) == 0
    assert waits_for(world, run_id) == "host two to compare its fences"

    assert two.tick(world) == []
    later(world)
    one.serve(world)

    assert world.run(run_id)["state"] == "finished"
    assert world.requests_by_user() == dict.fromkeys(range(1, 21), 1)
    assert held(world) == []


def test_redis_lost_and_the_database_restored_close_the_lanes_whoever_comes_first(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    runs = {ACCOUNT: world.launched(range(1, 9))}
    world.account("acct_two")
    runs["acct_two"] = world.launch(world.campaign(range(11, 19), account_id="acct_two"))
    two.tick(world)
    one.tick(world)
    restored = backup()
    for account_id in runs:
        one.serve(world, account_id)
    sent = world.requests_by_user()
    hosts.redis_loses_its_state()

    for account_id in runs:
        assert two.serve(restored, account_id) == 0
    assert waits_for(restored, runs[ACCOUNT]) == "host one to compare its fences"
    assert held(restored) == []

    assert one.tick(restored) == [ACCOUNT, "acct_two"]
    later(restored)
    for account_id, run_id in runs.items():
        two.serve(restored, account_id)
        assert held(restored, account_id) == ["restored"]
        assert restored.states(run_id) == ["unknown"] * 4
    assert world.requests_by_user() == sent


def test_only_a_host_whose_home_is_lost_needs_a_word(world: World, hosts: Hosts, one: Host, two: Host) -> None:
    run_id = world.launched(range(1, 9))
    one.serve(world, turns=1)
    two.serve(world, turns=1)
    shutil.rmtree(hosts.folder / "two")
    two = hosts.again(two)
    two.tick(world)
    hosts.redis_loses_its_state()

    for _ in range(3):
        assert one.serve(world) == two.serve(world) == 0
        two.tick(world)
        later(world)
    assert waits_for(world, run_id) == "host two to compare its fences"

    with world.store.read() as connection:
        lost = min(
            (each for each in known_hosts(connection) if each.id != two.book.host and each.name == "two"),
            key=lambda each: each.first_seen_at,
        )
    told = forget(world.store, lost.id[:12], reason="its disk is gone", actor=ANNA)
    one.serve(world)

    assert (told.id, told.name) == (lost.id, "two")
    assert world.run(run_id)["state"] == "finished"
    assert world.events().count("host_forgotten") == 1


def test_a_host_that_is_forgotten_and_comes_back_is_known_again_and_closes_what_it_is_ahead_of(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    world.launched(range(1, 9))
    one.tick(world)
    two.tick(world)
    restored = backup()
    one.serve(world, turns=2)
    hosts.redis_loses_its_state()
    forget(restored.store, "one", reason="it burned down", actor=ANNA)
    two.serve(restored, turns=1)

    one = hosts.again(one)
    assert one.tick(restored) == [ACCOUNT]

    assert names(restored.store) == ["one", "two"]
    assert held(restored) == ["restored"]
    later(restored)
    assert two.serve(restored) == 0


def test_a_new_host_is_not_waited_for_before_it_has_told_what_it_knows(
    world: World, hosts: Hosts, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 9))
    one.serve(world, turns=1)
    two.serve(world, turns=1)
    hosts.redis_loses_its_state()
    new = hosts.make("new")

    assert new.serve(world) == 0
    assert one.serve(world) == 0
    assert waits_for(world, run_id) == "host new, two to compare its fences", "it told a Redis of which nobody knew yet"
    new.tick(world)
    later(world)
    assert one.serve(world) == 0
    assert waits_for(world, run_id) == "host two to compare its fences", "the new one has told it knows nothing"
    two.tick(world)
    later(world)
    new.serve(world)

    assert world.run(run_id)["state"] == "finished"
    assert names(world.store) == ["new", "one", "two"]


def test_a_database_that_does_not_know_a_host_is_closed_when_that_host_comes(
    world: World, backup: Backup, hosts: Hosts, one: Host, two: Host
) -> None:
    """The copy is older than the host: nobody waits for it, but it is ahead of the copy and says so."""
    run_id = world.launched(range(1, 9))
    two.tick(world)
    restored = backup()
    one.serve(world, turns=2)
    hosts.redis_loses_its_state()

    assert one.tick(restored) == [ACCOUNT]

    assert names(restored.store) == ["one", "two"]
    assert restored.states(run_id) == ["unknown"] * 4
    assert two.serve(restored) == 0


def test_a_host_that_dies_as_soon_as_it_is_known_has_told_what_it_knows(world: World, hosts: Hosts, one: Host) -> None:
    """Else a pod that never came up would stop every lane."""
    world.launched([1, 2])
    join(world.store, hosts.make("dying").book, "dying", actor="worker:dying")

    assert one.serve(world) == 1
    assert names(world.store) == ["dying", "one"]


def test_a_host_that_dies_before_it_is_known_is_not_waited_for(world: World, hosts: Hosts, one: Host) -> None:
    world.launched(range(1, 3))
    one.serve(world)
    hosts.make("dying").book.tell()
    hosts.redis_loses_its_state()
    world.launched([3])

    assert one.serve(world) == 1


def test_a_home_emptied_under_a_running_worker_is_another_host(
    world: World, hosts: Hosts, one: Host, two: Host
) -> None:
    """Else it would say that it has compared a memory which it no longer has."""
    run_id = world.launched(range(1, 9))
    one.serve(world, turns=1)
    two.tick(world)
    before = one.book.host
    shutil.rmtree(hosts.folder / "one")
    hosts.redis_loses_its_state()
    two.tick(world)

    assert one.serve(world) == 0
    assert one.book.host != before
    assert waits_for(world, run_id) == "host one to compare its fences"


def test_a_lane_put_back_between_its_comparison_and_its_claim_is_not_claimed(
    world: World, backup: Backup, one: Host
) -> None:
    run_id = world.launched(range(1, 9))
    one.tick(world)
    restored = backup()
    one.serve(world, turns=2)
    sender = one.sender(restored)
    compare, stores = one.book.compare, [world.store]

    class Swapped:
        """The database is put back right after the lane was compared."""

        def __getattr__(self, name: str) -> object:
            return getattr(stores[-1], name)

    def then_put_back(*asked: object) -> object:
        found = compare(*asked)  # type: ignore[arg-type]
        stores.append(restored.store)
        return found

    one.book.compare = then_put_back  # type: ignore[method-assign, assignment]
    assert serve_lane(replace(sender, store=Swapped()), ACCOUNT, lambda: True) == 0  # type: ignore[arg-type]
    one.book.compare = compare  # type: ignore[method-assign]

    assert restored.states(run_id) == ["ready"] * 4
    assert len(world.gateway.received) == 2
    one.serve(restored)
    assert held(restored) == ["restored"]


def test_a_lane_that_was_used_between_its_comparison_and_its_claim_on_a_copy_is_closed(
    world: World, backup: Backup, one: Host, two: Host
) -> None:
    """The claim has the fence of a request that the copy does not know."""
    run_id = world.launched(range(1, 9))
    one.tick(world)
    two.tick(world)
    restored = backup()
    compare = two.book.compare

    def then_the_other_sends(*asked: object) -> object:
        found = compare(*asked)  # type: ignore[arg-type]
        one.serve(world, turns=2)
        return found

    two.book.compare = then_the_other_sends  # type: ignore[method-assign, assignment]
    assert two.serve(restored) == 0

    assert world.requests_by_user() == dict.fromkeys(range(1, 5), 1)
    assert held(restored) == ["restored"]
    assert restored.states(run_id) == ["unknown"] * 4


def test_a_lane_waits_for_hosts_when_redis_loses_its_state_between_its_comparison_and_its_claim(
    world: World, hosts: Hosts, one: Host, two: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = world.launched(range(1, 9))
    one.tick(world)
    two.tick(world)
    compare = one.book.compare

    def then_lost(*asked: object) -> object:
        remembered = compare(*asked)  # type: ignore[arg-type]
        hosts.redis_loses_its_state()
        return remembered

    with monkeypatch.context() as patched:
        patched.setattr(one.book, "compare", then_lost)
        assert one.serve(world) == 0

    assert waits_for(world, run_id) == "host one, two to compare its fences"
    two.tick(world)
    later(world)
    one.serve(world)
    assert world.run(run_id)["state"] == "finished"


def test_a_claim_that_could_not_be_compared_does_not_wait_for_its_lease_to_end(
    world: World, one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = world.launched(range(1, 3))
    sender = one.sender(world)

    def away(*_: object) -> Remembered:
        raise DatabaseAway("it went away")

    with monkeypatch.context() as patched:
        patched.setattr(one.book, "claim", away)
        with pytest.raises(DatabaseAway):
            serve_lane(sender, ACCOUNT, lambda: True)

    assert serve_lane(sender, ACCOUNT, lambda: True) == 1
    assert world.run(run_id)["state"] == "finished"


def sent_while_a_copy_is_claimed(world: World, backup: Backup, one: Host, two: Host, *, noted_first: bool) -> World:
    """The database is copied under a host's claim, which then commits a request; another host claims on the copy.

    `noted_first`: the request's fence is noted before that claim, else after it.
    """
    two.tick(world)
    copies: list[World] = []
    note = one.book.note

    def claimed_by_the_other(lane: str, fence: int) -> bool:
        world.clock.advance(600)  # over the lease that the copy knows
        may_leave = noted_first and note(lane, fence)
        two.serve(copies[0])
        return may_leave if noted_first else note(lane, fence)

    def copied_between_two_requests() -> bool:
        copies.append(backup())
        one.book.note = claimed_by_the_other  # type: ignore[method-assign]
        return len(copies) == 1

    serve_lane(one.sender(world), ACCOUNT, copied_between_two_requests)
    return copies[0]


def test_a_request_that_a_copy_does_not_know_does_not_leave_once_its_fence_is_given_again(
    world: World, backup: Backup, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 3))

    restored = sent_while_a_copy_is_claimed(world, backup, one, two, noted_first=False)

    assert world.requests_by_user() == {1: 1, 2: 1}
    assert restored.states(run_id) == ["accepted"]
    (kept,) = world.attempts(run_id)
    assert kept["outcome"] == "not_sent"
    assert "was used before" in kept["error"]


def test_a_fence_of_a_request_that_has_left_is_not_claimed_on_a_copy(
    world: World, backup: Backup, one: Host, two: Host
) -> None:
    run_id = world.launched(range(1, 3))

    restored = sent_while_a_copy_is_claimed(world, backup, one, two, noted_first=True)

    assert world.requests_by_user() == {1: 1, 2: 1}
    assert restored.states(run_id) == ["unknown"]
    assert held(restored) == ["restored"]


def test_a_word_that_fits_no_host_or_several_is_refused(world: World, hosts: Hosts, one: Host) -> None:
    one.tick(world)
    twin = Host("one", hosts.make("twin").book, one.spool)
    twin.tick(world)

    with pytest.raises(NotFound, match="no host 'three'"):
        forget(world.store, "three", reason="gone", actor=ANNA)
    with pytest.raises(NotAllowed, match="'one' fits 2 hosts"):
        forget(world.store, "one", reason="gone", actor=ANNA)
    forget(world.store, one.book.host, reason="gone", actor=ANNA)
    with pytest.raises(NotAllowed, match="forgotten already"):
        forget(world.store, one.book.host, reason="gone", actor=ANNA)
