"""On PostgreSQL the application needs no more than rows: its role can take away no rule of what is written once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError

from campaigns.cli.main import cli
from campaigns.flow.lanes.tick import tick
from campaigns.flow.recall.recall import recall_run
from campaigns.store.database import migrations
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.server_facts import own_role
from campaigns.store.proof import verify
from tests.clock import DrivenClock
from tests.conftest import _database
from tests.world import ANNA, UPSTREAM, World

ROOT = Path(__file__).resolve().parents[3]
ROLES = (ROOT / "postgres-roles.sql").read_text()
PASSWORD = "of-a-test-alone"


@pytest.fixture(scope="module")
def owned(postgres_url: str) -> Iterator[str]:
    """An empty database in which the roles were made as the documentation says, twice, and which was then migrated."""
    with _database(postgres_url, f"campaigns_roles_{os.getpid()}") as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            for _ in range(2):
                connection.exec_driver_sql(ROLES)
            connection.exec_driver_sql(f"ALTER ROLE campaigns_app PASSWORD '{PASSWORD}'")
        migrations.upgrade(url)
        yield url
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY campaigns_app")
            connection.exec_driver_sql("DROP ROLE campaigns_app")
        engine.dispose()


@pytest.fixture(scope="module")
def weak(owned: str) -> Iterator[Store]:
    """The store as the application has it, with a run that was sent and taken back."""
    clock = DrivenClock()
    store = open_store(as_application(owned), clock=clock)
    world = World(store, clock)
    run_id = world.launched()
    world.serve()
    recall_run(store, run_id, reason="wrong price", actor=ANNA)
    world.serve()
    tick(store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")
    assert world.run(run_id)["recalled"] == 5
    world.prove()
    yield store
    store.close()


def as_application(owner_url: str) -> str:
    url = make_url(owner_url).set(username="campaigns_app", password=PASSWORD)
    return url.render_as_string(hide_password=False)


def test_the_application_works_as_a_role_that_owns_nothing(weak: Store) -> None:
    with weak.read() as connection:
        found = own_role(connection)
        assert found is not None
        assert (found.name, found.is_superuser, found.owns_tables) == ("campaigns_app", False, False)
        assert not found.may_change_rules
        assert verify.verify(connection).ok
    migrations.require_head(weak)


def test_the_owner_is_known_as_one_who_may_change_rules(owned: str) -> None:
    store = open_store(owned)
    with store.read() as connection:
        found = own_role(connection)
    store.close()
    assert found is not None
    assert found.may_change_rules


@pytest.mark.parametrize(("weakly", "state"), [(True, "ok"), (False, "note")])
def test_doctor_says_whether_the_role_may_change_rules(
    owned: str, weak: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, weakly: bool, state: str
) -> None:
    assert weak.writer.url.username == "campaigns_app"
    monkeypatch.setenv("DATABASE_URL", as_application(owned) if weakly else owned)
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path))
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    (check,) = [check for check in json.loads(result.stdout) if check["part"] == "database role"]
    assert check["state"] == state
    assert check["found"].startswith("campaigns_app owns nothing" if weakly else str(make_url(owned).username))


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER event_no_rewriting ON event",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "ALTER TABLE event DISABLE TRIGGER event_no_rewriting",
        "CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER a_first BEFORE UPDATE ON event EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE TABLE public.mine (id integer)",
        "SET session_replication_role = replica",
        "TRUNCATE event CASCADE",
        "DROP TABLE seal",
        "ALTER TABLE seal OWNER TO campaigns_app",
        "UPDATE event SET actor = 'x'",
        "DELETE FROM seal",
    ],
)
def test_the_application_can_change_no_rule(weak: Store, statement: str) -> None:
    refused = "must be owner|permission denied|rows are never rewritten"
    with weak.writer.connect() as connection, pytest.raises(DBAPIError, match=refused):
        connection.exec_driver_sql(statement)


def test_the_documentation_gives_the_very_statements() -> None:
    assert f"```sql\n{ROLES}```\n" in (ROOT / "docs" / "operating.md").read_text()
