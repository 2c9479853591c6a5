"""The tables whose rows are written once."""

from __future__ import annotations

INSERT_ONLY = (
    "attempt",
    "attempt_outcome",
    "audience_version",
    "event",
    "evidence",
    "exclusion",
    "message",
    "ownership",
    "revision",
)
