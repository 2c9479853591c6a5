"""The pages of the audit: a filter in the address, pages that no later event shifts, exports, and the proof."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from campaigns.domain.access.rights import Right
from campaigns.flow.accounts.accounts import set_name
from campaigns.flow.accounts.stop import go, stop
from campaigns.flow.operations.carry_out import Hand, carry_out
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.views.events import EventView, events
from campaigns.store.views.pages import event_search
from campaigns.web.kit import event_files
from campaigns.web.pages.audit import events as pages
from tests.web.pages.reading import OTHER, key_of, next_page, of_one
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, ANNA, UPSTREAM, World


def test_pages_neither_skip_nor_repeat_while_events_are_added(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHOWN", 2)
    world.account()
    for number in range(4):
        set_name(world.store, ACCOUNT, f"Name {number}", actor=ANNA)
    known = ids(world)

    seen: list[int] = []
    address: str | None = "/audit"
    while address is not None:
        page = desk.get(address).text
        seen += numbers_on(page)
        set_name(world.store, ACCOUNT, f"Later {len(seen)}", actor=ANNA)
        address = next_page(page)

    assert seen == known[::-1]


def test_a_filter_that_fits_nothing_near_goes_on_where_it_stopped(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "SEARCHED", 3)
    world.account()
    for number in range(7):
        set_name(world.store, ACCOUNT, f"Name {number}", actor=ANNA)

    first = desk.get("/audit", params={"kind": "account_added"}).text
    assert numbers_on(first) == []
    assert "of the events 6 to 8." in first
    assert "There are older events that were not looked at." in first
    address, seen = next_page(first), []
    while address is not None:
        page = desk.get(address).text
        seen += numbers_on(page)
        address = next_page(page)
    assert seen == [1]


def test_each_part_of_the_filter_leaves_events_out(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1, 2])
    pause_run(world.store, run_id, reason="wrong <i>price</i>", actor="operator:berta")
    world.clock.advance(7200)
    set_name(world.store, ACCOUNT, "Later", actor=ANNA)
    kinds = {each.id: each.kind for each in every(world)}

    def found(**filters: str) -> set[str]:
        page = desk.get("/audit", params=filters)
        assert page.status_code == 200
        return {kinds[number] for number in numbers_on(page.text)}

    later = (world.clock.now - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")
    assert found(actor="berta") == {"hold_opened"}
    assert found(kind="account_added") == {"account_added"}
    assert found(since=later) == {"account_changed"}
    assert "account_changed" not in found(until=later)
    assert found(after=str(max(kinds) - 1)) == {"account_changed"}
    assert "hold_opened" in found(run=f"r{run_id}")
    assert "account_added" not in found(run=f"r{run_id}")
    assert "campaign_created" in found(campaign="c1")
    assert "hold_opened" in found(account=ACCOUNT)
    assert "wrong &lt;i&gt;price&lt;/i&gt;" in desk.get("/audit", params={"actor": "berta"}).text


def test_times_of_the_filter_are_read_in_the_chosen_zone(world: World, desk: httpx.Client) -> None:
    world.account()
    world.clock.advance(3600)
    set_name(world.store, ACCOUNT, "Later", actor=ANNA)
    utc = world.clock.now.strftime("%Y-%m-%dT%H:%M")

    desk.cookies.set("zone", "Asia/Tokyo")
    page = desk.get("/audit", params={"since": utc}).text
    desk.cookies.set("zone", "UTC")
    in_utc = desk.get("/audit", params={"since": utc}).text

    assert "Since (Asia/Tokyo)" in page
    assert numbers_on(page) == [2, 1]  # nine hours earlier
    assert numbers_on(in_utc) == [2]


def test_faults_of_a_filter_are_shown_beside_their_fields(world: World, desk: httpx.Client) -> None:
    world.account()
    page = desk.get("/audit", params={"kind": "no <kind>", "run": "x", "since": "soon", "after": "-1"})

    assert page.status_code == 422
    for name in ("kind", "run", "since", "after"):
        assert f'id="{name}-fault"' in page.text
    assert "no &lt;kind&gt;" in page.text
    assert desk.get("/audit", params={"run": "r99"}).status_code == 404


def test_one_event_is_shown_with_its_detail(world: World, desk: httpx.Client) -> None:
    world.account()
    set_name(world.store, ACCOUNT, "<script>\u202e", actor=ANNA)

    page = desk.get("/audit/events/2").text

    assert "Event 2: account changed" in page
    assert "&lt;script&gt;\\u202e" in page
    assert desk.get("/audit/events/99").status_code == 404


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_has_the_events_of_the_filter_in_order(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(event_files, "ROWS_AT_ONCE", 2)
    world.launched(users=[1, 2])
    for name in ("=1+1", "b", "c"):
        set_name(world.store, ACCOUNT, name, actor=ANNA)
    expected = [each.id for each in every(world) if each.kind == "account_changed"]

    reply = desk.get("/audit/export", params={"form": form, "kind": "account_changed"})

    if form == "jsonl":
        rows = [json.loads(line) for line in reply.text.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [int(row["id"]) for row in rows] == expected
    assert reply.headers["content-disposition"] == f'attachment; filename="audit.{form}"'
    assert len(desk.get("/audit/export").text.splitlines()) == len(every(world)) + 1


def test_what_a_hidden_account_did_is_in_no_list_event_or_export(world: World) -> None:
    world.account(OTHER)
    hidden = world.launch(world.campaign(users=[7], account_id=OTHER, name="Hidden"))
    pause_run(world.store, hidden, reason="a secret", actor=ANNA)
    stop(world.store, None, upstream=UPSTREAM, reason="another secret", actor=ANNA)
    go(world.store, None, actor=ANNA)
    theirs = {each.id for each in every(world)}
    world.account(ACCOUNT)
    shown = world.launch(world.campaign(users=[7]))
    pause_run(world.store, shown, reason="mine", actor=ANNA)
    with served(world.store, of_one(Right.VIEWER)) as desk:
        page = desk.get("/audit").text
        export = desk.get("/audit/export", params={"form": "jsonl"}).text
        statuses = {desk.get(f"/audit/events/{number}").status_code for number in theirs}
        refused = [
            desk.get("/audit", params=filters).status_code
            for filters in ({"account": OTHER}, {"run": f"r{hidden}"}, {"campaign": "c1"})
        ]
        proof = desk.get("/audit/verify").status_code

    assert set(numbers_on(page)) == set(ids(world)) - theirs
    assert "mine" in page
    assert "secret" not in page + export
    assert OTHER not in page + export
    assert statuses == {404}
    assert refused == [404, 404, 404]
    assert proof == 403


def test_a_proof_is_made_by_a_worker_and_shown(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2])
    world.serve_out()
    assert "None was made" in desk.get("/audit/verify").text

    form = {"key": key_of(desk.get("/audit/verify/start").text)}
    first, second = (desk.post("/audit/verify/start", data=form) for _ in range(2))
    waiting = desk.get("/audit/verify")
    carry_out(Hand(world.store, UPSTREAM, "worker:one", lambda: True), 1)
    ended = desk.get("/audit/verify")

    assert (first.status_code, second.status_code) == (303, 303)
    assert world.events().count("operation_asked") == 1
    assert "No worker has begun it yet." in waiting.text
    assert (waiting.headers["refresh"], "Verify now" in waiting.text) == ("3", False)
    assert "The books balance, and the log is whole." in ended.text
    assert "refresh" not in ended.headers


def test_a_proof_that_finds_a_fault_says_so(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=[1, 2])
    with world.store.write() as connection:
        connection.execute(text("UPDATE run SET planned = 3 WHERE id = :run"), {"run": run_id})
    desk.post("/audit/verify/start", data={"key": "the key of one form"})
    carry_out(Hand(world.store, UPSTREAM, "worker:one", lambda: True), 1)

    ended = desk.get("/audit/verify").text
    assert "WRONG:" in ended
    assert "r1" in ended


def test_a_viewer_reads_a_proof_and_starts_none(world: World) -> None:
    world.account()
    with served(world.store, VIEWER) as desk:
        assert desk.get("/audit/verify").status_code == 200
        assert desk.post("/audit/verify/start", data={"key": "the key of one form"}).status_code == 403


def every(world: World) -> list[EventView]:
    with world.store.read() as connection:
        return list(events(connection))


def ids(world: World) -> list[int]:
    return [each.id for each in every(world)]


def numbers_on(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'href="/audit/events/(\d+)"', page)]
