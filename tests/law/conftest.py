"""A Redis that may be emptied, and a database that is put back to what it was when it was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.law.place import Place, Places, places_on
from tests.one_database import AGAIN_ON_POSTGRESQL, ReusedStores, reused_postgresql, reused_sqlite  # noqa: F401 - fixtures
from tests.servers import redis_server


@pytest.fixture(scope="session")
def own_redis_url() -> Iterator[str]:
    """A Redis that belongs to these tests alone."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_places(
    reused_sqlite: ReusedStores,  # noqa: F811 - the fixture
    sqlite_template: Path,
    own_redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Places:
    """Places on a SQLite file, one after the other."""
    store = reused_sqlite.of("law")
    Path(str(store.writer.url.database)).write_bytes(sqlite_template.read_bytes())
    return places_on(store, own_redis_url, tmp_path_factory.mktemp)


@pytest.fixture(scope="session")
def postgresql_places(
    reused_postgresql: ReusedStores,  # noqa: F811 - the fixture
    own_redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Places:
    """Places on a PostgreSQL database, one after the other."""
    return places_on(reused_postgresql.of("law"), own_redis_url, tmp_path_factory.mktemp)


@pytest.fixture(params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest) -> str:
    """The kind of database, under the name by which --no-postgres knows which tests need that."""
    return str(request.param)


@pytest.fixture
def places(request: pytest.FixtureRequest, database_url: str) -> Places:
    """Places on either kind of database."""
    found: Places = request.getfixturevalue(f"{database_url}_places")
    return found


@pytest.fixture
def world(places: Places) -> Iterator[Place]:
    """A place for one story."""
    with places() as made:
        yield made
