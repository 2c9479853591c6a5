"""Celery on a disk that is full while a test says so: `python -m tests.faults.full_disk` is `python -m celery`.

SQLite may then not grow by a page, which is what it makes of a disk without room; what fits into the pages it has is
still written, as on a real one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from celery.__main__ import main
from sqlalchemy import Connection, Engine, event

FULL = Path("disk-is-full")
"""A file in the folder of the process: while it is there, there is no room."""

NO_PAGE_MORE, ROOM = 1, 1_000_000


def look_at_the_disk(connection: Connection) -> None:
    """Before each transaction."""
    pages = NO_PAGE_MORE if FULL.exists() else ROOM
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


if __name__ == "__main__":
    event.listen(Engine, "begin", look_at_the_disk)
    sys.exit(main())
