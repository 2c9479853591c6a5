"""Questions to the vendor and their answers. Written once."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from campaigns.domain.upstream.questions import Purpose, QuestionKind
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

question = Table(
    "question",
    metadata,
    Column("id", Id, primary_key=True),
    Column("permit_key", Text, nullable=False, unique=True),  # its key in the shared rate budget
    Column("upstream", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("account_id", ForeignKey("account.id")),  # NULL: the question is about the key
    Column("run_id", ForeignKey("run.id")),  # the run that its credits are charged to
    Column("batch_id", ForeignKey("batch.id")),
    Column("message_id", Text),
    Column("look", Integer),  # for which search for the batch, counted from 0
    Column("actor", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    one_of("kind", QuestionKind),
    one_of("purpose", Purpose),
    Index("question_by_time", "asked_at"),
    Index("question_of_account", "account_id", "asked_at"),
    Index(
        "question_of_run",
        "run_id",
        "asked_at",
        sqlite_where=text("run_id IS NOT NULL"),
        postgresql_where=text("run_id IS NOT NULL"),
    ),
)


answer = Table(
    "answer",
    metadata,
    Column("question_id", Id, ForeignKey("question.id"), primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("replied", Boolean, nullable=False),  # false: no reply came, so the vendor may still be counting it
    Column("error", Text),  # why the answer cannot be used
    Column("credits_used", Integer),
    Column("found", JSON(none_as_null=True)),  # what the vendor showed; NULL: nothing that can be used
)
