"""Copies of a database, restored while everything around it lives on."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from campaigns.store.database.engine import open_store
from tests.conftest import _database
from tests.world import FakePacer, World

_numbers = itertools.count(1)

Backup = Callable[[], World]


@pytest.fixture
def backup(world: World, database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backup]:
    """Take a copy of the database; answers a world that was restored from it, with the same vendor and fence book."""
    with ExitStack() as opened:

        def take() -> World:
            name = f"campaigns_copy_{os.getpid()}_{next(_numbers)}"
            if database_url.startswith("sqlite"):
                url = f"sqlite:///{tmp_path / name}"
                source, copy = sqlite3.connect(make_url(database_url).database or ""), sqlite3.connect(tmp_path / name)
                source.backup(copy)
                source.close()
                copy.close()
            else:
                world.store.close()  # PostgreSQL copies a database that nobody is connected to
                server = request.getfixturevalue("postgres_url")
                url = opened.enter_context(_database(server, name, make_url(database_url).database))
            store = open_store(url, clock=world.clock)
            opened.callback(store.close)
            made.append(replace(world, store=store, pacer=FakePacer(), stranded={}))
            return made[-1]

        made: list[World] = []
        yield take
        for restored in made:
            restored.prove()
