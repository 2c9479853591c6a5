"""The law as assertions: what must hold at every moment, whatever happened to the processes that send."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.store.proof import requests, verify
from campaigns.store.sending.batches import anything_is_looked_for
from tests.world import FakeGateway, World, accepted

PROVES_NOT_SENT = {OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.THROTTLED, OutcomeKind.HELD}
BOOKED = ("accepted", "saved", "rejected", "unknown", "cancelled", "waiting")
MAY_HAVE_BEEN_REACHED = {BatchState.ACCEPTED, BatchState.UNKNOWN, BatchState.SENDING}


@dataclass
class Vendor(FakeGateway):
    """The vendor of these tests; it keeps by itself which requests may have messaged somebody."""

    reached: list[frozenset[int]] = field(default_factory=list)

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        reason = may_start()
        if reason is not None:
            return Outcome(OutcomeKind.NOT_SENT, error=reason)
        answer = self.script.pop(0) if self.script else None
        if isinstance(answer, Outcome) and answer.kind is OutcomeKind.NOT_SENT:
            return answer
        request = json.loads(body)
        self.received.append(request)
        self.accounts_seen.append(account)
        users = frozenset(int(user) for user in request["userIds"])
        self.reached.append(users)  # from here on, whatever becomes of us
        outcome = answer() if callable(answer) else answer or accepted(f"{account}-{len(self.received)}")
        if outcome.kind in PROVES_NOT_SENT:
            self.reached.remove(users)
        return outcome

    def times_reached(self) -> Counter[int]:
        """By how many requests each user may have been messaged."""
        return Counter(user for users in self.reached for user in users)


def vendor_of(world: World) -> Vendor:
    assert isinstance(world.gateway, Vendor)
    return world.gateway


def hold_the_law(world: World, run_ids: Iterable[int]) -> None:
    """Laws 1 and 2 for the runs of one lineage of which nothing was decided by an operator."""
    run_ids = list(run_ids)
    twice = {user: count for user, count in _reached_of(world, run_ids).items() if count > 1}
    assert not twice, f"messaged more than once: {twice}"
    who_was_reached_shows_it(world, run_ids)
    for run_id in run_ids:
        nobody_lost(world, run_id)


def who_was_reached_shows_it(world: World, run_ids: Iterable[int]) -> None:
    """Each user whom a request may have messaged is accepted, unknown or in flight somewhere in the lineage."""
    run_ids = list(run_ids)
    shown = {user for run_id in run_ids for state, users in sets(world, run_id) if _shows(state) for user in users}
    hidden = set(_reached_of(world, run_ids)) - shown
    assert not hidden, f"{hidden} may have been messaged, and no batch says so"


def nobody_lost(world: World, run_id: int) -> None:
    """The books balance, each state is a legal one, and a run that has ended has nothing waiting."""
    run = world.run(run_id)
    states = {state for state, _ in sets(world, run_id)}
    assert run["planned"] == sum(run[part] for part in BOOKED), run
    assert run["state"] in set(RunState)
    assert states <= set(BatchState)
    assert run["state"] in RUN_OPEN or run["waiting"] == 0, f"{run['state']}, but {run['waiting']} wait"
    if run["state"] == RunState.CANCELLING and BatchState.SENDING not in states:
        with world.store.read() as connection:
            assert anything_is_looked_for(connection, run_id), "cancelling, but nothing is in flight or looked for"
    with world.store.read() as connection:
        assert verify.run_faults(connection, run_id) + requests.request_faults(connection, run_id) == []


def sets(world: World, run_id: int) -> list[tuple[str, set[int]]]:
    """State and users of each batch that counts."""
    statement = text("SELECT state, users FROM batch WHERE run_id = :run AND state <> 'split' ORDER BY seq")
    with world.store.read() as connection:
        rows: Any = connection.execute(statement, {"run": run_id})
        return [(row.state, set(unpack(bytes(row.users)))) for row in rows if row.users is not None]


def _shows(state: str) -> bool:
    return state in MAY_HAVE_BEEN_REACHED


def _reached_of(world: World, run_ids: list[int]) -> Counter[int]:
    ours = {user for run_id in run_ids for _, users in sets(world, run_id) for user in users}
    return Counter({user: count for user, count in vendor_of(world).times_reached().items() if user in ours})
