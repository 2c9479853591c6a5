"""Imports that take longer than a request may: each runs in a thread, and the page of imports shows how it ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.domain.errors import CampaignsError, NotAllowed
from campaigns.flow.audience.suppress import Suppressed
from campaigns.store.database.engine import Store

log = logging.getLogger(__name__)

MOST_RUNNING = 2
"""Imports of all operators at once; each holds the locks of the accounts concerned while it writes."""


@dataclass(frozen=True, slots=True)
class RunningImport:
    """The import of a large file, which runs or has ended."""

    name: str  # of the file
    users: int
    began_at: datetime
    ended_at: datetime | None = None
    suppressed: Suppressed | None = None
    fault: str | None = None


class RunningImports:
    """The last large import of each operator in this process.

    Each is one transaction: when its process dies in the middle, nothing is suppressed, and it can be imported again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, RunningImport] = {}

    def of(self, operator: str) -> RunningImport | None:
        """The last large import of an operator; None: there was none since the start."""
        return self._last.get(operator)

    def start(
        self, store: Store, operator: str, name: str, users: int, work: Callable[[], Suppressed]
    ) -> RunningImport:
        """Do the work in a thread. Raises NotAllowed while the operator, or too many others, have one running."""
        with store.read() as connection:
            began = RunningImport(name, users, store.now(connection))
        with self._lock:
            running = {who for who, each in self._last.items() if each.ended_at is None}
            if operator in running or len(running) >= MOST_RUNNING:
                whose = "of yours" if operator in running else "of somebody else"
                raise NotAllowed(f"An import {whose} runs still. Import this file when it has ended.")
            self._last[operator] = began
        threading.Thread(target=self._run, args=(store, operator, began, work), name="import", daemon=True).start()
        return began

    def _run(self, store: Store, operator: str, began: RunningImport, work: Callable[[], Suppressed]) -> None:
        suppressed, fault, now = None, None, began.began_at
        try:
            suppressed = work()
            with store.read() as connection:
                now = store.now(connection)
        except CampaignsError as refusal:
            fault = str(refusal)
        except Exception:
            log.exception("An import failed")
            fault = "It failed by a fault of campaigns; the log of the desk has the details."
        self._last[operator] = replace(began, ended_at=now, suppressed=suppressed, fault=fault)
