"""The one rule for times that people read: on whose clocks, with which offset, and the zone by its name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from campaigns.domain.clocks import on_clocks

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clocks are Tokyo's."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Europe/Berlin", "2026-11-27 13:00+01:00 Europe/Berlin"), (None, "2026-11-27 21:00+09:00 JST")],
)
def test_a_time_is_on_the_campaigns_clocks_else_on_this_machines(zone: str | None, shown: str) -> None:
    assert on_clocks(NOON, zone) == shown


def test_seconds_are_shown_where_there_are_any() -> None:
    assert on_clocks(NOON.replace(second=5), "UTC") == "2026-11-27 12:00:05+00:00 UTC"
    assert on_clocks(NOON.replace(microsecond=5), "UTC") == "2026-11-27 12:00+00:00 UTC"
