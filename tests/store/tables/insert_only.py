"""The tables whose rows are written once, and all others: a new table must be put into one of the two lists."""

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
    "ownership",
    "revision",
    "question",
    "answer",
    "seal",
    "unsend",
    "unsend_outcome",
)

MAY_CHANGE = (
    "account",
    "batch",
    "campaign",
    "heartbeat",
    "hold",
    "host",
    "idempotency_key",
    "lane",
    "operation",
    "operation_batch",
    "operation_target",
    "probe",
    "recall",
    "run",
    "suppression",
    "unsealed",
)
