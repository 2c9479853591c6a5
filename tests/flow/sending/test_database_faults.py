"""A database that fails in any way while an answer of the vendor is recorded: the answer is kept, and used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from campaigns.adapters.disk.spool import FileSpool
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.lanes.serve import give_back_stranded, serve_lane
from campaigns.flow.sending.spool_outcome import write_kept
from campaigns.store.database.engine import Store
from tests.flow.sending.outage import FailingStore, Surprise
from tests.one_database import on_both
from tests.world import ACCOUNT, LIMITS, World, accepted


@on_both
def test_an_answer_is_kept_whatever_stops_its_record(world: World, tmp_path: Path) -> None:
    run_id = world.launched([1, 2])
    store, spool = FailingStore(world.store), FileSpool(tmp_path / "home")
    sender = replace(world.sender(), store=cast("Store", store), spool=spool)
    world.gateway.script = [_while_answering(accepted("777"), lambda: setattr(store, "fails", True))]

    with pytest.raises(Surprise):
        serve_lane(sender, ACCOUNT, lambda: True)
    store.fails = False

    assert spool.content().waiting == 1
    assert write_kept(world.store, spool, LIMITS, actor="worker:one").written == 1
    assert [(one["state"], one["message_id"]) for one in world.batches(run_id)] == [("accepted", "777")]
    give_back_stranded(sender)
    again = world.launch(world.campaign([3]))
    world.serve()
    assert world.run(again)["state"] == "finished", "the lane did not wait for its lease to end"
    assert world.requests_by_user() == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_primary_that_is_demoted_under_open_sockets_loses_no_answer(world: World, tmp_path: Path) -> None:
    """Its sockets stay open and it refuses every write (25006); a new connection leads to the new primary."""
    run_id = world.launched([1, 2, 3])
    sender = replace(world.sender(), spool=FileSpool(tmp_path / "home"))
    world.gateway.script = [_while_answering(accepted("777"), lambda: _demote(world.store))]

    serve_lane(sender, ACCOUNT, lambda: True)

    assert world.batches(run_id)[0]["message_id"] == "777"
    assert world.run(run_id)["state"] == "finished"
    assert world.requests_by_user() == {1: 1, 2: 1, 3: 1}
    assert sender.spool.replay(lambda _: None).written == 1, "it was kept before it was tried again"
    assert _read_only(world.store) == [], "no connection to the old primary went back to the pool"


def _while_answering(outcome: Outcome, act: Callable[[], object]) -> Callable[[], Outcome]:
    def answer() -> Outcome:
        act()
        return outcome

    return answer


def _demote(store: Store) -> None:
    """What a standby says to whoever is connected: every transaction is read only."""
    with ExitStack() as held:
        for _ in range(3):
            connection = held.enter_context(store.writer.connect())
            connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.commit()


def _read_only(store: Store) -> list[str]:
    with ExitStack() as held:
        found = [held.enter_context(store.reader.connect()) for _ in range(3)]
        says = [str(each.exec_driver_sql("SHOW default_transaction_read_only").scalar_one()) for each in found]
    return [each for each in says if each != "off"]
