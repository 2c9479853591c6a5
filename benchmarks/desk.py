"""Desk: what a page costs over a run of 100,000 batches and 10,000,000 recipients, in server time.

The real application in a real server of this process. `median` and `worst` are the times of a reply, `CPU` is what this
process used for it, the client and SQLite included.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pyroaring import BitMap64
from sqlalchemy import delete, insert, text, update

from benchmarks.measure import Figures, interleaved, medians, print_table
from campaigns.domain.audience.user_sets import Reading, pack
from campaigns.domain.messages.message import make_message
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.tables.attempts import attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import user_columns
from campaigns.store.tables.runs import run as run_table
from tests.web.served import served

UPSTREAM, ACTOR, ACCOUNT = "sandbox", "operator:benchmark", "acct_one"
BATCHES, SENT, SIZE = 100_000, 60_000, 100
AT_ONCE = 5_000
GOAL_MILLISECONDS = 100.0
RATE = timedelta(seconds=0.6)
"""Between two requests."""

PAGES = {
    "run": "/runs/1",
    "needs you": "/",
    "tonight": "/tonight",
    "runs": "/runs",
    "batches": "/runs/1/batches",
    "batches rejected": "/runs/1/batches?state=rejected",
    "batch": "/runs/1/batches/77",
    "attempts": "/runs/1/attempts",
    "decide": "/runs/1/decide?verdict=not-sent",
}


def run(*, quick: bool) -> None:
    """Print the rounds and a table for each database."""
    from tests.servers import postgres_server

    with tempfile.TemporaryDirectory(prefix="campaigns-desk-") as folder:
        _measure("SQLite", f"sqlite:///{folder}/desk.db", quick=quick)
    with postgres_server() as server:
        _measure("PostgreSQL", server, quick=quick)


def _measure(database: str, url: str, *, quick: bool) -> None:
    upgrade(url)
    store = open_store(url)
    fill(store)
    times = 5 if quick else 20
    with served(store) as client:
        arms: dict[str, Callable[[], Figures]] = {
            name: lambda address=address: _ask(client, address, times)  # type: ignore[misc]
            for name, address in PAGES.items()
        }
        found = interleaved(arms, 3, f"desk, {database}")
    store.close()
    rows = [(name, *(f"{value:.1f}" for value in medians(figures).values())) for name, figures in found.items()]
    print_table(
        f"pages over a run of {BATCHES:,} batches and {BATCHES * SIZE:,} recipients, {database}; ms, medians of 3 "
        f"rounds of {times}; goal: under {GOAL_MILLISECONDS:g} ms on a quiet machine",
        ("page", "median", "worst", "CPU"),
        rows,
    )


def _ask(client: httpx.Client, address: str, times: int) -> Figures:
    took, used = [], time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        assert client.get(address).status_code == 200, address
        took.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - used) / times * 1000
    return {"median": statistics.median(took), "worst": max(took), "CPU": cpu}


def fill(store: Store) -> None:
    """One run in the middle of its sending: of each 100 requests two were rejected, and one is unknown."""
    add_account(store, ACCOUNT, upstream=UPSTREAM, team=UPSTREAM, actor=ACTOR)
    draft = Draft(
        name="Friday",
        account_id=ACCOUNT,
        message=make_message({"text": "Hello"}),
        audience=Reading(users=BitMap64([1])),
        batch_size=SIZE,
    )
    campaign_id = create_campaign(store, draft, actor=ACTOR).id
    run_id = launch(store, campaign_id, upstream=UPSTREAM, actor=ACTOR).run_id
    now = datetime.now(UTC)
    with store.write() as connection:
        connection.execute(delete(batch).where(batch.c.run_id == run_id))
        for first in range(0, BATCHES, AT_ONCE):
            rows = [_batch(number, run_id, now) for number in range(first, first + AT_ONCE)]
            connection.execute(insert(batch), rows)
        for first in range(0, SENT, AT_ONCE):
            numbers = range(first, first + AT_ONCE)
            connection.execute(insert(attempt), [_attempt(number, now) for number in numbers])
            connection.execute(insert(attempt_outcome), [_outcome(number, now) for number in numbers])
        changed = {"state": "sending", "planned": BATCHES * SIZE, "batch_count": BATCHES, "served_at": now}
        connection.execute(update(run_table).where(run_table.c.id == run_id).values(**changed))
    with store.write() as connection:
        connection.execute(text("ANALYZE"))


def _state(number: int) -> str:
    if number >= SENT:
        return "ready"
    return "rejected" if number % 50 == 7 else "unknown" if number % 100 == 9 else "accepted"


def _batch(number: int, run_id: int | None, now: datetime) -> dict[str, Any]:
    state, first = _state(number), 1000 + number * SIZE * 3
    return {
        "id": number + 10,
        "run_id": run_id,
        "account_id": ACCOUNT,
        "seq": number + 1,
        "state": state,
        "available_at": now - timedelta(days=1),
        "updated_at": now,
        "attempts": int(number < SENT),
        "message_id": f"m{number}" if state == "accepted" else None,
        "error": "refused" if state == "rejected" else None,
        **user_columns(pack(BitMap64(range(first, first + SIZE * 3, 3)))),
    }


def _attempt(number: int, now: datetime) -> dict[str, Any]:
    return {
        "batch_id": number + 10,
        "number": 1,
        "account_id": ACCOUNT,
        "fence": number + 10,
        "request_sha256": "0" * 64,
        "request_bytes": 1000,
        "recipients": SIZE,
        "worker": "benchmark",
        "started_at": now - (SENT - number) * RATE,
        "deadline_at": now + timedelta(minutes=1),
    }


def _outcome(number: int, now: datetime) -> dict[str, Any]:
    state = _state(number)
    return {
        "batch_id": number + 10,
        "number": 1,
        "kind": state,
        "finished_at": now - (SENT - number) * RATE + timedelta(seconds=0.3),
        "http_status": 200,
        "message_id": f"m{number}" if state == "accepted" else None,
        "credits_used": 1,
        "response": '{"data": {"id": 1234567, "isDone": false}}',
        "report": {"data": {"id": number, "text": "x" * 200}},
    }
