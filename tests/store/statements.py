"""What a store is asked while a test does something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from campaigns.store.database.engine import Store

Statement = tuple[str, Any]
"""The text, and the values of its first row."""


@contextmanager
def statements_of(store: Store) -> Iterator[list[Statement]]:
    """Every statement that goes through SQLAlchemy meanwhile; one for many rows counts as one."""
    asked: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, values[0] if isinstance(values, list) else values))

    engines = (store.writer, store.reader)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
