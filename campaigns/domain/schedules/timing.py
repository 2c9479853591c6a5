"""When and how a campaign is sent: its schedule, and the rules for runs that are late or meet each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from campaigns.domain.messages.contents import Rotate

Misfire = Literal["skip", "once", "all"]
Overlap = Literal["skip", "queue", "cancel", "unsend"]

LATE_SECONDS = 60.0
"""How late an occurrence may be found under `skip` when the campaign names no grace time."""

GRACE_SECONDS = 3600.0
"""How late one may be sent under `once` and `all` when the campaign names no grace time."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a revision. Durations are seconds; a field with its default value has no effect.

    `cron` and `every` exclude each other; a campaign with neither starts by hand, or once at the revision's time.
    """

    cron: str | None = None  # five fields
    every: str | None = None  # "2 weeks"
    starting: datetime | None = None  # of `every`: its first local time, without an offset
    zone: str | None = None
    begins: datetime | None = None  # no occurrence before
    until: datetime | None = None  # no occurrence after
    max_runs: int | None = None
    jitter_seconds: float = 0.0
    misfire: Misfire = "once"
    grace_seconds: float | None = None
    overlap: Overlap = "skip"
    hours: str | None = None  # "09:00-22:00", local to `zone`
    over_seconds: float = 0.0
    expires_seconds: float | None = None
    handoff: bool = False
    rotate: Rotate = "turn"

    @property
    def recurs(self) -> bool:
        """Whether it may have more than one occurrence."""
        return self.cron is not None or self.every is not None

    @property
    def grace(self) -> float:
        """How late an occurrence may be found and still be sent. Seconds."""
        if self.grace_seconds is not None:
            return self.grace_seconds
        return LATE_SECONDS if self.misfire == "skip" else GRACE_SECONDS


def expires_at(timing: Timing, at: datetime) -> datetime | None:
    """When a run expires and the batches that were not sent are cancelled; None: never.

    `at` is the time of the occurrence, however late it is opened; of a launch by hand or a rerun, the time of opening.
    """
    return None if timing.expires_seconds is None else at + timedelta(seconds=timing.expires_seconds)


def timing_to_json(timing: Timing) -> dict[str, Any]:
    """What a revision stores: the fields that differ from their defaults."""
    changed = {name: value for name, value in asdict(timing).items() if value != getattr(Timing(), name)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changed.items()}


def timing_from_json(stored: Mapping[str, Any] | None) -> Timing:
    """The timing that a revision stores; fields that this release does not know are left out."""
    known = {field.name for field in fields(Timing)}
    values = {name: value for name, value in (stored or {}).items() if name in known}
    for name in ("starting", "begins", "until"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return Timing(**values)
