"""The database itself refuses impossible rows: what the code forgets, the tables do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, Table, insert, select, text
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import NotAllowed
from campaigns.domain.probe.reading import TEXT, Shown, read_shown
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.probe.ask import ask_probe
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.sending.known_team import KnownTeam
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store, open_store
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.probe.results import add_result
from campaigns.store.reconcile.ownership import give_back
from campaigns.store.tables.columns import metadata
from tests.clock import START, DrivenClock
from tests.invariants import Vendor
from tests.one_database import AGAIN_ON_POSTGRESQL, one_database
from tests.world import ACCOUNT, ANNA, UNKNOWN, UPSTREAM, World

LATER = START + timedelta(hours=1)


@pytest.fixture(scope="module", params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Filled once, and changed by none of these."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Store]:
    """Run r1: batches 1 accepted, 2 cancelled by decision, 3 in flight, 4 ready, and a user left out."""
    clock = DrivenClock()
    store = open_store(database_url, clock=clock)
    world = World(store, clock, gateway=Vendor())
    world.account("acct_two")
    world.account()
    suppress(store, BitMap64([99]), account_id=None, reason="asked to stop", actor=ANNA)
    run_id = world.launch(world.campaign([1, 2, 3, 4, 5, 6, 7, 99]))
    world.gateway.script = [lambda: UNKNOWN]
    world.serve(turns=1)
    decide(store, run_id, seqs=[1], verdict="not-sent", reason="not in the list", actor=ANNA)
    world.serve(turns=1)
    world.gateway.script = [_die]
    with pytest.raises(_Killed):
        world.serve(turns=1)
    assert world.states(run_id) == ["cancelled", "accepted", "sending", "ready"]
    probed(store)
    with store.write() as connection:
        give_back(connection, ACCOUNT, str(world.batches(run_id)[1]["message_id"]), now=clock.now)
    KnownTeam(world.sender(), chance=lambda: 0.0)()
    with store.write() as connection:
        act = Act(connection, clock.now, ANNA)
        place_hold(act, Held(account_id="acct_two"), HoldKind.KEY, reason="the vendor refuses the key")
        recall = {"run_id": run_id, "account_id": ACCOUNT, "requested_at": clock.now, "available_at": clock.now}
        host = {"id": "1", "name": "one", "first_seen_at": clock.now, "last_seen_at": clock.now}
        connection.execute(insert(metadata.tables["host"]).values(host))
        connection.execute(insert(metadata.tables["recall"]).values(recall | {"actor": ANNA, "reason": "wrong price"}))
    yield store
    store.close()


def probed(store: Store) -> None:
    """A probe of the other account that has been read."""
    probe = ask_probe(store, "acct_two", 8, upstream=UPSTREAM, actor=ANNA)
    shown = Shown([], ItemContent("9", TEXT, True, 0, LATER), [], 1.0, None)
    reading = read_shown(shown, message_id="9", scheduled_for=probe.scheduled_for, mark=None, priced=False)
    with store.write() as connection:
        add_result(connection, probe.probe_id, "acct_two", reading, echo={}, now=START)


class _Killed(BaseException):
    """The process is gone."""


def _die() -> Any:
    raise _Killed


def _changed(table: str, where: str, /, **columns: Any) -> Callable[[Connection], object]:
    """An update of a row that was legal."""
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    return lambda connection: connection.execute(text(f"UPDATE {table} SET {changes} WHERE {where}"), columns)


def _copied(name: str, where: str = "1 = 1", /, **columns: Any) -> Callable[[Connection], object]:
    """Another row like a legal one, but for these columns."""
    table: Table = metadata.tables[name]

    def copy(connection: Connection) -> object:
        row = connection.execute(select(table).where(text(where)).limit(1)).mappings().one()
        numbered = {column.name for column in table.primary_key if column is table.autoincrement_column}
        return connection.execute(
            insert(table).values({key: value for key, value in row.items() if key not in numbered} | columns)
        )

    return copy


IMPOSSIBLE: dict[str, Callable[[Connection], object]] = {
    "a campaign of an unknown kind": _changed("campaign", "1 = 1", kind="test"),
    "an ended probe without its end": _changed("probe", "1 = 1", finished_at=LATER),
    "a probe that ended nohow": _changed("probe", "1 = 1", finished_at=LATER, ended="lost"),
    "a second open probe of one account": _copied("probe", run_id=1),
    "a second probe of one run": _copied("probe", finished_at=LATER, ended="gone"),
    "a result that is not of a scheduled message": _copied("probe_result", basis="sent"),
    "a lane owned without a lease": _changed("lane", f"account_id = '{ACCOUNT}'", lease_until=None),
    "a lane with a lease and no owner": _changed("lane", f"account_id = '{ACCOUNT}'", owner=None),
    "a fence below zero": _changed("lane", "1 = 1", fence=-1),
    "a campaign in an unknown state": _changed("campaign", "1 = 1", state="sent"),
    "a scheduled campaign without a time": _changed("campaign", "1 = 1", state="scheduled"),
    "a launched campaign with a time": _changed("campaign", "1 = 1", due_at=LATER),
    "a run in an unknown state": _changed("run", "1 = 1", state="paused"),
    "a run of an unknown kind": _changed("run", "1 = 1", kind="again"),
    "a scheduled run without its occurrence": _changed("run", "1 = 1", kind="schedule", launch=None),
    "a launch without its number": _changed("run", "1 = 1", launch=None),
    "a launch with an occurrence": _changed("run", "1 = 1", scheduled_for=LATER),
    "a rerun without a parent": _changed("run", "1 = 1", kind="rerun", launch=None),
    "a rerun without a lineage": _changed("run", "1 = 1", kind="rerun", launch=None, parent_run_id=1),
    "a launch with a lineage": _changed("run", "1 = 1", root_run_id=1),
    "an ended run without its end": _changed("run", "1 = 1", state="finished"),
    "an open run with an end": _changed("run", "1 = 1", finished_at=LATER),
    "a plan below zero": _changed("run", "1 = 1", planned=-1),
    "a second run of one launch": _copied("run"),
    "a second run of one occurrence": lambda connection: [
        _copied("run", kind="schedule", launch=None, scheduled_for=LATER)(connection) for _ in range(2)
    ],
    "a run of a revision that is not there": _changed("run", "1 = 1", revision=7),
    "a batch in an unknown state": _changed("batch", "seq = 4", state="sent"),
    "a batch in flight without a lease": _changed("batch", "seq = 3", lease_until=None),
    "a waiting batch with a lease": _changed("batch", "seq = 4", lease_until=LATER),
    "a second request in flight of one account": _changed("batch", "seq = 4", state="sending", lease_until=LATER),
    "a message ID on a batch that was not accepted": _changed("batch", "seq = 4", message_id="m1"),
    "a second batch of one number": _copied("batch", "seq = 4"),
    "a batch number of zero": _changed("batch", "seq = 4", seq=0),
    "attempts below zero": _changed("batch", "seq = 4", attempts=-1),
    "an empty batch": _changed("batch", "seq = 4", size=0),
    "a size that its range cannot hold": _changed("batch", "seq = 2", size=5),
    "a range that ends before it begins": _changed("batch", "seq = 2", first_user=5),
    "a user of zero": _changed("batch", "seq = 2", first_user=0),
    "a range without users": _changed("batch", "seq = 4", users=None),
    "users without a range": _changed("batch", "seq = 4", first_user=None, last_user=None),
    "users without their digest": _changed("batch", "seq = 4", users_sha256=None),
    "a whole list of more than one unit": _changed(
        "batch", "seq = 4", users=None, users_sha256=None, first_user=None, last_user=None, size=2
    ),
    "a batch of no run": _copied("batch", "seq = 4", seq=9, run_id=77),
    "an exclusion whose range is too small": _copied("exclusion", reason="other", size=2),
    "a suppressed user of zero": _copied("suppression", user_id=0),
    "a user suppressed twice on one list": _copied("suppression"),
    "a revision with batches of nobody": _copied("revision", number=2, batch_size=0),
    "an unknown answer to unknowns": _copied("revision", number=2, on_unknown="retry"),
    "a revision written twice": _copied("revision"),
    "a second attempt before the outcome of the first": lambda connection: [
        _copied("attempt", "batch_id = 3", number=2, previous=1, fence=900)(connection)
    ],
    "an attempt that skips a number": _copied("attempt", "batch_id = 2", number=3, previous=1, fence=900),
    "a second attempt that follows none": _copied("attempt", "batch_id = 2", number=2, fence=900),
    "a first attempt that follows one": _copied("attempt", "batch_id = 2", batch_id=4, previous=1, fence=900),
    "an attempt number of zero": _copied("attempt", "batch_id = 2", batch_id=4, number=0, fence=900),
    "an attempt written twice": _copied("attempt", "batch_id = 2", fence=900),
    "two attempts of one mark": lambda connection: [
        _copied("attempt", "batch_id = 2", batch_id=batch_id, fence=900 + batch_id, mark="00112233445566ff")(connection)
        for batch_id in (4, 5)
    ],
    "two attempts of one fence": _copied("attempt", "batch_id = 2", batch_id=4),
    "an attempt that ends before it starts": _copied(
        "attempt", "batch_id = 2", batch_id=4, fence=900, deadline_at=START - timedelta(1)
    ),
    "an attempt for nobody": _copied("attempt", "batch_id = 2", batch_id=4, fence=900, recipients=0),
    "a second outcome of one attempt": _copied("attempt_outcome", "batch_id = 2"),
    "an outcome of no attempt": _copied("attempt_outcome", "batch_id = 2", number=2),
    "an outcome of an unknown kind": _copied("attempt_outcome", "batch_id = 2", batch_id=3, kind="delivered"),
    "an acceptance without a message ID": _copied("attempt_outcome", "batch_id = 2", batch_id=3, message_id=None),
    "a refusal with a message ID": _copied("attempt_outcome", "batch_id = 2", batch_id=3, kind="rejected"),
    "evidence of an unknown kind": _copied("evidence", kind="guess"),
    "a message ID owned twice on one account": _copied("message", batch_id=4),
    "a second answer to one question": _copied("answer"),
    "an answer to no question": _copied("answer", question_id=77),
    "two questions with one permit": _copied("question"),
    "a question of an unknown kind": _copied("question", permit_key="other", kind="price"),
    "a question for an unknown purpose": _copied("question", permit_key="other", purpose="curiosity"),
    "an account of no vendor": _copied("account", id="acct_three", upstream=None),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_the_tables_refuse(filled: Store, what: str) -> None:
    with filled.writer.connect() as connection, pytest.raises(IntegrityError):
        IMPOSSIBLE[what](connection)


NEVER_BLANK = {
    "campaign": ("name", "paused_by", "pause_reason"),
    "event": ("actor", "reason"),
    "evidence": ("actor", "reason"),
    "exclusion": ("reason",),
    "hold": ("actor", "reason", "closed_by", "close_reason"),
    "host": ("forgotten_by", "forget_reason"),
    "incarnation": ("actor", "reason"),
    "probe": ("actor",),
    "question": ("actor",),
    "recall": ("actor", "reason"),
    "revision": ("actor",),
    "run": ("actor", "reason"),
    "suppression": ("actor", "reason"),
}
"""The columns that name a thing or a person, or state a reason."""

MAY_BE_BLANKED = [
    *(("campaign", column) for column in NEVER_BLANK["campaign"]),
    *(("hold", column) for column in ("closed_by", "close_reason")),
    *(("host", column) for column in NEVER_BLANK["host"]),
    ("run", "reason"),
]
"""Those of them that an UPDATE may set."""


def of_each(columns: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(table, column) for table, names in columns.items() for column in names]


@pytest.mark.parametrize("blank", ["", " \t\n\v\f\r"])
@pytest.mark.parametrize(("table", "column"), of_each(NEVER_BLANK))
def test_a_new_row_without_a_name_an_actor_or_a_reason_is_refused(
    filled: Store, table: str, column: str, blank: str
) -> None:
    """The rules of `campaigns.domain.people`, kept where no code can pass by them."""
    with filled.writer.connect() as connection, pytest.raises(IntegrityError, match=f"{table}.{column} is blank"):
        _copied(table, **{column: blank})(connection)


@pytest.mark.parametrize(("table", "column"), MAY_BE_BLANKED)
def test_a_row_cannot_lose_its_name_its_actor_or_its_reason(filled: Store, table: str, column: str) -> None:
    with filled.writer.connect() as connection, pytest.raises(IntegrityError, match=f"{table}.{column} is blank"):
        _changed(table, "1 = 1", **{column: " "})(connection)


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_may_have_each_kind_that_there_is(filled: Store, kind: HoldKind) -> None:
    """A kind that is new needs a migration beside it: without one, whatever is to be held cannot be held."""
    with filled.writer.connect() as connection:
        _hold(connection, scope="team", upstream="x", kind=kind.value)


def test_a_hold_of_an_unknown_kind_is_refused(filled: Store) -> None:
    with filled.writer.connect() as connection, pytest.raises(IntegrityError, match="not a known kind"):
        _hold(connection, scope="team", upstream="x", kind="bogus")


def test_a_message_id_may_be_owned_on_each_account(filled: Store) -> None:
    """The vendor numbers its messages by account."""
    with filled.writer.connect() as connection:
        _copied("message", account_id="acct_two")(connection)


@pytest.mark.parametrize("holds", [{}, {"run_id": 1, "account_id": ACCOUNT}, {"account_id": ACCOUNT}])
def test_a_hold_is_on_exactly_what_its_scope_says(filled: Store, holds: dict[str, Any]) -> None:
    with filled.writer.connect() as connection, pytest.raises(IntegrityError):
        _hold(connection, scope="run", **holds)


@pytest.mark.parametrize(
    "held",
    [{"scope": "run", "run_id": 1}, {"scope": "account", "account_id": ACCOUNT}, {"scope": "team", "upstream": "x"}],
)
def test_one_hold_of_a_kind_is_open_on_a_thing_at_a_time(filled: Store, held: dict[str, Any]) -> None:
    with filled.writer.connect() as connection:
        _hold(connection, **held, closed_at=LATER, closed_by=ANNA)
        _hold(connection, **held)
        _hold(connection, **held, kind="books")
        with pytest.raises(IntegrityError):
            _hold(connection, **held)


def test_a_closed_hold_names_who_closed_it(filled: Store) -> None:
    with filled.writer.connect() as connection, pytest.raises(IntegrityError):
        _hold(connection, scope="run", run_id=1, closed_at=LATER)


def test_a_launched_campaign_is_not_what_it_was_seen_as(filled: Store) -> None:
    """The guard of every change of a campaign."""
    from campaigns.store.campaigns.campaigns import change_campaign, find_campaign

    with filled.write() as connection:
        seen = find_campaign(connection, 1)
        change_campaign(connection, seen, now=LATER, launches=seen.launches + 1)
        with pytest.raises(NotAllowed, match="somebody else"):
            change_campaign(connection, seen, now=LATER, launches=seen.launches + 1)
        connection.rollback()


def _hold(connection: Connection, **columns: Any) -> None:
    common = {"kind": "operator", "reason": "wait", "actor": ANNA, "opened_at": START}
    connection.execute(insert(metadata.tables["hold"]).values(common | columns))
