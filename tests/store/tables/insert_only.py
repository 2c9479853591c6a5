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
    "access_rule",
    "account",
    "api_token",
    "batch",
    "campaign",
    "desk_operator",
    "desk_session",
    "heartbeat",
    "hold",
    "host",
    "idempotency_key",
    "lane",
    "login_failure",
    "login_link",
    "operation",
    "operation_batch",
    "operation_target",
    "probe",
    "recall",
    "run",
    "suppression",
    "unsealed",
)
