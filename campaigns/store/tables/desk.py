"""What the desk and its API remember: idempotency keys."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Integer, String, Table, Text, UniqueConstraint

from campaigns.store.tables.columns import Id, Instant, metadata

idempotency_key = Table(
    "idempotency_key",
    metadata,
    # Written in the transaction of the act that it belongs to; the answer follows in the last one of the same act.
    Column("id", Id, primary_key=True),
    Column("scope", Text, nullable=False),  # who sent it: the same key of another operator is another key
    Column("value", String(255), nullable=False),
    Column("request_sha256", String(64), nullable=False),  # method, path, and body
    Column("at", Instant, nullable=False, index=True),
    Column("status", Integer),  # NULL: the act has not ended, or its process died
    Column("answer", JSON(none_as_null=True)),
    UniqueConstraint("scope", "value"),
    CheckConstraint("answer IS NULL OR status IS NOT NULL", name="answer_has_status"),
)
