"""Passwords and sessions at the desk: who comes in, for how long, and what the audit keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from campaigns.domain.access.rights import Right
from campaigns.domain.errors import NotIdentified, TooManyTries
from campaigns.flow.access.log_in import Browser, log_in
from campaigns.flow.access.login_links import make_link
from campaigns.flow.access.operators import disable_operator, set_operator
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.web.pages.access.doors import (
    PASSWORD,
    ROOT,
    bearer,
    browser,
    doors,
    everything,
    key_of,
    login,
    operator,
    trail,
)
from tests.web.served import SECRET


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    operator(store, "anna", Right.ADMIN)
    with doors(store) as address:
        yield address


@pytest.fixture
def anna(url: str) -> Iterator[httpx.Client]:
    """A browser in which anna is logged in."""
    with browser(url) as client:
        assert login(client, "Anna ").status_code == 303
        yield client


def test_nobody_sees_anything_before_a_login_and_then_goes_where_they_wanted(url: str) -> None:
    with browser(url) as client:
        asked = client.get("/runs?state=running")
        api = client.get("/api/v1/runs")
        unknown = client.get("/nothing/here")
        page = client.get(asked.headers["location"])
        logged_in = login(client, "anna", to="/runs?state=running")

    assert (asked.status_code, asked.headers["location"]) == (303, "/login?to=%2Fruns%3Fstate%3Drunning")
    assert (api.status_code, api.json()["code"]) == (401, "not_identified")
    assert unknown.status_code == 404
    assert 'value="/runs?state=running"' in page.text
    assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/runs?state=running")
    cookie = logged_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert cookie.startswith(f"campaigns-{httpx.URL(url).port}=")


def test_over_https_the_cookie_is_bound_to_this_host(url: str) -> None:
    """A trusted proxy speaks https, and says so as uvicorn reads it."""
    with browser(url) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        cookie = login(client, "anna").headers["set-cookie"]

    assert cookie.startswith("__Host-campaigns=")
    assert {"Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


ELSEWHERE = (
    *("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "\\\\evil.example"),
    *("javascript:alert(1)", "runs", "/login?to=/runs", "/logout", "/a\r\nX: y", ""),
)


def test_a_login_goes_to_no_other_place_than_this_desk(anna: httpx.Client) -> None:
    """For who is logged in `GET /login` goes on at once, so that is the same question."""
    answers = [anna.get("/login", params={"to": to}) for to in ELSEWHERE]

    assert {(each.status_code, each.headers["location"]) for each in answers} == {(303, "/")}


def test_a_wrong_name_and_a_wrong_password_look_the_same_and_are_recorded(url: str, store: Store) -> None:
    with browser(url) as client:
        wrong, unknown = login(client, "anna", "not the password"), login(client, "hunter2-typed-here")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    sentence = "This name and this password do not belong together."
    assert sentence in wrong.text
    assert sentence in unknown.text
    refused = [(each.actor, each.detail) for each in trail(store) if each.kind == "login_refused"]
    assert refused == [
        ("desk", {"name": "anna", "address": "127.0.0.1"}),
        ("desk", {"name": None, "address": "127.0.0.1"}),
    ]
    assert everything(store).isdisjoint({"hunter2-typed-here", "not the password"})


def test_a_login_is_hashed_once_whether_or_not_there_is_such_a_name(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that a login takes is that of the hash; so the hashes are counted, and not the time."""
    from campaigns.flow.access import passwords

    operator_without_password(store)
    counted: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, *given: Any) -> Literal[True]:
            counted.append("verify")
            return super().verify(*given)

    monkeypatch.setattr(passwords, "HASHER", Counting())
    with browser(url) as client:
        for name in ("anna", "nobody-of-this-name", "robot"):
            login(client, name, "not the password")

    assert counted == ["verify"] * 3


def test_after_a_few_failures_the_next_try_waits_and_is_not_looked_at(
    url: str, store: Store, clock: DrivenClock
) -> None:
    with browser(url) as client:
        for _ in range(6):
            login(client, "anna", "not the password")
        waiting = login(client, "anna")
        clock.advance(2)
        after = login(client, "anna")

    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 s." in waiting.text
    assert after.status_code == 303
    assert [each.kind for each in trail(store)].count("login_refused") == 6


