"""What needs a person, and what goes on tonight: the same facts as `campaigns status`, for those who may see them."""

from __future__ import annotations

import httpx

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.states import HoldKind
from campaigns.flow.accounts.stop import stop
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart, worker_serves
from campaigns.web.pages.evening.words import FIX
from tests.web.pages.reading import read
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, ANNA, LOGGED_OUT, REJECTED, UNKNOWN, UPSTREAM, World

HALF = Principal("hanna", frozenset({Right.ADMIN}), accounts=frozenset({ACCOUNT}))
"""Somebody who may do everything, on one of two accounts."""


def test_one_row_is_one_decision_with_its_acts_the_most_urgent_first(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 8))
    world.serve_out()

    page = read(desk, "/")

    order = ("no worker", "nobody knows whether 1 batch reached the fans (2 recipients)", "the vendor rejected 1 batch")
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    assert {f"/runs/{run_id}/decide", f"/runs/{run_id}/rerun", f"/runs/{run_id}/attempts"} <= set(page.links)


def test_a_hold_says_how_its_cause_is_removed(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [LOGGED_OUT]
    world.launched()
    world.serve()

    page = read(desk, "/")

    assert "the vendor refuses the account (the account is logged out)" in page.text
    assert FIX[HoldKind.ACCOUNT] in page.text
    assert f"/accounts/{ACCOUNT}/release" in page.links


def test_every_kind_of_hold_has_words() -> None:
    assert set(FIX) == set(HoldKind)


def test_tonight_shows_the_pace_the_end_and_why_a_run_is_paused(world: World, desk: httpx.Client) -> None:
    with world.store.write() as connection:
        beat_heart(connection, BEAT_SENDS, now=world.clock.now)
        worker_serves(connection, UPSTREAM, now=world.clock.now)
    going = world.launched(users=range(1, 12))
    world.serve(turns=2)
    paused = world.launched(users=[21, 22], name="Saturday")
    pause_run(world.store, paused, reason="wrong price", actor=ANNA)

    page = read(desk, "/tonight")

    assert f"r{going} Friday sending 4 of 11 0 0 1 recipients/min, 0.4 requests/min" in page.text
    assert "account gap" in page.text
    assert f"r{paused} Saturday paused: operator wrong price 0 of 2" in page.text
    assert any("wrong price" in words for words in page.words)


def test_what_was_sent_lately_and_what_comes_next(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 6))
    world.serve()

    page = read(desk, "/tonight")

    assert f"r{run_id} Friday finished 5 of 5 0 0 0" in page.text
    assert "No run is open." in page.text


def test_a_viewer_sees_needs_and_no_act(world: World) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched()
    world.serve_out()

    with served(world.store, VIEWER) as desk:
        page = read(desk, "/")

    assert "the vendor rejected 1 batch" in page.text
    assert not page.acts(f"/runs/{run_id}/")


def test_an_account_that_is_hidden_is_in_no_list_sum_or_need(world: World) -> None:
    world.account()
    world.account("acct_two")
    world.gateway.script = [REJECTED]
    hidden = world.launch(world.campaign(name="Hidden", account_id="acct_two"))
    world.serve("acct_two")
    pause_run(world.store, world.launch(world.campaign(name="Held", account_id="acct_two")), reason="x", actor=ANNA)
    stop(world.store, "acct_two", upstream=UPSTREAM, reason="secret reason", actor=ANNA)
    mine = world.launch(world.campaign())

    with served(world.store, HALF) as desk:
        pages = [
            read(desk, address) for address in ("/", "/tonight", "/runs", f"/runs/{mine}", "/stop?account=acct_one")
        ]
        refused = [read(desk, address).status for address in (f"/runs/{hidden}", f"/runs/{hidden}/batches/1")]
        everything = [desk.get(address).status_code for address in ("/stop", "/go")]

    for page in pages:
        assert page.status == 200
        assert not {"acct_two", "Hidden", "Held", "secret reason"} & set(page.text.replace(":", " ").split())
        assert "acct_two" not in page.source
        assert "secret reason" not in page.source
    assert "1 thing needs a person" in pages[0].text
    assert refused == [404, 404]
    assert everything == [403, 403]


def test_when_nothing_needs_a_person_the_start_page_shows_tonight(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    with world.store.write() as connection:
        now = world.store.now(connection)
        beat_heart(connection, "beat", now=now)
        beat_heart(connection, BEAT_SENDS, now=now)
        worker_serves(connection, UPSTREAM, now=now)

    page = read(desk, "/")

    assert "Nothing needs a person." in page.text
    assert f"/runs/{run_id}" in page.links
    assert "Running" in page.text
