"""What all tests share: real servers, an empty migrated database of each kind, and a clock that tests drive."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from tests.clock import DrivenClock
from tests.servers import pgbouncer, postgres_server, redis_server
from tests.web.browser.find import HOW_TO_GET_IT, find_browser

_numbers = itertools.count(1)

TESTS = Path(__file__).parent
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 2 << 30

LEFT_OUT = {"postgres": "a PostgreSQL server", "pgbouncer": "a PgBouncer server", "browser": "Chromium"}
"""What a developer's machine may lack; its tests are left out by name, never skipped."""

DEFAULT_MARKS = "not slow and not again"
"""As pyproject.toml has it."""

LONGEST_FIRST = ("stories", "faults", "law", "embedded", "web", "tests", "crash_points", "flow", "store", "cli")
"""Folders: first those that start real programs and wait for them. The others take next to no time."""


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, what in LEFT_OUT.items():
        parser.addoption(f"--no-{name}", action="store_true", help=f"leave out the tests that need {what}")


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what runs in the background with Ctrl-C ignored, and our children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _keep_files_in_memory()
    for name, what in LEFT_OUT.items():
        if config.getoption(f"--no-{name}") and os.environ.get("CI"):
            raise pytest.UsageError(f"--no-{name} is for machines without {what}; with CI set, every test has to run.")


def _keep_files_in_memory() -> None:
    """Let temporary files, ours and those of what we start, be in memory: a hundred thousand commits need no disk."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH_MEMORY:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """None for single files, nor for slow tests, which need a quiet machine; else one more than cores.

    Tests of real programs wait for them as long as they compute.
    """
    single = not all(Path(argument).is_dir() for argument in config.args)
    return 0 if single or config.option.markexpr not in {DEFAULT_MARKS, "again"} else (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    needs = {"postgres": _needs_postgres, "pgbouncer": _needs_pgbouncer, "browser": _needs_browser}
    asked = [needs[name] for name in LEFT_OUT if config.getoption(f"--no-{name}")]
    asked += [_needs_browser] if _lacks_browser() else []
    left_out = [item for item in items if any(needed(item) for needed in asked)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _lacks_browser() and not config.getoption("--no-browser"):
        terminalreporter.line(f"The tests of pages in a browser were left out. {HOW_TO_GET_IT}")


def _lacks_browser() -> bool:
    """A browser is large, so a machine without one leaves its tests out; with CI set they fail."""
    return find_browser() is None and not os.environ.get("CI")


def _turn(item: pytest.Item) -> int:
    """The long ones first: with the short ones last, all worker processes end at about the same time."""
    below = item.path.relative_to(TESTS).parts
    folder = below[0] if len(below) > 1 else TESTS.name
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _needs_postgres(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("database_url") == "postgresql" or "postgres_url" in getattr(item, "fixturenames", ())


def _needs_pgbouncer(item: pytest.Item) -> bool:
    return "pgbouncer_url" in getattr(item, "fixturenames", ())


def _needs_browser(item: pytest.Item) -> bool:
    return "chromium" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis or Valkey, shared by the whole run: use keys of your own, flush nothing."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL where tests may make databases: TEST_DATABASE_URL, else one that is started here.

    No server is a failure, not a skip; who has none says so with --no-postgres.
    """
    named = os.environ.get("TEST_DATABASE_URL")
    if named:
        yield named.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_url: str) -> Iterator[str]:
    """A real PgBouncer in transaction mode before that server; its clients of one database share one connection.

    No PgBouncer is a failure, not a skip; who has none says so with --no-pgbouncer.
    """
    with pgbouncer(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "campaigns.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy."""
    with _database(postgres_url, f"campaigns_template_{os.getpid()}") as url:
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of its own for each test, once of each kind."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "campaigns.db")
        yield f"sqlite:///{path}"
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    with _database(server, f"campaigns_test_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url


@pytest.fixture
def clock() -> DrivenClock:
    """The time that `store` goes by; it stands still until the test calls `advance`."""
    return DrivenClock()


@pytest.fixture
def store(database_url: str, clock: DrivenClock) -> Iterator[Store]:
    """An empty, migrated store, once on SQLite and once on PostgreSQL, on the driven clock."""
    opened = open_store(database_url, clock=clock)
    yield opened
    opened.close()


@contextmanager
def _database(server_url: str, name: str, template: str | None = None, how: str = "") -> Iterator[str]:
    """A database of that name on the server, gone afterwards together with everybody still connected to it."""
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            copied = f' TEMPLATE "{template}"' if template else ""
            connection.execute(text(f'CREATE DATABASE "{name}"{copied} {how}'))
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    finally:
        server.dispose()
