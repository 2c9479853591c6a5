"""Migrations: up, down and up again, the same as the models, once when two do it, and whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from campaigns.domain.errors import DatabaseAway, NotAllowed
from campaigns.flow.accounts.remove import remove_account
from campaigns.flow.audit.seal import seal_events
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.decide import decide
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.database import migrations
from campaigns.store.database.engine import open_store
from campaigns.store.health.heartbeats import Serves, serving, worker_serves
from campaigns.store.proof import verify
from campaigns.store.proof.bodies import Bodies
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import metadata
from tests.clock import DrivenClock
from tests.one_database import KINDS
from tests.world import ACCOUNT, ANNA, UNKNOWN, World

FAILING = """
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("CREATE TABLE half_done (id INTEGER)")
    op.execute("SELECT * FROM no_such_table")


def downgrade():
    op.execute("DROP TABLE half_done")
"""


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    from tests.conftest import _database

    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with _database(request.getfixturevalue("postgres_url"), f"campaigns_empty_{tmp_path.name[:20]}") as url:
        yield url


@pytest.fixture
def database_url(empty_url: str) -> str:
    """Named so that `--no-postgres` finds it."""
    return empty_url


def test_up_down_and_up_again_leaves_nothing_and_then_the_same(database_url: str) -> None:
    migrations.upgrade(database_url)
    first = _schema(database_url)
    migrations.downgrade(database_url, "base")
    assert _schema(database_url).keys() <= {"alembic_version"}
    assert _leftovers(database_url) == []
    migrations.upgrade(database_url)

    assert _schema(database_url) == first
    migrations.check(database_url)


def test_the_migrations_make_what_the_models_say(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Alembic compares tables, columns and indexes; the rules of the rows are compared by us."""
    migrations.upgrade(database_url)

    command.check(migrations.config(database_url))

    migrated = _schema(database_url)
    migrations.downgrade(database_url, "base")
    with _engine(database_url) as engine:
        metadata.create_all(engine)
    made = _schema(database_url)
    migrated.pop("alembic_version")
    made.pop("alembic_version")
    assert made.keys() == migrated.keys()
    for table in made:
        assert migrated[table] == made[table], table


def test_two_upgrades_at_once_upgrade_once(database_url: str) -> None:
    """By two hosts, or a migrating container and an impatient operator: in processes of their own."""
    upgrade = "import sys; from campaigns.store.database.migrations import upgrade; upgrade(sys.argv[1])"
    started = [subprocess.Popen([sys.executable, "-c", upgrade, database_url]) for _ in range(2)]

    assert [process.wait(60) for process in started] == [0, 0]

    migrations.check(database_url)


def test_a_migration_that_fails_leaves_nothing_of_itself(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade(database_url)
    before, head = _schema(database_url), migrations.head()
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.scripts_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_fails.py").write_text(FAILING.format(head=head))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "scripts_folder", lambda: folder)
        with pytest.raises((SQLAlchemyError, DatabaseAway), match="no_such_table"):
            migrations.upgrade(database_url)
        with pytest.raises(NotAllowed, match=f"is at migration {head}, this release needs 9999"):
            migrations.check(database_url)

    assert _schema(database_url) == before
    migrations.check(database_url)


def test_a_database_without_tables_is_named_as_such(database_url: str) -> None:
    with pytest.raises(NotAllowed, match="has no tables yet"):
        migrations.check(database_url)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _schema(url: str) -> dict[str, Any]:
    """All that the database itself says about its tables."""
    with _engine(url) as engine:
        asked = inspect(engine)
        return {
            table: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"]) for column in asked.get_columns(table)
                ],
                "key": asked.get_pk_constraint(table),
                "unique": _sorted(asked.get_unique_constraints(table)),
                "checks": _sorted(asked.get_check_constraints(table)),
                "foreign": _sorted(asked.get_foreign_keys(table)),
                "indexes": _sorted(asked.get_indexes(table)),
            }
            for table in asked.get_table_names()
        }


def _sorted(found: list[Any]) -> list[str]:
    return sorted(str({key: _plain(value) for key, value in each.items()}) for each in found)


