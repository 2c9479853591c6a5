"""The batches of a run, one batch with its evidence, and the requests: what is shown, and that it is text."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.web.pages.evening import batches as batch_pages
from tests.web.pages.reading import read
from tests.world import ACCOUNT, NOT_SENT, REJECTED, UNKNOWN, World

MARKUP = '<script>alert(1)</script><img src=x onerror="x">'
TURNED = "\u202egnp\u202c \x1b[31m"


def test_batches_are_filtered_and_paged_by_the_address(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_pages, "PAGE", 2)
    world.gateway.script = [REJECTED]
    run_id = world.launched(users=range(1, 12))
    world.serve(turns=2)
    base = f"/runs/{run_id}/batches"

    first = read(desk, base)
    (following,) = [href for href in first.links if "after=" in href]
    second = read(desk, following)
    ready = read(desk, f"{base}?state=ready&first=4&last=5")

    assert {f"{base}/1", f"{base}/2"} <= set(first.links)
    assert {f"{base}/3", f"{base}/4"} <= set(second.links)
    assert f"{base}/1" not in second.links
    assert {f"{base}/4", f"{base}/5"} <= set(ready.links)
    assert "2 batches at most that are ready, of 4 to 5" in ready.text
    assert read(desk, f"{base}?state=wrong").status == 422
    assert read(desk, f"{base}?after=99999999999").status == 422
    assert read(desk, f"{base}/999").status == 404


def test_a_batch_shows_each_request_on_one_clock(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [NOT_SENT, UNKNOWN]
    run_id = world.launched(users=[1, 2])
    world.serve_out()
    world.clock.advance(30)
    world.serve_out()

    page = read(desk, f"/runs/{run_id}/batches/1")
    digest = world.attempts(run_id)[0]["request_sha256"]

    assert "Request 1 : not sent, took 0.0 s" in page.text
    assert "Request 2 : unknown" in page.text
    assert "s after the one before" in page.text
    assert digest in page.text
    assert "Evidence At Kind" in page.text
    assert "Questions to the vendor" in page.text
    assert f"/runs/{run_id}/decide?batches=1" in page.links


def test_what_a_vendor_a_fan_or_a_person_wrote_is_text(world: World, desk: httpx.Client) -> None:
    error = f"{MARKUP} {TURNED}"
    reply = f'{{"error": "{MARKUP}", "other": "{TURNED}"}}'
    world.gateway.script = [Outcome(OutcomeKind.REJECTED, error=error, http_status=422, response=reply)]
    run_id = world.launched(users=[1, 2], name=MARKUP, message={"text": f"Hello {MARKUP} \u202egnp"})
    world.serve_out()

    addresses = ("/", "/tonight", "/runs", f"/runs/{run_id}", f"/runs/{run_id}/batches", f"/runs/{run_id}/attempts")
    acts = (f"/runs/{run_id}/rerun", f"/runs/{run_id}/rerun?rejected=1")
    for address in (*addresses, f"/runs/{run_id}/batches/1", *acts):
        page = read(desk, address)
        assert page.status == 200, address
        assert "<script>alert" not in page.source, address
        assert "<img" not in page.source, address
        assert not {"\u202e", "\u202c", "\x1b"} & set(page.source), address
    batch = read(desk, f"/runs/{run_id}/batches/1")
    assert MARKUP in batch.text
    assert r"\u202egnp\u202c \u001b[31m" in batch.text


def test_a_long_reply_is_cut_and_says_so(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [replace(REJECTED, response="x" * 5_000)]
    run_id = world.launched(users=[1, 2])
    world.serve_out()

    page = read(desk, f"/runs/{run_id}/batches/1")

    assert "its first 2,000 of 5,000 characters" in page.text
    assert "x" * 2_000 in page.text
    assert "x" * 2_001 not in page.text


def test_requests_are_listed_the_newest_first_and_each_once(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_pages, "PAGE", 2)
    run_id = world.launched(users=range(1, 11))
    for _ in range(5):
        world.serve(turns=1)
        world.clock.advance(1)
    other = world.launched(users=[51, 52])
    world.serve()
    base = f"/runs/{run_id}/batches/"

    seen, address = [], f"/runs/{run_id}/attempts"
    while address:
        page = read(desk, address)
        seen.append(sorted(page.acts(base)))
        address = next((href for href in page.links if "cursor=" in href), "")

    assert seen == [["4", "5"], ["2", "3"], ["1"]]
    assert read(desk, f"/runs/{other}/attempts").acts(f"/runs/{other}/batches/") == {"1"}
    assert read(desk, f"/runs/{run_id}/attempts?cursor=made-up").status == 422
    assert ACCOUNT in read(desk, f"/runs/{run_id}/attempts").text
