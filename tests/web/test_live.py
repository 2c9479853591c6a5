"""What keeps pages up to date: the watcher, its event stream, and pages that are not sent twice."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from campaigns.store.database.engine import Store
from campaigns.web import watcher
from campaigns.web.watcher import Watcher
from tests.web.served import ADMIN, desk_of_tests, running, served
from tests.world import World


def test_a_page_that_did_not_change_is_not_sent_again(world: World, desk: httpx.Client) -> None:
    first = desk.get("/runs")
    same = desk.get("/runs", headers={"If-None-Match": first.headers["etag"]})
    world.launched(users=[1, 2])
    other = desk.get("/runs", headers={"If-None-Match": first.headers["etag"]})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (other.status_code, "r1" in other.text) == (200, True)


def test_only_pages_for_somebody_follow_what_happens(world: World, desk: httpx.Client) -> None:
    assert " data-followed" in desk.get("/runs").text
    assert " data-followed" not in desk.get("/runs/77").text  # it does not exist
    run_id = world.launched(users=[1, 2])
    refused = desk.post(f"/runs/{run_id}/pause", data={"reason": "", "key": "the key of one form"})
    assert refused.status_code >= 400
    assert " data-followed" not in refused.text  # reading that address again would be another request


def test_the_stream_says_that_something_changed_and_ends_with_the_desk(world: World) -> None:
    with ExitStack() as serving, httpx.Client(timeout=60) as client:
        url = serving.enter_context(running(desk_of_tests(world.store, ADMIN)))
        with client.stream("GET", f"{url}/events") as stream:
            lines = stream.iter_lines()
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert "retry: 1000" in [next(lines), next(lines)]
            world.account("acct_one")
            assert any(line == "data: changed" for line in lines)

            serving.close()  # it ends, although the stream was open

            assert "data: changed" not in list(lines)  # nor is its end an error


def test_the_stream_is_for_those_who_may_look(store: Store) -> None:
    with served(store, by=None) as nobody:
        refused = nobody.get("/events")
        assert (refused.status_code, refused.json()["code"]) == (401, "not_identified")
    with served(store, by=replace(ADMIN, rights=frozenset())) as powerless:
        assert powerless.get("/events").status_code == 403


def test_fifty_listeners_cost_one_question_a_round_and_none_costs_none(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "EVERY_SECONDS", 0)
    answers, all_heard = iter([1, 1, 2]), threading.Event()
    asked: list[Any] = []

    def read() -> Any:
        found = next(answers, None)
        if found is None:
            all_heard.wait()
        asked.append(found)
        return found

    async def story() -> None:
        watching = Watcher(store)
        monkeypatch.setattr(watching, "_read", read)
        streams = [watching.changes() for _ in range(50)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        assert asked == [1, 1, 2]
        all_heard.set()
        for stream in streams:
            await stream.aclose()
        assert watching._watching is None

    asyncio.run(story())


def test_a_closed_watcher_ends_its_listeners_and_takes_no_others(store: Store) -> None:
    async def story() -> list[list[None]]:
        watching = Watcher(store)
        listening = asyncio.ensure_future(_all(watching))
        await asyncio.sleep(0)
        watching.close()
        return [await listening, await _all(watching)]

    assert asyncio.run(story()) == [[], []]


async def _all(watching: Watcher) -> list[None]:
    return [change async for change in watching.changes()]
