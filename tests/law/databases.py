"""Copies of a database that are put back under workers that go on, in milliseconds: a file, or the rows as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, text

from campaigns.store.database.engine import Store
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import metadata


class Copies(Protocol):
    """How copies of a database are taken and put back."""

    def take(self) -> Any:
        """What it holds now."""
        ...

    def put_back(self, copy: Any) -> None:
        """Let it hold that again; whoever uses it finds its connections closed."""
        ...


@dataclass(frozen=True)
class Files:
    """Copies of a SQLite file."""

    store: Store

    @property
    def path(self) -> Path:
        """Where the database is."""
        return Path(str(self.store.writer.url.database))

    def take(self) -> bytes:
        with self.store.writer.connect() as connection:
            connection.execute(text("COMMIT"))  # a checkpoint is no part of a transaction
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            connection.execute(text("BEGIN"))
        return self.path.read_bytes()

    def put_back(self, copy: bytes) -> None:
        self.store.close()
        for file in self.path.parent.glob(f"{self.path.name}-*"):
            file.unlink()
        self.path.write_bytes(copy)


@dataclass(frozen=True)
class Rows:
    """Copies of a PostgreSQL database's rows and of where its numbers stand."""

    store: Store

    def take(self) -> dict[str, Any]:
        def read(cursor: Any) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for name in _tables():
                with cursor.copy(f"COPY {name} TO STDOUT") as rows:
                    found[name] = b"".join(bytes(part) for part in rows)
            numbers = cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'").fetchall()
            for (name,) in numbers:
                found[f"number {name}"] = cursor.execute(f"SELECT last_value, is_called FROM {name}").fetchone()
            return found

        return _with_driver(self.store.writer, read)

    def put_back(self, copy: dict[str, Any]) -> None:
        def write(cursor: Any) -> dict[str, Any]:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for name in reversed(_tables()):
                cursor.execute(f"DELETE FROM {name}")
            for name in _tables():
                with cursor.copy(f"COPY {name} FROM STDIN") as rows:
                    rows.write(copy[name])
            for name, number in copy.items():
                if name.startswith("number "):
                    cursor.execute("SELECT setval(%s::regclass, %s, %s)", (name.removeprefix("number "), *number))
            return {}

        _with_driver(self.store.writer, write)


def _tables() -> list[str]:
    return [table.name for table in metadata.sorted_tables]


def _with_driver(engine: Engine, act: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            return act(cursor)


def copies_of(store: Store) -> Copies:
    """How copies of that database are taken."""
    return Files(store) if store.writer.dialect.name == "sqlite" else Rows(store)
