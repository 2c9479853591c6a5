"""What is on record stays as it was written, and a file that names people loses none of them without a word."""

from __future__ import annotations

from io import BytesIO

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaigns.domain.audience.recipient_file import read_users
from campaigns.domain.errors import UsageError
from campaigns.store.proof import verify
from tests.law.hosts import BATCH
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.telling import NORTH, hold_the_law

FORGED = "UPDATE recall SET reason = 'asked for by the fans'"
REPLACED = (
    "INSERT OR REPLACE INTO attempt_outcome (batch_id, number, kind, finished_at) "
    "SELECT batch_id, number, 'not_sent', finished_at FROM attempt_outcome"
)


def test_a_recall_that_was_forged_shows(world: Place) -> None:
    """Once its end was sealed, which a tick does."""
    run_id = world.launched(users=BATCH)
    world.serve()
    Operators(world).recall(run_id)
    world.settle(20, every=5)
    assert faults(world) == []

    with world.store.writer.begin() as connection:
        connection.execute(text(FORGED))

    assert [fault for fault in faults(world) if "its recalls, or requests to unsend, were edited" in fault]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_row_that_was_written_once_is_not_replaced(world: Place) -> None:
    """SQLite deletes the row that stands in the way, and calls no trigger for that."""
    run_id = world.launched(users=BATCH)
    world.serve()
    is_refused = False

    with world.store.writer.connect() as connection:
        try:
            connection.execute(text(REPLACED))
            connection.commit()
        except DBAPIError:
            is_refused = True

    assert is_refused
    assert world.run(run_id)["accepted"] == BATCH
    assert faults(world) == []


def test_no_line_of_a_file_is_lost_behind_a_quote(world: Place) -> None:
    """Of those who are to be suppressed the last two stand behind a quote that is never closed."""
    run_id = world.launched(users=2 * BATCH)
    users = sorted(user for batch in world.batches(run_id) for user in batch.users)[:3]
    file = 'user_id,note\n{},twice\n{},"asked for it\n{},too\n'.format(*users).encode()
    try:
        named = set(read_users(BytesIO(file), name="stop.csv", skip_bad=True).users)
    except UsageError:
        named = set()  # refused whole, with a word: the operator puts it right
    if named:
        Operators(world).suppress(named, None)
        world.ledger.suppress(users, None)

    world.hosts[NORTH].serve("acct_one")

    hold_the_law(world)


def faults(world: Place) -> list[str]:
    """What `audit verify` shows."""
    with world.store.read() as connection:
        return list(verify.verify(connection).faults)
