"""PostgreSQL empties no table whose rows are written once."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.one_database import ReusedStores
from tests.store.tables.insert_only import INSERT_ONLY


@pytest.mark.usefixtures("postgres_url")
def test_a_table_whose_rows_are_written_once_is_not_emptied(reused_postgresql: ReusedStores) -> None:
    with reused_postgresql.of().writer.connect() as connection:
        for table in INSERT_ONLY:
            with pytest.raises(DBAPIError, match="never rewritten"), connection.begin_nested():
                connection.execute(text(f"TRUNCATE {table} CASCADE"))
        connection.rollback()
