"""Tick: what a tick costs that finds nothing due, with 1,000 and with 100,000 schedules in the database.

The tick is the worker's own, called in this process: `all` is what it takes from its start to its end, `database` what
its statements and commits took of that, as the driver has it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, make_url, select, text

from benchmarks.measure import Figures, cpu_seconds, interleaved, medians, print_table, ratio
from benchmarks.send import postmaster
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.messages.message import make_message
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.campaigns import campaign, revision

UPSTREAM = "sandbox"
ACTOR = "benchmark"
FEW, MANY = 1_000, 100_000
ACCOUNTS = 1_000
AT_ONCE = 10_000
GOAL_MILLISECONDS = 5.0


def run(*, quick: bool) -> None:
    """Print the rounds and a table for each database."""
    from tests.servers import postgres_server

    with tempfile.TemporaryDirectory(prefix="campaigns-tick-") as folder:
        _compare("SQLite", lambda count: f"sqlite:///{folder}/{count}.db", quick=quick)
    with postgres_server() as server:
        _compare("PostgreSQL", lambda count: _new_database(server, f"schedules_{count}"), quick=quick)


def _compare(database: str, place: Callable[[int], str], *, quick: bool) -> None:
    rounds, ticks = (3, 50) if quick else (7, 200)
    with ExitStack() as stack:
        arms = {f"{count:,}": stack.enter_context(_filled(place(count), count)) for count in (MANY, FEW)}
        found = interleaved(
            {name: lambda filled=filled: filled.ticks(ticks) for name, filled in arms.items()},  # type: ignore[misc]
            rounds,
            f"tick, {database}",
        )
    many, few = found[f"{MANY:,}"], found[f"{FEW:,}"]
    rows = [
        (figure.replace("_", " "), f"{medians(many)[figure]:.2f}", f"{medians(few)[figure]:.2f}", ratio(*both))
        for figure in many
        for both in [(many[figure], few[figure])]
    ]
    print_table(
        f"tick that finds nothing due, {database}; ms, medians of {rounds} rounds of {ticks} ticks; "
        f"goal: database under {GOAL_MILLISECONDS:g} ms, and as much with few as with many",
        ("", f"{MANY:,} schedules", f"{FEW:,} schedules", "many / few"),
        rows,
    )


@dataclass
class _Filled:
    """A database with so many armed schedules, and a watch on what is asked of it."""

    store: Store
    spent: list[float]
    server: int | None  # the database's first process; SQLite's is this one

    def ticks(self, count: int) -> Figures:
        """Tick so many times."""
        whole, asked, used, served = [], [], time.thread_time(), self._served()
        for _ in range(count):
            self.spent.clear()
            began = time.perf_counter()
            woken = tick(self.store, upstream=UPSTREAM, settle_seconds=1, actor=ACTOR)
            whole.append((time.perf_counter() - began) * 1000)
            asked.append(sum(self.spent) * 1000)
            assert (woken.plans, woken.lanes) == ([], []), "something was due"
        return {
            "database_median": statistics.median(asked),
            "database_p99": statistics.quantiles(asked, n=100)[98],
            "all_median": statistics.median(whole),
            "all_p99": statistics.quantiles(whole, n=100)[98],
            "own_CPU": (time.thread_time() - used) / count * 1000,
            **({"server_CPU": (self._served() - served) / count * 1000} if self.server else {}),
        }

    def _served(self) -> float:
        return cpu_seconds(self.server) if self.server else 0.0


@contextmanager
def _filled(url: str, count: int) -> Iterator[_Filled]:
    upgrade(url)
    store = open_store(url)
    _fill(store, count)
    spent: list[float] = []
    for engine in {store.writer, store.reader}:
        _watch(engine, spent)
    for dialect in {store.writer.dialect, store.reader.dialect}:
        _watch_commits(dialect, spent)
    filled = _Filled(store, spent, None if url.startswith("sqlite") else postmaster(url))
    filled.ticks(20)  # connections are made, statements compiled, the fill is sealed
    yield filled
    store.close()


def _fill(store: Store, count: int) -> None:
    """One schedule as an operator makes it, and copies of its rows for everybody else, due within the year."""
    add_account(store, "acct_0", upstream=UPSTREAM, team=None, actor=ACTOR)
    timing = Timing(cron="0 18 * * FRI", zone="Europe/Berlin")
    draft = Draft("Friday", "acct_0", make_message({"text": "Hello"}), Reading(_one_user()), timing=timing)
    first = create_campaign(store, draft, actor=ACTOR).id
    launch(store, first, upstream=UPSTREAM, actor=ACTOR)
    with store.write() as connection:
        rows: list[dict[str, Any]] = [
            dict(connection.execute(select(table)).mappings().one()) for table in (account, lane, campaign, revision)
        ]
        own, queue, made, wording = rows
        names = [f"acct_{number}" for number in range(1, ACCOUNTS)]
        connection.execute(insert(account), [{**own, "id": name} for name in names])
        connection.execute(insert(lane), [{**queue, "account_id": name} for name in names])
        ids = range(first + 1, first + count)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            connection.execute(insert(campaign), [_copy(made, number) for number in some])
            connection.execute(insert(revision), [{**wording, "campaign_id": number} for number in some])
    with store.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # as PostgreSQL does by itself within a minute


def _copy(made: dict[str, Any], number: int) -> dict[str, Any]:
    later = made["due_at"] + timedelta(minutes=number * 37 % 525_600)
    return {**made, "id": number, "account_id": f"acct_{number % ACCOUNTS}", "due_at": later}


def _one_user() -> Any:
    from pyroaring import BitMap64

    return BitMap64([1])


def _watch(engine: Engine, spent: list[float]) -> None:
    """Note how long each statement takes; what begins and ends a transaction on PostgreSQL is not one."""

    def before(connection: Any, *_: Any) -> None:
        connection.info["began"] = time.perf_counter()

    def after(connection: Any, *_: Any) -> None:
        spent.append(time.perf_counter() - connection.info["began"])

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)


def _watch_commits(dialect: Any, spent: list[float]) -> None:
    commit = dialect.do_commit

    def timed(connection: Any) -> None:
        began = time.perf_counter()
        commit(connection)
        spent.append(time.perf_counter() - began)

    dialect.do_commit = timed


def _new_database(server: str, name: str) -> str:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = on"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
