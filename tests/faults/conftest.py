from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.installation import Installation

Install = Callable[..., Installation]


@pytest.fixture
def install() -> Iterator[Install]:
    """Makes an installation that is not started yet."""
    with contextlib.ExitStack() as left:

        def make(database: str = "sqlite", **how: Any) -> Installation:
            folder = left.enter_context(tempfile.TemporaryDirectory(prefix="campaigns-faults-"))
            made = Installation(Path(folder), database, **how)
            left.callback(made.close)
            return made

        yield make
