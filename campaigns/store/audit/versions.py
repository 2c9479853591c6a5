"""The columns that a seal covers, by the version of the seal.

A seal is checked by its own version for ever, so a version never changes after its release. A new column of one of
these tables belongs to the newest version that is not released yet; a test checks that.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSION = 2
"""The version of the seals that this release makes."""

VERSION_1: Mapping[str, tuple[str, ...]] = {
    "event": ("id", "at", "actor", "kind", "account_id", "campaign_id", "run_id", "batch_seq", "reason", "detail"),
    "attempt": (
        "batch_id",
        "number",
        "previous",
        "account_id",
        "fence",
        "request_sha256",
        "request_bytes",
        "recipients",
        "worker",
        "started_at",
        "deadline_at",
    ),
    "attempt_outcome": (
        "batch_id",
        "number",
        "kind",
        "finished_at",
        "http_status",
        "upstream_status",
        "message_id",
        "error",
        "retry_at",
        "credits_used",
        "credits_balance",
        "limit_minute",
        "remaining_minute",
        "report",
        "response",
    ),
    "evidence": ("id", "batch_id", "number", "kind", "at", "actor", "reason", "message_id", "detail"),
}

SINCE_VERSION_2: Mapping[str, tuple[str, ...]] = {
    "event": (),
    "attempt": ("form", "mark"),
    "attempt_outcome": (),
    "evidence": (),
    "recall": (
        "id",
        "run_id",
        "for_run_id",
        "account_id",
        "actor",
        "reason",
        "requested_at",
        "available_at",
        "waits_for",
        "failures",
        "finished_at",
        "batches",
        "unsent",
        "failed",
        "unknown",
    ),
    "unsend": (
        "recall_id",
        "batch_id",
        "number",
        "account_id",
        "message_id",
        "fence",
        "worker",
        "started_at",
        "deadline_at",
    ),
    "unsend_outcome": (
        "recall_id",
        "batch_id",
        "number",
        "kind",
        "by_look",
        "finished_at",
        "http_status",
        "upstream_status",
        "error",
        "credits_used",
        "credits_balance",
        "limit_minute",
        "remaining_minute",
        "response",
    ),
}
"""What version 2 covers beside version 1."""

COLUMNS: dict[int, Mapping[str, tuple[str, ...]]] = {
    1: VERSION_1,
    2: {table: (*VERSION_1.get(table, ()), *columns) for table, columns in SINCE_VERSION_2.items()},
}


def sealed_columns(table: str, version: int) -> tuple[str, ...]:
    """The columns of a table that a seal of that version covers; none for a table that it does not cover."""
    return COLUMNS[version].get(table, ())
