"""A PostgreSQL that is two servers: a primary, and the standby that takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.checks.server import server_checks
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.upstream.outcome import Outcome
from campaigns.settings import load_settings
from campaigns.store.database import migrations
from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from tests.clock import DrivenClock
from tests.servers import Pair, postgres_pair
from tests.world import World, accepted


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    request.getfixturevalue("postgres_url")  # who has no PostgreSQL says so by the same flag
    with postgres_pair() as servers:
        yield servers


def test_a_run_goes_on_when_the_standby_takes_the_place_of_the_primary(
    pair: Pair, postgres_url: str, clock: DrivenClock
) -> None:
    """Half of it is sent, and an answer comes, when the primary dies. The address names both, the standby first."""
    url = pair.url(pair.standby, pair.primary, target_session_attrs="read-write")
    migrations.upgrade(url)
    with closing(open_store(url, clock=clock)) as store:
        world = World(store, clock)
        run_id = world.launched([1, 2, 3, 4, 5])

        def answer() -> Outcome:
            pair.fail_over()
            return accepted("777")

        world.gateway.script = [accepted("776"), answer]
        world.serve()

        assert world.run(run_id)["state"] == "finished"
        assert [batch["message_id"] for batch in world.batches(run_id)][:2] == ["776", "777"]
        assert world.requests_by_user() == dict.fromkeys(range(1, 6), 1)
        world.prove()


def test_doctor_names_a_standby_and_nothing_is_written_to_it(pair: Pair, postgres_url: str) -> None:
    with closing(open_store(pair.url(pair.standby))) as store:
        (role, *_) = server_checks(store)

        assert (role.part, role.state) == ("database server", "fault")
        assert "takes no writes" in role.found
        with pytest.raises(DatabaseAway, match="read-only"), store.write() as connection:
            connection.execute(text("CREATE TABLE mine (id integer)"))
    upgrade(pair.url(pair.primary))
    with closing(open_store(pair.url(pair.primary))) as store:
        assert "database server" not in [check.part for check in server_checks(store)]


@pytest.mark.parametrize(
    ("written", "used"),
    [
        (
            "postgresql://me:secret@one:5433,two/sends?target_session_attrs=read-write",
            "postgresql+psycopg://me:secret@/sends?host=one:5433&host=two&target_session_attrs=read-write",
        ),
        ("postgresql://one,two/sends", "postgresql+psycopg:///sends?host=one&host=two"),
        ("postgresql://me@one:5433/sends", "postgresql+psycopg://me@one:5433/sends"),
    ],
)
def test_several_hosts_are_named_as_postgresql_names_them(
    written: str, used: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_settings(DATABASE_URL=written).database_url == used
