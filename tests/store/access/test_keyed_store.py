"""Acts with an idempotency key are done once, whatever happens between the first request and the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select

from campaigns.domain.errors import KeyInUse, KeyReused, NotAllowed
from campaigns.flow.access.once import once
from campaigns.store.access.keyed_store import FORGOTTEN_AT_ONCE, KEPT, Kept, Key
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.tables.desk import idempotency_key
from tests.clock import DrivenClock
from tests.one_database import on_both
from tests.store.interleave import together
from tests.world import ANNA, World

pytestmark = on_both

KEY = Key("anna", "a key of this act", "1" * 64)

A_MONTH_AND_A_DAY = KEPT.total_seconds() + 86_400


class Killed(BaseException):
    """The process is gone."""


def noted(store: Store, *reasons: str) -> Kept:
    """An act: an event for each reason, each in a transaction of its own."""
    for reason in reasons:
        with store.write() as connection:
            _note(store, connection, reason)
    return Kept(200, {"did": list(reasons)})


def _note(store: Store, connection: Connection, reason: str) -> None:
    Act(connection, store.now(connection), ANNA).record(EventKind.SEARCH_ASKED, reason=reason)


def doing(*reasons: str) -> Callable[[Store], Kept]:
    return lambda store: noted(store, *reasons)


def test_the_same_request_returns_the_first_answer_and_does_nothing(world: World) -> None:
    first = once(world.store, KEY, doing("first"))
    second = once(world.store, KEY, doing("second"))

    assert first == second == Kept(200, {"did": ["first"]})
    assert _acts(world) == 1


def test_another_request_with_the_key_is_refused(world: World) -> None:
    once(world.store, KEY, doing("first"))
    with pytest.raises(KeyReused):
        once(world.store, Key(KEY.scope, KEY.value, "2" * 64), doing("second"))
    assert _acts(world) == 1


def test_the_keys_of_two_people_are_two_keys(world: World) -> None:
    once(world.store, KEY, doing("anna's"))
    bens = once(world.store, Key("ben", KEY.value, KEY.request_sha256), doing("ben's"))
    assert bens.answer == {"did": ["ben's"]}


def test_of_simultaneous_requests_one_acts_and_all_return_its_answer(world: World) -> None:
    results = together(*[lambda: once(world.store, KEY, doing("once"))] * 6)

    assert [each for each in results if isinstance(each, Exception)] == []
    assert {str(each) for each in results} == {str(Kept(200, {"did": ["once"]}))}
    assert _acts(world) == 1


def test_of_simultaneous_requests_with_two_bodies_one_is_refused(world: World) -> None:
    def asked(key: Key) -> Kept | KeyReused:
        try:
            return once(world.store, key, doing(key.request_sha256))
        except KeyReused as refusal:
            return refusal

    other = Key(KEY.scope, KEY.value, "2" * 64)
    results = together(lambda: asked(KEY), lambda: asked(other))

    assert sorted(type(each).__name__ for each in results) == ["Kept", "KeyReused"]
    assert _acts(world) == 1


def test_a_death_between_two_transactions_leaves_a_key_that_is_never_taken_again(world: World) -> None:
    def half(store: Store) -> Kept:
        noted(store, "first half")
        with store.write() as connection:
            _note(store, connection, "second half")
            raise Killed

    with pytest.raises(Killed):
        once(world.store, KEY, half)
    with pytest.raises(KeyInUse):
        once(world.store, KEY, doing("again"))
    assert _acts(world) == 1


def test_a_death_before_the_only_commit_leaves_nothing(world: World) -> None:
    def dies(_connection: Any) -> None:
        raise Killed

    event.listen(world.store.writer, "commit", dies)
    with pytest.raises(Killed):
        once(world.store, KEY, doing("lost"))
    event.remove(world.store.writer, "commit", dies)

    assert once(world.store, KEY, doing("again")).answer == {"did": ["again"]}
    assert _acts(world) == 1


def test_an_act_that_tries_again_after_its_first_transaction_failed_still_has_its_key(world: World) -> None:
    def stubborn(store: Store) -> Kept:
        try:
            with store.write() as connection:
                _note(store, connection, "rolled back")
                raise NotAllowed("not now")
        except NotAllowed:
            return noted(store, "done")

    first, second = (once(world.store, KEY, stubborn) for _ in range(2))
    assert first == second
    assert _acts(world) == 1


def test_a_refusal_is_not_kept(world: World) -> None:
    def refused(store: Store) -> Kept:
        with store.write() as connection:
            _note(store, connection, "rolled back")
            raise NotAllowed("its state forbids that")

    with pytest.raises(NotAllowed):
        once(world.store, KEY, refused)
    assert once(world.store, KEY, doing("now it may")).status == 200
    assert _acts(world) == 1


def test_an_act_that_writes_nothing_is_asked_once(world: World) -> None:
    asked: list[Store] = []

    def looks(store: Store) -> Kept:
        asked.append(store)
        with store.read() as connection:
            return Kept(200, store.now(connection).isoformat())

    first = once(world.store, KEY, looks)
    world.clock.advance(60)
    assert once(world.store, KEY, looks) == first
    assert len(asked) == 1


def test_an_answer_that_cannot_be_kept_undoes_the_act(world: World) -> None:
    def odd(store: Store) -> Kept:
        noted(store, "undone")
        return Kept(200, object())

    with pytest.raises(Exception, match="not JSON serializable"):
        once(world.store, KEY, odd)
    assert once(world.store, KEY, doing("again")).status == 200
    assert _acts(world) == 1


def test_a_read_within_an_act_shows_what_it_wrote(world: World) -> None:
    def counts(store: Store) -> Kept:
        noted(store, "written")
        with store.read() as connection:
            return Kept(200, connection.scalar(select(func.count()).select_from(idempotency_key)))

    assert once(world.store, KEY, counts).answer == 1


def test_a_key_is_forgotten_after_thirty_days(world: World, clock: DrivenClock) -> None:
    once(world.store, KEY, doing("first"))
    clock.advance(KEPT.total_seconds() - 1)
    assert once(world.store, KEY, doing("too early")).answer == {"did": ["first"]}

    clock.advance(86_400)
    assert once(world.store, KEY, doing("anew")).answer == {"did": ["anew"]}
    assert _keys(world) == 1


def test_an_act_deletes_some_old_keys_and_waits_for_nobody_who_deletes_them(world: World, clock: DrivenClock) -> None:
    with world.store.write() as connection:
        old = [{"scope": "anna", "value": str(n), "request_sha256": "0" * 64, "at": clock.now} for n in range(150)]
        connection.execute(insert(idempotency_key), old)
    clock.advance(A_MONTH_AND_A_DAY)
    if world.store.writer.dialect.name == "postgresql":  # SQLite's writer waits for everybody anyway
        with world.store.write() as slow:
            slow.execute(select(idempotency_key).with_for_update())
            once(world.store, KEY, doing("meanwhile"))
        assert _keys(world) == 151
        once(world.store, Key("anna", "one more", "1" * 64), doing("after"))
        assert _keys(world) == 152 - FORGOTTEN_AT_ONCE
    else:
        once(world.store, KEY, doing("after"))
        assert _keys(world) == 151 - FORGOTTEN_AT_ONCE


def _acts(world: World) -> int:
    return world.events().count("search_asked")


def _keys(world: World) -> int:
    with world.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(idempotency_key)) or 0
