"""What befalls the database as a whole: it is put back to a copy, or its replica takes over, under living workers."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from redis.exceptions import RedisError

from tests.faults.acts import Acts
from tests.faults.broker_copy import BrokerCopy, empty
from tests.faults.databases import PostgresDatabase
from tests.faults.installation import Installation
from tests.faults.lost import Lost
from tests.faults.operators import Operators
from tests.faults.postgres_pair import PostgresPair, Promotion

MORE_BYTES = (5_000, 20_000)
"""So much longer the vendor's ledger has to be: a dozen sends or some fifty, for a database to forget."""

PATIENCE_SECONDS = 30.0
"""How long to wait for that: perhaps everything is held."""

LONGEST_SECONDS = 180.0


class Upheavals:
    """One at a time, each over many turns of the storm. `lost`: what the databases knew that are no more."""

    def __init__(
        self, site: Installation, pair: PostgresPair | None, acts: Acts, operators: Operators, chance: random.Random
    ) -> None:
        self._site = site
        self._pair = pair
        self._acts = acts
        self._operators = operators
        self._chance = chance
        self._promotions = itertools.cycle(chance.sample(list(Promotion), len(Promotion)))
        self._brokers = itertools.cycle(chance.sample(["kept", "emptied", "put back"], 3))
        self._under_way: Iterator[None] | None = None
        self._ends_by = 0.0
        self.lost = Lost()
        self.done: Counter[str] = Counter()

    @property
    def is_under_way(self) -> bool:
        """Whether one has begun and not ended."""
        return self._under_way is not None

    def begin(self, name: str) -> None:
        """Begin `restore` or `promotion`; the turns that follow do it."""
        self._under_way = self._restore() if name == "restore" else self._promote()
        self._ends_by = time.monotonic() + LONGEST_SECONDS

    def turn(self) -> None:
        """Go on with what is under way. Raises RuntimeError when that takes too long."""
        if self._pair is not None:
            self._pair.tend()
        if self._under_way is not None and time.monotonic() > self._ends_by:
            raise RuntimeError(f"the database could not be replaced within {LONGEST_SECONDS:.0f} s")
        if self._under_way is not None and next(self._under_way, self) is self:
            self._under_way = None

    def _restore(self) -> Iterator[None]:
        broker = next(self._brokers)
        copied = None
        if broker == "put back":
            with suppress(RedisError):  # it is away; then it will be emptied
                copied = BrokerCopy(self._site.broker_port)
        yield from self._copy()
        yield from self._until_more_was_sent()
        while not self._acts.hold_everybody():
            yield
        with suppress(RedisError):  # it is away, and comes back empty
            if copied is not None:
                copied.put_back(self._site.broker_port)
            elif broker != "kept":
                empty(self._site.broker_port)
        self.lost.add(self._site.database.put_back())
        self._acts.let_everybody_go()
        self._operators.unsettle()
        self._site.store.close()  # our own connections knew the other one
        self.done[f"database put back, Redis {broker}"] += 1

    def _copy(self) -> Iterator[None]:
        failed: list[Exception] = []

        def copy() -> None:
            try:
                self._site.database.copy()
            except Exception as fault:  # noqa: BLE001 - raised again by whoever waits for it
                failed.append(fault)

        copying = threading.Thread(target=copy, daemon=True)
        copying.start()
        while copying.is_alive():
            yield
        if failed:
            raise failed[0]

    def _promote(self) -> Iterator[None]:
        assert self._pair is not None
        assert isinstance(self._site.database, PostgresDatabase)
        how = next(self._promotions)
        while not self._pair.has_replica:
            yield
        if how is Promotion.BEHIND:
            self._pair.fall_behind()
            yield from self._until_more_was_sent()
        yield from self._until_somebody_sends()
        self.lost.add(self._pair.promote(how, self._site.database.name))
        if how is Promotion.BEHIND:
            self._operators.unsettle()
        self._site.store.close()  # our own connections lead to the old one
        self.done[how.value] += 1

    def _until_somebody_sends(self) -> Iterator[None]:
        """A failover while nobody is connected would prove little."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self._acts.busy_worker() is None and time.monotonic() < give_up_at:
            yield

    def _until_more_was_sent(self) -> Iterator[None]:
        enough = self._site.ledger.stat().st_size + self._chance.randint(*MORE_BYTES)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self._site.ledger.stat().st_size < enough and time.monotonic() < give_up_at:
            yield
