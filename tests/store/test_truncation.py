"""PostgreSQL empties no table whose rows are written once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.one_database import ReusedStores

PLACE = Path(__file__).parents[2] / "migrations/refuse_truncation.py"


def migration() -> Any:
    spec = importlib.util.spec_from_file_location("refuse_truncation", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("postgres_url")
def test_a_table_whose_rows_are_written_once_is_not_emptied(reused_postgresql: ReusedStores) -> None:
    written, engine = migration(), reused_postgresql.of().writer
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        written.upgrade()
        for table in written.INSERT_ONLY:
            with pytest.raises(DBAPIError, match="never rewritten"), connection.begin_nested():
                connection.execute(text(f"TRUNCATE {table} CASCADE"))
        written.downgrade()
        connection.execute(text("TRUNCATE event CASCADE"))
        connection.rollback()