def test_an_address_that_tries_many_names_waits_too(store: Store) -> None:
    """Of IPv6, everything in the network of one person is one address."""
    for number in range(21):
        with pytest.raises(NotIdentified):
            log_in(store, f"name-{number}", "guess", Browser(f"2001:db8::{number:x}"), secret=SECRET)
    with pytest.raises(TooManyTries):
        log_in(store, "another", "guess", Browser("2001:db8::ffff"), secret=SECRET)
    with pytest.raises(NotIdentified):
        log_in(store, "another", "guess", Browser("2001:db8:1::1"), secret=SECRET)


def test_a_session_ends_when_nobody_uses_it_and_after_a_week(anna: httpx.Client, clock: DrivenClock) -> None:
    clock.advance(timedelta(hours=11).total_seconds())
    assert anna.get("/me").status_code == 200
    clock.advance(timedelta(hours=11).total_seconds())
    assert anna.get("/me").status_code == 200
    clock.advance(timedelta(hours=13).total_seconds())
    assert anna.get("/me").status_code == 303

    login(anna, "anna")
    for _ in range(15):
        clock.advance(timedelta(hours=11).total_seconds())
        assert anna.get("/me").status_code == 200
    clock.advance(timedelta(hours=11).total_seconds())
    assert anna.get("/me").status_code == 303


def test_reading_writes_the_last_use_at_most_once_a_minute(
    anna: httpx.Client, store: Store, clock: DrivenClock
) -> None:
    def seen() -> object:
        with store.read() as connection:
            return connection.execute(text("SELECT seen_at FROM desk_session")).scalar_one()

    begun = seen()
    clock.advance(59)
    anna.get("/me")
    assert seen() == begun
    clock.advance(1)
    anna.get("/me")
    assert seen() != begun


def test_each_login_has_a_new_id_and_the_one_before_ends(anna: httpx.Client, url: str) -> None:
    before = dict(anna.cookies)
    login(anna, "anna")

    assert dict(anna.cookies) != before
    assert httpx.get(f"{url}/me", cookies=before).status_code == 303


def test_more_rights_end_the_sessions_and_fewer_count_at_once(url: str, store: Store) -> None:
    operator(store, "ben", Right.EDITOR)
    with browser(url) as ben:
        login(ben, "ben")
        set_operator(store, "ben", rights=frozenset({Right.VIEWER}), actor=ROOT)
        assert ben.get("/me").status_code == 200
        set_operator(store, "ben", rights=frozenset({Right.SENDER}), actor=ROOT)
        assert ben.get("/me").status_code == 303


def test_a_new_password_ends_the_other_sessions(anna: httpx.Client, url: str, store: Store) -> None:
    with browser(url) as elsewhere:
        login(elsewhere, "anna")
        wrong = anna.post("/me/password", data={"old": "not it at all", "new": "another long password"})
        changed = anna.post("/me/password", data={"old": PASSWORD, "new": "another long password"})

        assert (wrong.status_code, changed.status_code) == (422, 303)
        assert anna.get("/me").status_code == 200
        assert elsewhere.get("/me").status_code == 303
        assert login(elsewhere, "anna").status_code == 401
        assert login(elsewhere, "anna", "another long password").status_code == 303
    assert "password_changed" in [each.kind for each in trail(store)]
    assert everything(store).isdisjoint({PASSWORD, "another long password"})


def test_a_logout_ends_the_session_for_good(anna: httpx.Client, url: str, store: Store) -> None:
    cookies = dict(anna.cookies)
    assert anna.get("/logout").status_code == 200
    assert anna.get("/me").status_code == 200
    out = anna.post("/logout")

    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert not anna.cookies
    assert httpx.get(f"{url}/me", cookies=cookies).status_code == 303
    kinds = [(each.kind, each.actor) for each in trail(store)][-2:]
    assert kinds == [("logged_in", "operator:anna"), ("logged_out", "operator:anna")]


def test_who_is_disabled_is_out_at_once_and_cannot_come_back(url: str, store: Store) -> None:
    operator(store, "ben", Right.SENDER)
    with browser(url) as ben:
        login(ben, "ben")
        disable_operator(store, "ben", reason="left the team", actor=ROOT)
        page = ben.get("/me")
        again = login(ben, "ben")

    assert (page.status_code, again.status_code) == (303, 403)
    assert "Operator ben is disabled." in again.text


def test_a_restored_database_has_no_session(anna: httpx.Client, store: Store, clock: DrivenClock) -> None:
    from campaigns.store.audit.events import Act
    from campaigns.store.backup.incarnation import begin_incarnation

    with store.write() as connection:
        begin_incarnation(Act(connection, clock.now, ROOT), reason="restored")

    assert anna.get("/me").status_code == 303


