"""The tables whose rows are written once."""

from __future__ import annotations

INSERT_ONLY = (
    "attempt",
    "attempt_outcome",
    "audience_version",
    "event",
    "evidence",
    "exclusion",
    "incarnation",
    "message",
    "probe_result",
    "revision",
    "question",
    "answer",
)
