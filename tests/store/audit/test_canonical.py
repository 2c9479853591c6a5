"""The form in which rows are hashed: a column that a later release adds is no part of what was sealed before."""

from __future__ import annotations

from sqlalchemy import select

from campaigns.store.audit.canonical import raw, sealed_content
from campaigns.store.database.engine import Store
from campaigns.store.tables.attempts import attempt
from tests.clock import DrivenClock
from tests.world import World

SEALED_SINCE_VERSION_1 = {
    *("batch_id", "number", "previous", "account_id", "fence", "request_sha256", "request_bytes"),
    *("recipients", "worker", "started_at", "deadline_at"),
}


def test_a_mark_does_not_change_the_digest_of_what_was_sealed_before_there_were_marks(
    store: Store, clock: DrivenClock
) -> None:
    world = World(store, clock)
    world.launched([1, 2], mark=True)
    world.serve()

    with store.read() as connection:
        row = connection.execute(select(*raw(attempt, "attempt_"))).one()
    assert row.attempt_mark is not None
    assert sealed_content(row, attempt, 1, "attempt_").keys() == SEALED_SINCE_VERSION_1
