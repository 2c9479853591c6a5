"""A PostgreSQL that is set up otherwise than we would: dates in another style, a schema that is closed, a weak role."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import IntegrityError

from campaigns.cli.main import cli
from campaigns.domain.errors import RoleTooWeak
from campaigns.store.database import migrations
from campaigns.store.database.engine import Store, open_store
from campaigns.store.health.heartbeats import beat_heart
from tests.clock import DrivenClock
from tests.conftest import _database
from tests.world import World

_numbers = itertools.count(1)


@pytest.fixture
def own_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """A database with all tables that no other test uses: what is granted and set here stays in it."""
    with _database(postgres_url, f"campaigns_own_{os.getpid()}_{next(_numbers)}", postgres_template) as url:
        yield url


@pytest.fixture
def role(own_url: str) -> Iterator[str]:
    """A role that was granted nothing, in a database with all tables; its name."""
    name = f"campaigns_weak_{os.getpid()}_{next(_numbers)}"
    does(own_url, f"CREATE ROLE {name} LOGIN")
    yield name
    does(own_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def does(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role, password=None).render_as_string(hide_password=False)


def beats(store: Store) -> None:
    with store.write() as connection:
        beat_heart(connection, "beat", now=store.now(connection))


@pytest.mark.parametrize("style", ["SQL, DMY", "German", "Postgres, MDY"])
def test_dates_in_another_style_are_read_all_the_same(own_url: str, style: str) -> None:
    does(own_url, f"ALTER DATABASE \"{make_url(own_url).database}\" SET DateStyle = '{style}'")
    with closing(open_store(own_url)) as store:
        clock = DrivenClock()
        world = World(Store(store.writer, store.reader, clock), clock)
        run_id = world.launched([1, 2, 3])
        world.serve()
        assert set(world.states(run_id)) == {"accepted"}
        world.prove()
        with store.write() as connection:
            assert store.now(connection).tzinfo is not None


def test_a_role_is_told_each_grant_that_it_lacks(own_url: str, role: str) -> None:
    with closing(open_store(as_role(own_url, role))) as store:
        with pytest.raises(RoleTooWeak, match=f"GRANT SELECT, .* ON ALL TABLES IN SCHEMA public TO {role}"):
            migrations.require_head(store)
        does(own_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        migrations.require_head(store)
        with pytest.raises(RoleTooWeak, match=r"denied for table heartbeat.*GRANT SELECT, INSERT, UPDATE, DELETE ON"):
            beats(store)
        does(own_url, f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}")
        beats(store)
        with pytest.raises(RoleTooWeak, match="GRANT USAGE, SELECT ON ALL SEQUENCES"), store.write() as connection:
            connection.execute(text("SELECT nextval(pg_get_serial_sequence('event', 'id'))"))


def test_a_closed_schema_or_database_is_told_with_its_grant(own_url: str, role: str) -> None:
    name = make_url(own_url).database
    does(own_url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with (
        closing(open_store(as_role(own_url, role))) as store,
        pytest.raises(RoleTooWeak, match="ON SCHEMA public"),
    ):
        migrations.require_head(store)
    does(own_url, f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
    with (
        closing(open_store(as_role(own_url, role))) as store,
        pytest.raises(RoleTooWeak, match=f"GRANT CONNECT ON DATABASE {name} TO {role}"),
    ):
        migrations.require_head(store)


def test_a_database_where_nothing_may_be_made_is_not_half_migrated(postgres_url: str) -> None:
    with _database(postgres_url, f"campaigns_bare_{os.getpid()}_{next(_numbers)}") as url:
        name = f"campaigns_bare_{os.getpid()}"
        does(url, f"CREATE ROLE {name} LOGIN", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        try:
            with pytest.raises(RoleTooWeak, match=f"GRANT USAGE, CREATE ON SCHEMA public TO {name}"):
                migrations.upgrade(as_role(url, name))
            does(url, f"GRANT USAGE, CREATE ON SCHEMA public TO {name}")
            migrations.upgrade(as_role(url, name))
            with closing(open_store(as_role(url, name))) as store:
                migrations.require_head(store)
        finally:
            does(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_the_commands_say_it_in_one_sentence_and_doctor_names_the_role(
    own_url: str, role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", as_role(own_url, role))
    for words in (["list"], ["db", "check"], ["db", "upgrade"], ["accounts", "add", "acct_one"]):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, result.stderr.count("\n")) == (75, 2), result.stderr
        assert f"TO {role}" in result.stderr
    found = {check["part"]: check for check in json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)}
    assert (found["database role"]["state"], found["database role"]["exit_code"]) == ("fault", 75)


SECRET = "only for you, Anna"


def test_the_text_of_a_message_is_in_no_error_of_the_database(store: Store) -> None:
    bad = "INSERT INTO account (id, upstream, name) VALUES ('acct_one', NULL, :name)"
    with pytest.raises(IntegrityError) as refused, store.write() as connection:
        connection.execute(text(bad), {"name": SECRET})
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value.orig)