def test_the_first_operator_chooses_name_and_password_by_a_link_that_works_once(
    store: Store, clock: DrivenClock
) -> None:
    link = make_link(store, None, actor="operator:shell")
    form = {"code": link.code, "name": "Root", "password": "a very long password"}
    with doors(store) as url, browser(url) as client:
        assert "Nobody can log in yet" in client.get("/login").text
        assert "first operator" in client.get("/welcome", params={"code": link.code}).text
        weak = client.post("/welcome", data={**form, "password": "short"})
        made = client.post("/welcome", data=form)
        again = client.post("/welcome", data={**form, "name": "other"})
        people = client.get("/people")

    assert (weak.status_code, made.status_code, again.status_code) == (422, 303, 404)
    assert "must have 12 to 256 characters" in weak.text
    assert "root" in people.text
    assert everything(store).isdisjoint({link.code, "a very long password"})


def test_a_link_is_valid_for_a_quarter_of_an_hour(url: str, store: Store, clock: DrivenClock) -> None:
    old = make_link(store, "anna", actor=ROOT)
    link = make_link(store, "anna", actor=ROOT)
    with browser(url) as client:
        assert client.get("/welcome", params={"code": old.code}).status_code == 404
        assert client.get("/welcome", params={"code": link.code}).status_code == 200
        clock.advance(15 * 60)
        gone = client.post("/welcome", data={"code": link.code, "password": "a very long password"})

    assert gone.status_code == 404
    assert "older than 15 minutes" in gone.text


def test_an_admin_adds_an_operator_who_chooses_a_password_and_gets_a_token(
    anna: httpx.Client, url: str, store: Store
) -> None:
    form = {"key": key_of(anna.get("/people/add")), "name": "ben", "rights": ["editor", "sender"], "accounts": ""}
    added = anna.post("/people/add", data=form)
    again = anna.post("/people/add", data=form)
    code = added.text.partition("/welcome?code=")[2].partition('"')[0]
    with browser(url) as ben:
        ben.post("/welcome", data={"code": code, "password": "a very long password"})
        asked = ben.get("/me/tokens/new")
        wanted = {"key": key_of(asked), "named": "nightly", "rights": ["sender"], "expires": "30"}
        made = ben.post("/me/tokens/new", data=wanted)
        twice = ben.post("/me/tokens/new", data=wanted)
        too_much = ben.post("/me/tokens/new", data={**wanted, "key": "another key", "rights": ["admin"]})
        forbidden = ben.get("/people")
        seen = [anna.get(path) for path in ("/people/operators/ben", "/people", "/me")] + [ben.get("/me")]
    token = made.text.partition("<code>")[2].partition("</code>")[0]

    assert code
    assert (again.status_code, "/welcome?code=" in again.text) == (200, False)
    assert token.startswith("cmpt_")
    assert (twice.status_code, token in twice.text) == (200, False)
    assert (too_much.status_code, forbidden.status_code) == (403, 403)
    assert [each.status_code for each in seen] == [200] * 4
    assert ["nightly" in each.text for each in seen] == [True, True, False, True]
    assert ["127.0.0.1" in each.text for each in seen] == [True, False, True, True]
    assert httpx.get(f"{url}/api/v1/runs", headers=bearer(token)).status_code == 200
    assert everything(store).isdisjoint({code, token})
    made_events = [(each.kind, each.actor) for each in trail(store) if each.kind in {"operator_added", "token_made"}]
    assert made_events[1:] == [("operator_added", "operator:anna"), ("token_made", "operator:ben")]


def test_the_last_admin_of_every_account_stays(anna: httpx.Client, store: Store) -> None:
    form = {"key": key_of(anna.get("/people/operators/anna/disable")), "reason": "no"}
    refused = anna.post("/people/operators/anna/disable", data=form)
    fewer = anna.post("/people/operators/anna/may", data={"rights": ["sender"]})

    assert (refused.status_code, fewer.status_code) == (409, 409)
    assert "last admin" in refused.text
    assert anna.get("/people").status_code == 200


def operator_without_password(store: Store) -> None:
    from campaigns.flow.access.operators import add_operator

    add_operator(store, "robot", frozenset({Right.VIEWER}), actor=ROOT, has_link=False)
