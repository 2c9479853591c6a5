"""`audit verify` finds what somebody changed behind our back: each kind of damage, by the fault it names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, text

from campaigns.domain.audience.user_sets import pack
from campaigns.domain.states import BatchState
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.rerun import rerun
from campaigns.store.database.engine import Store, open_store
from campaigns.store.proof import verify
from campaigns.store.views import events as event_views
from campaigns.store.views import who as who_views
from tests.clock import DrivenClock
from tests.invariants import Vendor
from tests.one_database import AGAIN_ON_POSTGRESQL, one_database
from tests.world import ANNA, REJECTED, UNKNOWN, UPSTREAM, World

TRIGGERS = {
    "sqlite": ("DROP TRIGGER {table}_no_update", "DROP TRIGGER {table}_no_delete"),
    "postgresql": ("DROP TRIGGER {table}_no_rewriting ON {table}",),
}


@pytest.fixture(scope="module", params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every damage is rolled back."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def store(database_url: str) -> Iterator[Store]:
    """Run r1: [1 2] rejected, [3 4] unknown and sent again, [5 6] accepted, 99 left out; run r2 reaches [1 2] again."""
    clock = DrivenClock()
    opened = open_store(database_url, clock=clock)
    world = World(opened, clock, gateway=Vendor())
    world.account()
    suppress(opened, BitMap64([99]), account_id=None, reason="asked to stop", actor=ANNA)
    run_id = world.launch(world.campaign([1, 2, 3, 4, 5, 6, 99]))
    world.gateway.script = [REJECTED, UNKNOWN]
    world.serve_out()
    decide(opened, run_id, seqs=[2], verdict="resend", reason="nobody got it", actor=ANNA)
    world.serve()
    rerun(opened, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA)
    world.serve()
    assert world.states(run_id) == [BatchState.REJECTED, BatchState.ACCEPTED, BatchState.ACCEPTED]
    yield opened
    opened.close()


Damage = Callable[[Connection], object]


def _sql(statement: str, **values: Any) -> Damage:
    return lambda connection: connection.execute(text(statement), values)


def _users(batch: int, users: list[int]) -> Damage:
    """Other users in a batch, with all that a row says of them."""
    packed = pack(BitMap64(users))
    return _sql(
        "UPDATE batch SET users = :users, users_sha256 = :sha256, size = :size, first_user = :first, last_user = :last"
        f" WHERE id = {batch}",
        users=packed.blob,
        sha256=packed.sha256,
        size=packed.size,
        first=packed.first_user,
        last=packed.last_user,
    )


def _behind_the_trigger(table: str, statement: str, **values: Any) -> Damage:
    def damage(connection: Connection) -> None:
        for drop in TRIGGERS[connection.dialect.name]:
            connection.execute(text(drop.format(table=table)))
        connection.execute(text(statement), values)

    return damage


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a plan that promised more": (
        _sql("UPDATE run SET planned = 7 WHERE id = 1"),
        "run r1: planned 7, but its batches hold",
    ),
    "a plan that named more users": (
        _sql("UPDATE run SET planned = 7 WHERE id = 1"),
        "run r1: planned 7 users, but its batches name 6",
    ),
    "a batch that vanished": (
        lambda connection: [
            _behind_the_trigger("attempt_outcome", "DELETE FROM attempt_outcome WHERE batch_id = 3")(connection),
            _behind_the_trigger("attempt", "DELETE FROM attempt WHERE batch_id = 3")(connection),
            _behind_the_trigger("message", "DELETE FROM message WHERE batch_id = 3")(connection),
            _sql("DELETE FROM batch WHERE id = 3")(connection),
        ],
        "run r1: planned 6 users, but its batches name 4",
    ),
    "an ended run in which some wait": (
        _sql("UPDATE batch SET state = 'ready' WHERE id = 1"),
        "run r1: finished_with_failures, but 2 recipients wait",
    ),
    "users that were exchanged": (
        _sql("UPDATE batch SET users = :users WHERE id = 3", users=pack(BitMap64([7, 8])).blob),
        "run r1 batch 3: its users are not those of its digest",
    ),
    "a size that is not that of its users": (
        _sql("UPDATE batch SET size = 1 WHERE id = 3"),
        "run r1 batch 3: its size or range is not that of its users",
    ),
    "a range that is not that of its users": (
        _sql("UPDATE batch SET last_user = 9 WHERE id = 3"),
        "run r1 batch 3: its size or range is not that of its users",
    ),
    "a user in two batches": (_users(3, [4, 6]), "run r1 batch 3: 1 users are in another batch too"),
    "a user of nobody's audience": (_users(3, [5, 7]), "run r1: its batches and exclusions are not its audience"),
    "somebody left out whom nobody knows of": (
        _behind_the_trigger("exclusion", "DELETE FROM exclusion"),
        "run r1: its batches and exclusions are not its audience",
    ),
    "somebody left out and sent to": (
        _behind_the_trigger(
            "exclusion",
            "UPDATE exclusion SET users = :users, users_sha256 = 'x', first_user = 6, size = 2",
            users=pack(BitMap64([6, 99])).blob,
        ),
        "run r1: 1 users are both left out and in a batch",
    ),
    "an audience that was exchanged": (
        _behind_the_trigger(
            "audience_version", "UPDATE audience_version SET users = :users", users=pack(BitMap64([1, 99])).blob
        ),
        "run r1, audience version 1: its users are not those of its digest",
    ),
    "exclusions that were exchanged": (
        _behind_the_trigger("exclusion", "UPDATE exclusion SET users = :users", users=pack(BitMap64([98])).blob),
        "run r1, left out as suppressed: its users are not those of its digest",
    ),
    "a rerun of users that the audience never had": (
        _users(4, [1, 7]),
        "run r2: its batches and exclusions are not its audience",
    ),
    "a request that vanished": (
        lambda connection: [
            _behind_the_trigger("attempt_outcome", "DELETE FROM attempt_outcome WHERE batch_id = 3")(connection),
            _behind_the_trigger("attempt", "DELETE FROM attempt WHERE batch_id = 3")(connection),
        ],
        "run r1 batch 3: 0 requests are on record, but it counts 1",
    ),
    "an outcome that vanished": (
        _behind_the_trigger("attempt_outcome", "DELETE FROM attempt_outcome WHERE batch_id = 3"),
        "run r1 batch 3: accepted, but its last request is in flight",
    ),
    "an acceptance turned into a refusal": (
        _sql("UPDATE batch SET state = 'rejected', message_id = NULL WHERE id = 3"),
        "run r1 batch 3: rejected, but its last request is accepted",
    ),
    "an accepted batch made ready again": (
        _sql("UPDATE batch SET state = 'ready', message_id = NULL WHERE id = 3"),
        "run r1 batch 3: ready, but its last request is accepted",
    ),
    "a batch accepted without a request": (
        _sql("UPDATE batch SET attempts = 0, state = 'accepted' WHERE id = 1"),
        "run r1 batch 1: 1 requests are on record, but it counts 0",
    ),
    "a second request that nobody decided": (
        _behind_the_trigger("evidence", "DELETE FROM evidence"),
        "run r1 batch 2: sent again after request 1, which may have reached its users",
    ),
    "a request made after its run had expired": (
        _sql("UPDATE run SET expires_at = created_at WHERE id = 1"),
        "run r1 batch 1: request 1 was made after the run expired",
    ),
    "two runs of a lineage that reached the same users": (
        _users(4, [1, 5]),
        "run r2: 1 users are another run's of lineage 1, too",
    ),
}


def test_what_nobody_touched_is_proved(store: Store) -> None:
    with store.read() as connection:
        found = verify.verify(connection)

    assert found.faults == []
    assert (found.ok, found.runs) == (True, 2)
    assert found.events > 10


def test_digests_of_the_release_before_are_proved_in_its_form(store: Store) -> None:
    """It hashed the blob; it may also have taken users out of a batch of ours, whose version it does not know."""
    with store.writer.connect() as connection:
        for number, blob in connection.execute(text("SELECT id, users FROM batch")).all():
            version = 1 + number % 2
            digest = hashlib.sha256(blob).hexdigest()
            columns = {"sha256": digest, "version": version, "id": number}
            connection.execute(
                text("UPDATE batch SET users_sha256 = :sha256, users_sha256_version = :version WHERE id = :id"), columns
            )
        assert verify.verify(connection).faults == []
        connection.execute(text("UPDATE batch SET users_sha256_version = 3 WHERE id = 1"))
        assert verify.verify(connection).faults == ["run r1 batch 1: its users are not those of its digest"]
        connection.rollback()


@pytest.mark.parametrize("what", DAMAGES)
def test_the_proof_finds(store: Store, what: str) -> None:
    damage, fault = DAMAGES[what]
    with store.writer.connect() as connection:
        damage(connection)

        found = verify.verify(connection)

        assert not found.ok
        assert [told for told in found.faults if told.startswith(fault)], found.faults


def test_who_names_every_batch_of_a_user_the_newest_run_first(store: Store) -> None:
    with store.read() as connection:
        found = [(row.run_id, row.batch, row.state) for row in who_views.who(connection, 1)]
        assert found == [(2, 1, "accepted"), (1, 1, "rejected")]
        (left_out,) = who_views.who(connection, 99)
        assert (left_out.run_id, left_out.batch, left_out.state, left_out.reason) == (1, None, "left_out", "suppressed")
        assert who_views.who(connection, 98) == []


def test_events_are_streamed_in_order_of_one_run_one_campaign_or_all(store: Store) -> None:
    with store.read() as connection:
        everything = [event.id for event in event_views.events(connection)]
        of_run = [event.kind for event in event_views.events(connection, 2)]
        of_campaign = list(event_views.events(connection, campaign_id=1))
        rest = [event.id for event in event_views.events(connection, after=everything[-2])]

    assert everything == sorted(everything)
    assert of_run == ["run_opened", "run_planned", "run_started", "run_ended"]
    assert {event.campaign_id for event in of_campaign} == {1}
    assert rest == everything[-1:]
