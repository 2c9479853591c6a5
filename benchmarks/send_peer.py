"""The peer: Celery as most people write it, one task a batch, with the same durable writes.

An intent row is committed before the POST, an outcome row and the batch's state after it. One `httpx.Client` for each
process. There is no rate limiter here and no lease, fence, suppression or pause is looked at: that is left out of the
peer's bill.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from celery import Celery
from sqlalchemy import JSON, Engine, ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

REDIS_URL = os.environ.get("REDIS_URL", "").replace("unix://", "redis+socket://", 1)
DATABASE_URL = os.environ.get("DATABASE_URL", "")
VENDOR_URL = os.environ.get("CAMPAIGNS_UPSTREAM_URL", "")
TIMEOUT_SECONDS = 60.0
THREADS = 16

app = Celery("peer", broker=REDIS_URL, set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_default_queue="peer",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": "peer:"},
)


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's own way


class Campaign(Base):
    __tablename__ = "peer_campaign"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    text: Mapped[str]


class Batch(Base):
    __tablename__ = "peer_batch"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("peer_campaign.id"), index=True)
    state: Mapped[str] = mapped_column(default="ready")
    user_ids: Mapped[list[str]]
    message_id: Mapped[str | None]
    campaign: Mapped[Campaign] = relationship()


class Attempt(Base):
    __tablename__ = "peer_attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("peer_batch.id"), index=True)
    started_at: Mapped[datetime]
    batch: Mapped[Batch] = relationship()


class Outcome(Base):
    __tablename__ = "peer_outcome"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("peer_attempt.id"), unique=True)
    finished_at: Mapped[datetime]
    http_status: Mapped[int]
    message_id: Mapped[str | None]
    response: Mapped[dict[str, Any]]


def make_engine(url: str) -> Engine:
    """An engine as the documentation shows it, with the SQLite file settings that this project has."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=THREADS)
    engine = create_engine(url, pool_size=THREADS, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -32000"):
            connection.execute(f"PRAGMA {setting}")

    return engine


@cache
def sessions() -> sessionmaker[Session]:
    """Sessions on the engine below."""
    return sessionmaker(make_engine(DATABASE_URL))


@cache
def client() -> httpx.Client:
    """One client for the process, whose idle connections are kept.

    With the default of 5 s its pool now and then closes one that another thread was just given, and the task fails.
    """
    limits = httpx.Limits(keepalive_expiry=None)
    return httpx.Client(headers={"authorization": "Bearer benchmark"}, timeout=TIMEOUT_SECONDS, limits=limits)


@app.task(name="peer.send_batch")
def send_batch(batch_id: int) -> None:
    """Send one batch."""
    with sessions()() as session:
        batch = session.get_one(Batch, batch_id)
        if batch.state != "ready":
            return
        attempt = Attempt(batch=batch, started_at=datetime.now(UTC))
        batch.state = "sending"
        session.add(attempt)
        session.commit()
        url = f"{VENDOR_URL}/api/{batch.campaign.account_id}/mass-messaging"
        body = {"text": batch.campaign.text, "userIds": batch.user_ids}
        session.rollback()  # no transaction stays open during the call
        response = client().post(url, json=body)
        answer = response.json()
        message_id = str(answer["data"]["id"]) if response.is_success else None
        session.add(
            Outcome(
                attempt_id=attempt.id,
                finished_at=datetime.now(UTC),
                http_status=response.status_code,
                message_id=message_id,
                response=answer,
            )
        )
        batch.state = "accepted" if message_id else "rejected"
        batch.message_id = message_id
        session.commit()


def prepare(url: str, accounts: list[str], users: list[list[list[int]]]) -> list[list[int]]:
    """Write each account's campaign and its batches; answers their batch IDs."""
    engine = make_engine(url)
    Base.metadata.create_all(engine)
    made = []
    with Session(engine) as session:
        for account_id, batches in zip(accounts, users, strict=True):
            campaign = Campaign(account_id=account_id, text="Hello")
            rows = [Batch(campaign=campaign, user_ids=list(map(str, batch))) for batch in batches]
            session.add_all(rows)
            session.flush()
            made.append([row.id for row in rows])
        session.commit()
    engine.dispose()
    return made
