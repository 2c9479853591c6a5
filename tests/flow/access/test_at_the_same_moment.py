"""Logins, links and admins at the same moment: what the database decides, on both of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaigns.domain.access.rights import Right
from campaigns.domain.errors import CampaignsError, NotAllowed, NotFound, NotIdentified, TooManyTries
from campaigns.flow.access.log_in import Browser, log_in
from campaigns.flow.access.login_links import make_link, use_link
from campaigns.flow.access.operators import add_operator, disable_operator, set_operator
from campaigns.flow.access.tokens import Wanted, make_token, revoke_token
from campaigns.flow.access.tries import FREE_TRIES_OF_A_NAME, tries
from campaigns.flow.access.who_asks import who_has_session, who_has_token
from campaigns.store.database.engine import Store
from campaigns.store.views.people.operators import people, sessions_of, tokens
from tests.clock import DrivenClock
from tests.one_database import on_both

pytestmark = on_both

SECRET = b"of a test"
PASSWORD = "a very long password"
ROOT = "operator:root"
BROWSER = Browser("2001:db8::1")


def together(acts: list[Callable[[], object]]) -> list[CampaignsError | None]:
    """Do all of them at once; what each of them raised."""
    begin = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> CampaignsError | None:
        begin.wait()
        try:
            act()
        except CampaignsError as refusal:
            return refusal
        return None

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def test_many_tries_at_once_are_not_looked_at_together(store: Store) -> None:
    own = tries(SECRET, "anna", "192.0.2.1")

    refusals = together([lambda: own.begin(store)] * 16)

    looked_at = refusals.count(None)
    assert 1 <= looked_at <= FREE_TRIES_OF_A_NAME + 1
    assert all(isinstance(each, TooManyTries) for each in refusals if each is not None)


def test_a_link_lets_one_of_two_in(store: Store) -> None:
    code = make_link(store, None, actor=ROOT).code

    refusals = together(
        [
            lambda name=name: use_link(store, code, name=name, password=PASSWORD, browser=BROWSER)  # type: ignore[misc]
            for name in ("anna", "ben")
        ]
    )

    assert sorted(map(type, refusals), key=str) == sorted([type(None), NotFound], key=str)
    with store.read() as connection:
        assert len(people(connection).operators) == 1


def test_two_admins_who_disable_each_other_leave_one(store: Store) -> None:
    for name in ("anna", "ben"):
        add_operator(store, name, frozenset({Right.ADMIN}), actor=ROOT, has_link=False)

    refusals = together(
        [
            lambda name=name: disable_operator(store, name, reason="x", actor=ROOT)  # type: ignore[misc]
            for name in ("anna", "ben")
        ]
    )

    assert sorted(map(type, refusals), key=str) == sorted([type(None), NotAllowed], key=str)


def test_the_whole_life_of_an_operator(store: Store, clock: DrivenClock) -> None:
    add_operator(store, "anna", frozenset({Right.ADMIN}), actor=ROOT, password=PASSWORD)
    with pytest.raises(NotIdentified):
        log_in(store, "anna", "another password", BROWSER, secret=SECRET)
    with pytest.raises(NotIdentified):
        log_in(store, "nobody\0", "another password", Browser("2001:db8::2"), secret=SECRET)
    session = log_in(store, "anna", PASSWORD, BROWSER, secret=SECRET).session
    anna = who_has_session(store, session, address=None)
    assert anna is not None
    made = make_token(store, Wanted("x", "anna", frozenset({Right.SENDER})), is_live=False, actor=ROOT, by=anna)
    clock.advance(61)
    assert who_has_session(store, session, address=None) == anna
    assert who_has_token(store, made.token, is_live=False, address=None).rights == {Right.SENDER, Right.VIEWER}
    add_operator(store, "ben", frozenset({Right.ADMIN}), actor=ROOT, has_link=False)
    set_operator(store, "anna", rights=frozenset({Right.EDITOR}), actor=ROOT)

    assert who_has_token(store, made.token, is_live=False, address=None).rights == {Right.VIEWER}
    revoke_token(store, made.view.id, actor=ROOT)
    with store.read() as connection:
        assert [each.state for each in tokens(connection, now=clock.now)] == ["revoked"]
        assert [each.seen_at for each in sessions_of(connection, "anna", now=clock.now)] == [clock.now]
        assert [each.rights for each in people(connection).operators] == [["editor"], ["admin"]]
    disable_operator(store, "anna", reason="left", actor=ROOT)
    assert who_has_session(store, session, address=None) is None
