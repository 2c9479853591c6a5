"""Databases that cannot hold every text: a new one is refused, and one that stands loses no answer."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import inspect

from campaigns.checks.server import server_checks
from campaigns.domain.errors import NotAllowed
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.database import migrations, server_facts
from campaigns.store.database.engine import open_store
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.views.batches import attempts
from tests.clock import DrivenClock
from tests.conftest import _database
from tests.world import ANNA, World

_numbers = itertools.count(1)

BAD_WORD = Outcome(
    OutcomeKind.REJECTED, error="No \N{CROSS MARK} caf\xe9", http_status=422, response='{"why": "\N{GRINNING FACE}"}'
)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_new_database_that_cannot_hold_every_text_is_refused(postgres_url: str, encoding: str) -> None:
    with _kept_in(postgres_url, encoding) as url:
        with pytest.raises(NotAllowed, match=f"keeps texts in {encoding}.*ENCODING 'UTF8' TEMPLATE template0"):
            migrations.upgrade(url)

        with closing(open_store(url)) as store:
            assert inspect(store.reader).get_table_names() == []


@pytest.mark.parametrize(
    ("encoding", "error"), [("LATIN1", "No \\u274c caf\xe9"), ("SQL_ASCII", "No \\u274c caf\\xe9")]
)
def test_an_answer_with_an_emoji_is_recorded_in_one_that_stands(
    postgres_url: str, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch, encoding: str, error: str
) -> None:
    monkeypatch.setattr(server_facts, "refuse_encoding", lambda _: None)
    with _kept_in(postgres_url, encoding) as url:
        migrations.upgrade(url)
        with closing(open_store(url, clock=clock)) as store:
            world = World(store, clock)
            run_id = world.launched([1, 2, 3])
            world.gateway.script = [BAD_WORD]

            world.serve()
            pause = world.launch(world.campaign([4]))
            pause_run(store, pause, reason="\N{GRINNING FACE}", actor=ANNA)

            with store.read() as connection:
                first = attempts(connection, run_id)[0]
            assert world.states(run_id) == ["rejected", "accepted"]
            assert (first.outcome, first.error) == ("rejected", error)
            assert world.run(pause)["holds"][0]["reason"] == "\\U0001f600"
            assert [(check.part, check.state) for check in server_checks(store)][-1] == ("encoding", "fault")
            world.prove()


def test_in_a_database_that_holds_everything_nothing_is_changed(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [BAD_WORD]

    world.serve()

    assert world.attempts(run_id)[0]["error"] == BAD_WORD.error
    assert not [check for check in server_checks(world.store) if check.part == "encoding"]


@contextmanager
def _kept_in(server_url: str, encoding: str) -> Iterator[str]:
    how = f"ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    with _database(server_url, f"campaigns_{encoding.lower()}_{os.getpid()}_{next(_numbers)}", how=how) as url:
        yield url
