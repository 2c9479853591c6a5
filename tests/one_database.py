"""One database of each kind for a whole module, for checks that are many and small."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import _database

KINDS = ["sqlite", "postgresql"]

_numbers = itertools.count(1)


def one_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """For the body of a module's own `database_url` fixture, with KINDS as its parameters."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "campaigns.db"
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    with _database(server, f"campaigns_shared_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url