def _plain(value: Any) -> Any:
    return {key: str(each) for key, each in value.items()} if isinstance(value, dict) else value


def _leftovers(url: str) -> list[str]:
    """Triggers and functions of ours."""
    on_postgres = "SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'"
    on_sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with _engine(url) as engine, engine.connect() as connection:
        asked = on_sqlite if connection.dialect.name == "sqlite" else on_postgres
        return list(connection.execute(text(asked)).scalars())


def test_a_widened_rule_keeps_every_row_and_holds_for_whoever_is_connected(database_url: str) -> None:
    migrations.upgrade(database_url)
    store = open_store(database_url)
    world = World(store, DrivenClock())
    world.launched([1, 2, 3])
    world.serve()
    saves = "UPDATE batch SET state = 'saved' WHERE seq = 1"
    store.close()  # PostgreSQL cannot change a table under a transaction that reads it
    migrations.downgrade(database_url, "0003")
    with _engine(database_url) as engine, engine.connect() as early:
        before = early.execute(text("SELECT id, seq, state, message_id, users_sha256 FROM batch ORDER BY seq")).all()
        with pytest.raises(IntegrityError):
            early.execute(text(saves))
        early.rollback()

        migrations.upgrade(database_url)

        assert early.execute(text("SELECT id, seq, state, message_id, users_sha256 FROM batch ORDER BY seq")).all() == (
            before
        )
        early.execute(text(saves))
        early.commit()
        with pytest.raises(IntegrityError):
            early.execute(text("UPDATE batch SET state = 'sealed' WHERE seq = 1"))
        early.rollback()
        if engine.dialect.name == "sqlite":
            assert early.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            assert early.execute(text("PRAGMA foreign_key_check")).all() == []
        early.rollback()
    with pytest.raises(RuntimeError, match="1 batches are saved"):
        migrations.downgrade(database_url, "0003")


def test_a_database_with_requests_goes_down_and_up_again_and_keeps_every_row(database_url: str) -> None:
    """Requests of the release before have no form, and so have those that were taken down with it."""
    migrations.upgrade(database_url)
    store = open_store(database_url)
    world = World(store, DrivenClock())
    world.launched([1, 2, 3])
    world.serve()
    asked = "SELECT batch_id, number, fence, request_sha256, started_at FROM attempt ORDER BY fence"
    with store.read() as connection:
        before, first = connection.execute(text(asked)).all(), find_incarnation(connection)
    store.close()

    migrations.downgrade(database_url, "0005")
    migrations.upgrade(database_url)

    with store.read() as connection:
        assert connection.execute(text(asked)).all() == before
        assert find_incarnation(connection) != first, "what was remembered by the old one fits nothing any more"
        found = verify.verify(connection)
    assert (found.ok, found.bodies) == (True, Bodies(0, 2))
    world.launch(world.campaign([4]))
    world.serve()
    with store.read() as connection:
        assert verify.verify(connection).bodies == Bodies(1, 2)
    store.close()


def test_a_record_survives_a_downgrade_and_the_next_upgrade(database_url: str) -> None:
    """What was sealed and cut by this release is proved as before, and nothing of it can be replaced."""
    migrations.upgrade(database_url)
    before = ScriptDirectory(str(migrations.scripts_folder())).get_revision("0011").down_revision
    assert isinstance(before, str)
    clock = DrivenClock()
    store = open_store(database_url, clock=clock)
    world = World(store, clock)
    run_id = world.launched([1, 2, 3])
    world.serve()
    recall_run(store, run_id, reason="wrong price", actor=ANNA)
    world.serve()
    seal_events(store)
    store.close()

    migrations.downgrade(database_url, before)
    migrations.upgrade(database_url)

    again = open_store(database_url)
    with again.read() as connection:
        assert verify.verify(connection).faults == []
        assert connection.execute(text("SELECT count(*) FROM seal WHERE version = 2")).scalar_one() > 0
    if again.writer.dialect.name == "sqlite":
        replaces = text("INSERT OR REPLACE INTO event SELECT * FROM event")
        with again.writer.connect() as connection, pytest.raises(IntegrityError, match="never rewritten"):
            connection.execute(replaces)
    again.close()


