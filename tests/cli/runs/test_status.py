"""`status`: an evening is understood from this screen alone, at 80 and at 120 columns, in a pipe and as JSON."""

from __future__ import annotations

import pytest

from tests.cli.screens import Terminal, terminal
from tests.evening import Evening, evening
from tests.world import World

__all__ = ["terminal"]


@pytest.fixture
def played(world: World) -> Evening:
    return evening(world)


@pytest.mark.parametrize("columns", [80, 120])
def test_an_evening_of_ten_accounts(terminal: Terminal, played: Evening, columns: int) -> None:
    shown = terminal("status", columns=columns)
    print(shown.text)
    assert 0
