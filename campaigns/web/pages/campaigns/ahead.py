"""Runs to come, each with what the clocks do on its day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.clocks import clock_change, zone_of


@dataclass(frozen=True, slots=True)
class RunAhead:
    """A run to come."""

    at: datetime
    weekday: str
    clocks: str | None  # what they do on that day, in words


def runs_ahead(moments: Iterable[datetime], zone: str | None) -> list[RunAhead]:
    """The runs on the clocks of a zone; without one, on those of UTC."""
    name = zone or "UTC"
    return [_ahead(moment, name) for moment in moments]


def _ahead(moment: datetime, zone: str) -> RunAhead:
    local = moment.astimezone(zone_of(zone))
    return RunAhead(moment, f"{local:%A}", clock_change(zone, local.date()))
