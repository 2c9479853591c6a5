"""What machines ask without a login."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from campaigns.flow.accounts.stop import stop
from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart
from tests.web.served import served
from tests.world import ANNA, UNKNOWN, UPSTREAM, World

PAGE = Path(__file__).parents[2] / "docs/desk.md"


def test_a_desk_that_nobody_logged_in_to_says_how_it_is(world: World) -> None:
    with served(world.store, by=None) as desk:
        assert desk.get("/livez").text == "alive\n"
        assert (desk.get("/readyz").status_code, desk.get("/readyz").text) == (200, "ready\n")

        stop(world.store, None, upstream=UPSTREAM, reason="wrong price", actor=ANNA)

        assert desk.get("/readyz").text == "ready; sending is stopped\n"


def test_the_figures_are_those_of_the_database(world: World, desk: httpx.Client) -> None:
    world.launched()
    world.gateway.script = [UNKNOWN]
    world.serve(turns=1)

    shown = _figures(desk.get("/metrics").text)

    assert shown['campaigns_batches{state="unknown"}'] == 1
    assert shown['campaigns_batches{state="ready"}'] == 2
    assert shown["campaigns_unknown_batches"] == 1
    assert shown['campaigns_recent_outcomes{outcome="unknown"}'] == 1
    assert shown["campaigns_lanes_ready"] == 1
    assert shown["campaigns_open_runs"] == 1
    assert _figures(desk.get("/metrics").text)['campaigns_http_requests_total{method="GET",status="2xx"}'] == 1


def test_the_figures_from_another_machine_need_a_token(world: World) -> None:
    behind_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    with served(world.store, by=None) as desk:
        refused = desk.get("/metrics", headers=behind_a_proxy)
        assert (refused.status_code, refused.json()["code"]) == (401, "not_identified")
    with served(world.store) as desk:
        assert desk.get("/metrics", headers=behind_a_proxy).status_code == 200


def test_a_contact_is_named_only_where_one_is_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(world.store) as desk:
        assert desk.get("/.well-known/security.txt").status_code == 404
    monkeypatch.setenv("CAMPAIGNS_SECURITY_CONTACT", "mailto:security@example.com")
    with served(world.store) as desk:
        text = desk.get("/.well-known/security.txt").text
    assert re.fullmatch(r"Contact: mailto:security@example.com\nExpires: \d{4}-.*\+00:00\n", text)


def test_every_figure_is_documented_and_no_other(world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    world.launched()
    with world.store.write() as connection:
        beat_heart(connection, BEAT_SENDS, now=world.store.now(connection))
    with served(world.store) as desk:
        text = desk.get("/metrics").text

    names = set(re.findall(r"^# HELP (\w+) ", text, re.MULTILINE)) - {"campaigns_http_requests_created"}
    documented = set(re.findall(r"^\| `(campaigns_\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert {name.removesuffix("_total") for name in names} == documented


def _figures(text: str) -> dict[str, float]:
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}
