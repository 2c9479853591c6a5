"""How migrations meet a database: the one that `campaigns.store.database.migrations` names, else the settings' own."""

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from campaigns.private_files import keep_private
from campaigns.settings import load_settings
from campaigns.store.database.engine import open_store
from campaigns.store.database.postgresql import wait_for_ever
from campaigns.store.database.server_facts import refuse_encoding
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import Instant, metadata

LOCK_NUMBER = 7_246_001
"""PostgreSQL's advisory lock that lets one migration run at a time; any number that nothing else uses."""


def plain_types(kind: str, thing: Any, _context: Any) -> Any:
    """Write our own column type as what the database sees, so that a migration never changes with our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Instant) else False


def run() -> None:
    keep_private()
    url = context.config.attributes.get("database_url") or load_settings().database_url
    store = open_store(url)
    try:
        with store.write() as connection:
            if connection.dialect.name == "postgresql":
                wait_for_ever(connection)
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"))
                # A migration that waits for a busy table would queue every sender behind it: rather give up.
                connection.execute(text("SET LOCAL lock_timeout = '4s'"))
            if MigrationContext.configure(connection).get_current_revision() is None:
                refuse_encoding(connection)
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_as_batch=connection.dialect.name == "sqlite",
                compare_server_default=False,
                render_item=plain_types,
                transactional_ddl=True,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        store.close()


run()