def test_late_answers_of_before_own_their_messages_and_going_back_keeps_them(database_url: str) -> None:
    migrations.upgrade(database_url)
    clock = DrivenClock()
    store = open_store(database_url, clock=clock)
    world = World(store, clock)
    run_id = world.launched([1, 2, 3, 4])
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    decide(store, run_id, seqs=[1], verdict="accepted", reason="seen", actor=ANNA)
    store.close()
    migrations.downgrade(database_url, "0005")
    late = (
        "INSERT INTO evidence (batch_id, number, kind, at, actor, message_id) "
        "VALUES (1, 1, 'late_answer', '2026-03-02 12:00:00', 'worker', :id)"
    )
    asked = text("SELECT message_id, batch_id FROM message ORDER BY batch_id")
    with _engine(database_url) as engine, engine.begin() as connection:
        taken = connection.execute(asked).one().message_id
        for message_id in ("777", taken):
            connection.execute(text(late), {"id": message_id})

    migrations.upgrade(database_url)

    with _engine(database_url) as engine, engine.connect() as connection:
        assert connection.execute(asked).all() == [("777", 1), (taken, 2)]
    migrations.downgrade(database_url, "0005")
    with _engine(database_url) as engine, engine.connect() as connection:
        assert connection.execute(asked).all() == [("777", 1), (taken, 2)]


def test_rows_from_before_the_rules_stay_and_go_on_and_new_ones_are_refused(database_url: str) -> None:
    migrations.upgrade(database_url)
    store = open_store(database_url)
    world = World(store, DrivenClock())
    world.launched([1, 2, 3])
    store.close()
    before = ScriptDirectory(str(migrations.scripts_folder())).get_revision("0015").down_revision
    assert isinstance(before, str)
    migrations.downgrade(database_url, before)
    paused = (
        "INSERT INTO hold (scope, run_id, kind, reason, actor, opened_at) "
        "VALUES ('run', 1, :kind, '', '', '2026-03-02 12:00:00')"
    )
    with _engine(database_url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE campaign SET name = ' '"))
        connection.execute(text(paused), {"kind": "bogus"})

    migrations.upgrade(database_url)

    with _engine(database_url) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT kind, reason, actor FROM hold")).all() == [("bogus", "", "")]
        for change in (
            "UPDATE campaign SET launches = 2, name = name",
            "UPDATE hold SET closed_at = opened_at, closed_by = 'operator:anna', close_reason = 'seen'",
        ):
            assert connection.execute(text(change)).rowcount == 1
        connection.commit()
        for refused in (text(paused).bindparams(kind="operator"), text("UPDATE campaign SET name = '  '")):
            with pytest.raises(IntegrityError, match="is blank"):
                connection.execute(refused)
            connection.rollback()


def test_who_serves_and_who_was_removed_go_with_a_downgrade_and_the_previous_release_goes_on(database_url: str) -> None:
    migrations.upgrade(database_url)
    clock = DrivenClock()
    store = open_store(database_url, clock=clock)
    world = World(store, clock)
    world.launched([1])
    world.serve()
    remove_account(store, ACCOUNT, reason="sold", actor=ANNA)
    with store.write() as connection:
        worker_serves(connection, "https://vendor.example", now=clock.now)
    with _engine(database_url) as engine, engine.begin() as connection:  # as the previous release writes
        connection.execute(text("UPDATE heartbeat SET at = at WHERE component = 'worker'"))
        connection.execute(
            text("INSERT INTO account (id, upstream, created_at) VALUES ('acct_old', 'x', '2026-03-02 12:00:00')")
        )
    store.close()

    migrations.downgrade(database_url, "0012")
    with _engine(database_url) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT component FROM heartbeat")).scalars().all() == ["worker"]
        assert connection.execute(text("SELECT id FROM account ORDER BY id")).scalars().all() == ["acct_old", ACCOUNT]
    migrations.upgrade(database_url)

    with store.read() as connection:
        assert serving(connection, "https://vendor.example", clock.now).serves is Serves.NOT_KNOWN
        assert verify.verify(connection).ok
    store.close()
