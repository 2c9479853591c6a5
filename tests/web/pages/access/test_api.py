"""Access by the API: what an admin does with a token, and that no secret stays in a row."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from campaigns.domain.access.rights import Right
from campaigns.store.database.engine import Store
from tests.web.pages.access.doors import PASSWORD, bearer, browser, doors, everything, login, operator, token, trail


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    operator(store, "root", Right.ADMIN)
    with doors(store) as address:
        yield address


@pytest.fixture
def admin(store: Store, url: str) -> Iterator[httpx.Client]:
    headers = bearer(token(store, "root", Right.ADMIN).token)
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client:
        yield client


def test_an_admin_adds_a_program_and_gives_it_a_token(admin: httpx.Client, url: str, store: Store) -> None:
    added = admin.post("/operators", json={"name": "Robot", "rights": ["sender"], "has_login": False})
    made = admin.post("/tokens", json={"name": "nightly", "operator": "robot", "rights": ["sender"]})
    text = made.json()["token"]
    me = httpx.get(f"{url}/api/v1/me", headers=bearer(text)).json()
    more = httpx.post(f"{url}/api/v1/tokens", headers=bearer(text), json={"name": "x", "rights": ["editor"]})
    other = httpx.post(
        f"{url}/api/v1/tokens", headers=bearer(text), json={"name": "x", "operator": "root", "rights": ["viewer"]}
    )
    hidden = httpx.get(f"{url}/api/v1/tokens", headers=bearer(text)).json()
    revoked = admin.post(f"/tokens/{made.json()['view']['id']}/revoke")
    after = httpx.get(f"{url}/api/v1/me", headers=bearer(text))

    assert (added.status_code, added.json()["link"], made.status_code) == (201, None, 201)
    assert me == {"name": "robot", "rights": ["sender", "viewer"], "accounts": None, "token": "nightly"}
    assert (more.status_code, other.status_code) == (403, 403)
    assert [each["operator"] for each in hidden] == ["robot"]
    assert (revoked.json()["state"], after.status_code) == ("revoked", 401)
    assert text not in everything(store)
    by_token = [each.kind for each in trail(store) if "token" in (each.detail or {})]
    assert by_token == ["operator_added", "token_made", "token_revoked"]


def test_a_link_of_the_api_is_taken_by_the_page_and_disabling_ends_all(
    admin: httpx.Client, url: str, store: Store
) -> None:
    code = admin.post("/operators", json={"name": "ben", "rights": ["editor"]}).json()["link"]["code"]
    with browser(url) as ben:
        welcome = ben.post("/welcome", data={"code": code, "password": PASSWORD})
        changed = admin.put("/operators/ben/rights", json={"rights": ["editor", "sender"]})
        out = ben.get("/me")
        login(ben, "ben")
        disabled = admin.post("/operators/ben/disable", json={"reason": "left the team"})
        gone = ben.get("/me")

    assert (welcome.status_code, changed.json()["rights"], out.status_code) == (303, ["editor", "sender"], 303)
    assert (disabled.status_code, gone.status_code) == (200, 303)
    assert [each["name"] for each in admin.get("/operators").json()["operators"]] == ["ben", "root"]
    assert admin.put("/rules/four-eyes", json={"is_on": True}).json() == {"is_on": True, "is_changed": True}
    assert admin.get("/operators").json()["four_eyes"] is True
    assert code not in everything(store)
    reasons = [each.reason for each in trail(store) if each.kind == "operator_disabled"]
    assert reasons == ["left the team"]


def test_what_cannot_be_is_one_problem_and_changes_nothing(admin: httpx.Client, store: Store) -> None:
    before = len(trail(store))
    replies = [
        admin.post("/operators", json={"name": "no name", "rights": ["sender"]}),
        admin.post("/operators", json={"name": "ben", "rights": ["king"]}),
        admin.post("/operators", json={"name": "ben", "rights": []}),
        admin.post("/tokens", json={"name": "\u202eevil", "rights": ["viewer"]}),
        admin.post("/tokens", json={"name": "x", "rights": ["viewer"], "days": 400}),
        admin.post("/tokens", json={"name": "x", "rights": ["viewer"], "operator": "nobody"}),
        admin.post("/operators", json={"name": "ben", "rights": ["viewer"], "accounts": ["acct_none"]}),
        admin.post("/operators/root/disable", json={"reason": "x"}),
        admin.post("/tokens/99/revoke"),
        admin.get("/operators/%00"),
    ]

    assert [each.status_code for each in replies] == [422, 422, 422, 422, 422, 404, 404, 409, 404, 400]
    assert all(each.headers["content-type"] == "application/problem+json" for each in replies)
    assert len(trail(store)) == before
