"""The peer of `benchmarks.due`: a Celery task that is given the time at which it is to run, and posts.

Nothing is kept but the message in Redis and the task in the worker's memory; who is told nothing can show nothing.
"""

from __future__ import annotations

import os
from functools import cache

import httpx
from celery import Celery

app = Celery(
    "peer", broker=os.environ.get("REDIS_URL", "").replace("unix://", "redis+socket://", 1), set_as_current=False
)
app.conf.update(
    task_ignore_result=True,
    task_default_queue="peer",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": "peer:"},
)


@cache
def client() -> httpx.Client:
    """One client for the process."""
    return httpx.Client(base_url=os.environ["CAMPAIGNS_UPSTREAM_URL"], headers={"authorization": "Bearer benchmark"})


@app.task(name="peer.post")
def post(text: str, user: int) -> None:
    """Send one message."""
    body = {"text": text, "userIds": [str(user)]}
    client().post("/api/acct_peer/mass-messaging", json=body).raise_for_status()
