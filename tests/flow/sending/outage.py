"""A database that goes away with an answer of the vendor, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from campaigns.domain.errors import DatabaseAway
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.flow.sending.spool_outcome import write_kept
from campaigns.ports import Replayed
from campaigns.store.database.engine import Store
from tests.world import ACCOUNT, LIMITS, World


@dataclass
class ShakyStore:
    """A store that a test takes away and brings back."""

    real: Store
    away: bool = False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self._ask()
        with self.real.write() as connection:
            yield connection
            self._ask()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._ask()
        with self.real.read() as connection:
            yield connection

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)

    def _ask(self) -> None:
        if self.away:
            raise DatabaseAway("The database is away.")


class Surprise(Exception):
    """Nobody foresaw it."""


@dataclass
class FailingStore:
    """A store that breaks every transaction at its end, as long as a test says so."""

    real: Store
    fails: bool = False

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.real.write() as connection:
            yield connection
            if self.fails:
                raise Surprise

    def read(self) -> Any:
        return self.real.read()

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)


@dataclass
class Outage:
    """A world whose database goes away with the vendor's next answer."""

    world: World
    store: ShakyStore
    sender: LaneContext

    def with_answer(self, outcome: Outcome) -> None:
        """Serve until the answer, which the database then refuses to take."""

        def answer() -> Outcome:
            self.store.away = True
            return outcome

        self.world.gateway.script.append(answer)
        with pytest.raises(DatabaseAway):
            serve_lane(self.sender, ACCOUNT, lambda: True)

    def ends(self) -> Replayed:
        self.store.away = False
        return write_kept(cast("Store", self.store), self.sender.spool, LIMITS, actor="worker:one")
