"""The pages of accounts: what holds them and what they send, and each act asked once with what follows from it."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from campaigns.domain.access.rights import Right
from campaigns.flow.accounts.accounts import set_name
from campaigns.flow.accounts.stop import stop
from campaigns.ports import AccountPace, PacerState
from campaigns.store.database.engine import Store
from campaigns.store.views.accounts import AccountView, accounts
from campaigns.wiring import Parts
from tests.web.pages.reading import OTHER, field_of, key_of, of_one
from tests.web.served import ADMIN, VIEWER, served
from tests.world import ACCOUNT, ANNA, LOGGED_OUT, NO_CREDITS, UPSTREAM, World

KEY = {"key": "the key of one form"}


def test_an_account_is_listed_and_shown_with_what_holds_it(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1, 2, 3], name="Friday <b>")
    set_name(world.store, ACCOUNT, "Anna <script>", actor=ANNA)
    world.gateway.script = [LOGGED_OUT]
    world.serve()

    listed, shown = desk.get("/accounts").text, desk.get(f"/accounts/{ACCOUNT}").text

    assert "Anna &lt;script&gt;" in listed
    assert "account: the account is logged out" in listed
    assert "never" not in listed
    assert "on this account, since" in shown
    assert f'href="/accounts/{ACCOUNT}/release"' in shown
    assert f"r{run_id} batch 1" in shown
    assert "Friday &lt;b&gt;" in shown
    assert "3 recipients" in shown
    assert desk.get("/accounts/acct_nobody").status_code == 404


def test_limits_are_shown_and_their_absence_is_said(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.account()
    assert "REDIS_URL is not set" in desk.get("/accounts").text

    class Budget:
        def state(self) -> PacerState:
            return PacerState(1000, 50, 7, 900, 123, [AccountPace(ACCOUNT, 4.5, 0.0), AccountPace(OTHER, 9.5, 0.0)])

    monkeypatch.setattr(Parts, "pacer", lambda _parts: Budget())
    page, one = desk.get("/accounts").text, desk.get(f"/accounts/{ACCOUNT}").text
    with served(world.store, of_one(Right.VIEWER)) as theirs:
        hidden = theirs.get("/accounts").text

    assert "1,000 requests, 50 of them for questions and people" in page
    assert "123 left as it reports" in page
    assert "9.5 s" in page
    assert "next start in 4.5 s" in one
    assert "4.5 s" in hidden
    assert "9.5 s" not in hidden


def test_a_release_names_what_goes_on_and_lifts_what_was_shown(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1, 2, 3])
    world.gateway.script = [LOGGED_OUT]
    world.serve()

    question = desk.get(f"/accounts/{ACCOUNT}/release").text
    form = {"key": key_of(question), "seen": field_of(question, "seen"), "reason": "logged in"}
    first, second = (desk.post(f"/accounts/{ACCOUNT}/release", data=form) for _ in range(2))

    assert f"1 run with 3 recipients not sent yet: r{run_id} (Friday, {ACCOUNT})" in question
    assert "Sandbox: This lifts the holds on account acct_one (account: the account is logged out)." in question
    assert (first.status_code, second.status_code) == (303, 303)
    assert world.events().count("account_released") == 1
    world.serve_out()
    assert sorted(world.requests_by_user()) == [1, 2, 3]
    assert desk.get(f"/accounts/{ACCOUNT}/release").status_code == 409


def test_a_hold_on_the_team_that_was_not_shown_stays(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1, 2, 3])
    world.gateway.script = [LOGGED_OUT, NO_CREDITS]
    world.serve()
    question = desk.get(f"/accounts/{ACCOUNT}/release").text
    desk.post(f"/accounts/{ACCOUNT}/release", data={**KEY, "seen": field_of(question, "seen"), "reason": "logged in"})
    world.serve()
    late = desk.post(
        f"/accounts/{ACCOUNT}/release",
        data={"key": key_of(question), "seen": field_of(question, "seen"), "reason": "again"},
    )
    whole = desk.get(f"/accounts/{ACCOUNT}/release").text

    assert late.status_code == 412
    assert "has changed since you looked" in late.text
    assert "the whole team of account acct_one" in whole
    with served(world.store, of_one(Right.SENDER)) as theirs:
        assert theirs.get(f"/accounts/{ACCOUNT}/release").status_code == 403
        forged = {**KEY, "key": "a forged form", "seen": field_of(whole, "seen"), "reason": "x"}
        assert theirs.post(f"/accounts/{ACCOUNT}/release", data=forged).status_code == 403
    ended = desk.post(
        f"/accounts/{ACCOUNT}/release",
        data={"key": key_of(whole), "seen": field_of(whole, "seen"), "reason": "credits bought"},
    )
    assert ended.status_code == 303
    world.serve_out()
    assert world.view(run_id).accepted == 3


def test_a_run_that_something_else_holds_is_not_said_to_go_on(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2, 3])
    world.gateway.script = [LOGGED_OUT]
    world.serve()
    stop(world.store, None, upstream=UPSTREAM, reason="fire drill", actor=ANNA)

    assert "What goes on at once: no run." in desk.get(f"/accounts/{ACCOUNT}/release").text


def test_an_account_is_added_after_its_fields_are_right(world: World, desk: httpx.Client) -> None:
    wrong = desk.post("/accounts/new", data={"account": "<b>", "hours": "9-5", "zone": "Mars"})
    assert wrong.status_code == 422
    for name in ("account", "hours", "zone"):
        assert f'id="{name}-fault"' in wrong.text
    assert "&lt;b&gt;" in wrong.text

    typed = {"account": ACCOUNT, "name": "Anna", "hours": "9:00-22:00", "zone": "Europe/Berlin"}
    question = desk.post("/accounts/new", data=typed).text
    assert "within 9:00-22:00 Europe/Berlin only" in question
    assert known(world.store) == []
    form = {name: field_of(question, name) for name in (*typed, "key")}
    assert [desk.post("/accounts/new", data=form).status_code for _ in range(2)] == [303, 303]
    added = known(world.store)
    assert [(each.id, each.name, each.hours, each.zone) for each in added] == [
        (ACCOUNT, "Anna", "09:00-22:00", "Europe/Berlin")
    ]


def test_hours_and_name_are_changed_after_a_question(world: World, desk: httpx.Client) -> None:
    world.account()
    at = f"/accounts/{ACCOUNT}"

    question = desk.post(f"{at}/hours", data={"hours": "10:00-12:00", "zone": "Europe/Berlin"}).text
    form = {name: field_of(question, name) for name in ("hours", "zone", "key")}
    assert desk.post(f"{at}/hours", data=form).status_code == 303
    assert "10:00-12:00 Europe/Berlin only" in desk.get(at).text
    assert 'value="10:00-12:00"' in desk.get(f"{at}/hours").text
    cleared = desk.post(f"{at}/hours", data={**KEY, "hours": "", "zone": ""})
    assert cleared.status_code == 303
    assert (known(world.store)[0].hours, known(world.store)[0].zone) == (None, "Europe/Berlin")

    question = desk.post(f"{at}/rename", data={"name": "Anna & co"}).text
    assert "is called Anna &amp; co" in question
    assert desk.post(f"{at}/rename", data={"name": "Anna & co", "key": key_of(question)}).status_code == 303
    assert known(world.store)[0].name == "Anna & co"
    assert desk.post(f"{at}/hours", data={"hours": "25:00-26:00"}).status_code == 422


def test_an_account_is_removed_when_nothing_of_it_is_open(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1])
    form = {**KEY, "reason": "left the agency"}
    refused = desk.post(f"/accounts/{ACCOUNT}/remove", data=form)
    assert refused.status_code == 409
    assert f"run r{run_id} is open" in refused.text
    world.serve_out()

    assert desk.post(f"/accounts/{ACCOUNT}/remove", data=form).status_code == 303
    assert known(world.store) == []
    shown = desk.get(f"/accounts/{ACCOUNT}").text
    assert "It was removed at" in shown
    assert f"/accounts/new?account={ACCOUNT}" in shown


def test_who_may_not_act_sees_no_acts_and_is_refused(world: World) -> None:
    world.account()
    at = f"/accounts/{ACCOUNT}"
    acts = ("rename", "hours", "remove", "release")
    with served(world.store, VIEWER) as desk:
        page = desk.get(at).text + desk.get("/accounts").text
        asked = {desk.get(f"{at}/{act}").status_code for act in acts} | {desk.get("/accounts/new").status_code}
        posts = {desk.post(f"{at}/{act}", data={**KEY, "reason": "x"}).status_code for act in acts}
        posts.add(desk.post("/accounts/new", data={**KEY, "account": OTHER}).status_code)

    assert [act for act in acts if f"{at}/{act}" in page] == []
    assert "/accounts/new" not in page
    assert asked == {403}
    assert posts == {403}


def test_a_hidden_account_is_nowhere(world: World) -> None:
    world.account()
    world.account(OTHER)
    with served(world.store, replace(ADMIN, accounts=frozenset({ACCOUNT}))) as desk:
        listed = desk.get("/accounts").text
        acts = ("", "/rename", "/hours", "/remove", "/release")
        statuses = {desk.get(f"/accounts/{OTHER}{act}").status_code for act in acts}
        added = desk.post("/accounts/new", data={**KEY, "account": "acct_three"}).status_code

    assert ACCOUNT in listed
    assert OTHER not in listed
    assert statuses == {404}
    assert added == 404


def known(store: Store) -> list[AccountView]:
    with store.read() as connection:
        return accounts(connection)


def field_of_or_empty(page: str, name: str) -> str:
    return field_of(page, name) if f'name="{name}" value="' in page and f'name="{name}" value=""' not in page else ""
