"""Somebody who owns the database: takes the triggers and rules away and changes what was written once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from campaigns.store.database.engine import Store

SEALED = ("event", "seal", "attempt", "attempt_outcome", "evidence", "unsend", "unsend_outcome")
RULES = (
    ("seal", "fk_seal_event_id"),
    ("unsealed", "fk_unsealed_event_id"),
    ("seal", "uq_seal_event_id"),
    ("seal", "uq_seal_chain_position"),
    ("seal", "ck_seal_numbers_fit"),
    ("attempt", "fk_attempt_follows_outcome"),
    ("unsend_outcome", "fk_unsend_outcome_recall_id_batch_id_number"),
)


@dataclass
class Forger:
    """Changes the database behind `store`, past everything that campaigns does about it."""

    store: Store

    def does(self, *statements: str, **values: Any) -> None:
        """Run each statement with the values that it names."""
        if self.store.writer.dialect.name == "sqlite":
            self._on_sqlite(statements, values)
        else:
            self._on_postgresql(statements, values)

    def _on_sqlite(self, statements: tuple[str, ...], values: dict[str, Any]) -> None:
        with closing(sqlite3.connect(str(self.store.writer.url.database))) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for table in SEALED:
                for verb in ("update", "delete", "replacing"):
                    connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
            for statement in statements:
                connection.execute(statement, values)
            connection.commit()

    def _on_postgresql(self, statements: tuple[str, ...], values: dict[str, Any]) -> None:
        with self.store.writer.begin() as connection:
            for table in SEALED:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_rewriting ON {table}"))
            for table, rule in RULES:
                connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {rule}"))
            for statement in statements:
                connection.execute(text(statement), values)
