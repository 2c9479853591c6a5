"""API tokens: which of them open the desk, what the others are told, and that no request passes the doors unseen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import event, text

from campaigns.domain.access.rights import Right
from campaigns.domain.access.tokens import is_live_token, token_text
from campaigns.domain.errors import NotIdentified
from campaigns.flow.access.operators import disable_operator, set_operator
from campaigns.flow.access.tokens import Wanted, make_token, revoke_token
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.web.pages.access.doors import ROOT, bearer, browser, doors, login, operator, token, trail
from tests.world import ACCOUNT, World

RUNS = "/api/v1/runs"


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    operator(store, "ben", Right.SENDER)
    with doors(store) as address:
        yield address


def refusal(url: str, text: str) -> str:
    """What the API says to a token that does not open it."""
    response = httpx.get(f"{url}{RUNS}", headers=bearer(text))
    assert (response.status_code, response.json()["code"]) == (401, "not_identified")
    assert response.headers["www-authenticate"].startswith("Bearer")
    return str(response.json()["detail"])


def test_a_token_has_a_form_that_shows_typing_errors() -> None:
    live, sandbox = (token_text(bytes(range(32)), is_live=is_live) for is_live in (True, False))

    assert (live[:4], len(live), sandbox[:5]) == ("cmp_", 53, "cmpt_")
    assert (is_live_token(live), is_live_token(sandbox)) == (True, False)
    wrong = [live[:-1], f"{live}0", live.swapcase(), live.replace("cmp_", "cmpt_"), "", "cmp_", "ü" * 53]
    wrong += [live[:at] + ("1" if live[at] != "1" else "2") + live[at + 1 :] for at in range(len(live))]
    for each in wrong:
        with pytest.raises(NotIdentified, match="its last six characters do not fit the others"):
            is_live_token(each)


def test_a_token_that_was_mistyped_is_refused_without_a_look_up(url: str, store: Store) -> None:
    good = token(store, "ben", Right.SENDER).token
    looks: list[str] = []
    event.listen(store.reader, "before_cursor_execute", lambda *given: looks.append(given[2]))

    assert "mistyped" in refusal(url, good[:-1] + ("a" if good[-1] != "a" else "b"))
    assert not [each for each in looks if "api_token" in each]
    assert httpx.get(f"{url}{RUNS}", headers=bearer(good)).status_code == 200
    assert [each for each in looks if "api_token" in each]


def test_each_token_that_does_not_work_is_told_why(url: str, store: Store, clock: DrivenClock) -> None:
    revoked, expiring, other = (token(store, "ben", Right.SENDER) for _ in range(3))
    revoke_token(store, revoked.view.id, actor=ROOT)
    unknown = token_text(b"x" * 32, is_live=False)
    live = token(store, "ben", Right.SENDER, is_live=True)

    assert f"(it ends in {revoked.token[-4:]}) was revoked" in refusal(url, revoked.token)
    assert "does not know the token" in refusal(url, unknown)
    assert "This token is for a live vendor, and this desk sends to the sandbox" in refusal(url, live.token)
    clock.advance(timedelta(days=90).total_seconds())
    assert "expired at" in refusal(url, expiring.token)
    operator(store, "root", Right.ADMIN)
    disable_operator(store, "ben", reason="left", actor=ROOT)
    clock.advance(-60)
    assert "operator ben, who is disabled" in refusal(url, other.token)
    assert httpx.get(f"{url}{RUNS}", headers={"Authorization": f"Basic {other.token}"}).status_code == 401
    assert httpx.get(f"{url}{RUNS}?token={other.token}").status_code == 401


def test_a_live_desk_refuses_a_token_for_the_sandbox(store: Store) -> None:
    operator(store, "ben", Right.SENDER)
    live, sandbox = (token(store, "ben", Right.SENDER, is_live=is_live).token for is_live in (True, False))
    with doors(store, ONLYFANSAPI_API_KEY="ofapi_a_key_that_no_vendor_knows") as url:
        assert "This token is for the sandbox" in refusal(url, sandbox)
        assert httpx.get(f"{url}{RUNS}", headers=bearer(live)).status_code == 200


def test_a_token_does_what_both_it_and_its_operator_may(store: Store, clock: DrivenClock) -> None:
    world = World(store, clock)
    run_id = world.launched(users=[1, 2, 3])
    world.account("acct_two")
    operator(store, "ben", Right.SENDER, Right.EDITOR)
    few = make_token(
        store,
        Wanted("few", "ben", frozenset({Right.SENDER}), accounts=frozenset({"acct_two"})),
        is_live=False,
        actor=ROOT,
    ).token
    all_of_it = token(store, "ben", Right.SENDER).token
    with doors(store) as url, httpx.Client(base_url=url) as client:
        act = f"{RUNS}/{run_id}/pause"
        hidden = client.post(act, json={"reason": "x"}, headers=bearer(few))
        listed = client.get(RUNS, headers=bearer(few)).json()["items"]
        done = client.post(act, json={"reason": "wrong price"}, headers=bearer(all_of_it))
        set_operator(store, "ben", rights=frozenset({Right.VIEWER}), actor=ROOT)
        fewer = client.post(act, json={"reason": "x"}, headers=bearer(all_of_it))

    assert (hidden.status_code, listed) == (404, [])
    assert (done.status_code, fewer.status_code) == (200, 403)
    paused = [(each.actor, each.account, each.detail) for each in trail(store) if each.kind == "hold_opened"]
    assert [(actor, (detail or {})["token"], (detail or {})["address"]) for actor, _, detail in paused] == [
        ("operator:ben", "nightly", "127.0.0.1")
    ]
    assert ACCOUNT != "acct_two"


def test_the_last_use_is_shown_to_the_minute(url: str, store: Store, clock: DrivenClock) -> None:
    made = token(store, "ben", Right.SENDER)

    def used() -> object:
        with store.read() as connection:
            return connection.execute(text("SELECT used_at FROM api_token")).scalar_one()

    assert used() is None
    httpx.get(f"{url}{RUNS}", headers=bearer(made.token))
    first = used()
    clock.advance(59)
    httpx.get(f"{url}{RUNS}", headers=bearer(made.token))
    assert used() == first
    clock.advance(1)
    httpx.get(f"{url}{RUNS}", headers=bearer(made.token))
    assert used() != first


def test_a_session_does_not_count_beside_an_authorization_header(url: str, store: Store, clock: DrivenClock) -> None:
    """Without the marks of a browser the guard lets a request pass for its token; the cookie must not be used then."""
    run_id = World(store, clock).launched(users=[1])
    with browser(url) as ben:
        login(ben, "ben")
        ben.headers.pop("Sec-Fetch-Site")
        act, body = f"{RUNS}/{run_id}/pause", {"reason": "forged"}
        bare = ben.post(act, json=body)
        schemes = [ben.post(act, json=body, headers={"Authorization": each}) for each in ("", "x", "Basic x")]
        dressed = ben.post(act, json=body, headers={"Authorization": "Bearer x"})
        same_site = ben.post(act, json=body, headers={"Sec-Fetch-Site": "same-site"})
        origins = [
            ben.post(act, json=body, headers={"Origin": each})
            for each in ("null", "https://evil.example", f"{url}.evil.example", f"{url.rpartition(':')[0]}:1")
        ]
        login_with_token = ben.post("/login", data={"name": "ben"}, headers={"Authorization": "Bearer x"})

    assert (bare.status_code, bare.json()["code"]) == (403, "forged")
    assert [each.status_code for each in schemes] == [403] * 3
    assert (dressed.status_code, dressed.json()["code"]) == (401, "not_identified")
    assert (same_site.status_code, same_site.json()["code"]) == (403, "forged")
    assert [each.json()["code"] for each in origins] == ["forged"] * 4
    assert login_with_token.status_code == 403
    assert "hold_opened" not in [each.kind for each in trail(store)]


def test_a_browser_of_its_own_origin_needs_no_fetch_metadata(url: str, store: Store, clock: DrivenClock) -> None:
    run_id = World(store, clock).launched(users=[1])
    with browser(url) as ben:
        login(ben, "ben")
        ben.headers.pop("Sec-Fetch-Site")
        paused = ben.post(f"{RUNS}/{run_id}/pause", json={"reason": "wrong price"}, headers={"Origin": url})

    assert paused.status_code == 200
