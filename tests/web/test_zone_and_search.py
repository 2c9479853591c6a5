"""The choice of a zone, and the search box."""

from __future__ import annotations

import httpx
import pytest

from tests.world import World


def test_a_zone_is_kept_and_every_time_is_then_printed_in_it(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2])
    before = desk.get("/runs").text

    chosen = desk.post("/zone", data={"zone": "Asia/Kolkata", "to": "/runs?state=due"})

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/runs?state=due")
    assert "HttpOnly" in chosen.headers["set-cookie"]
    after = desk.get("/runs").text
    assert (" UTC</time>" in before, " IST</time>" in before) == (True, False)
    assert (" UTC</time>" in after, " IST</time>" in after) == (False, True)
    assert 'data-zone="Asia/Kolkata"' in after


def test_what_is_not_a_zone_is_refused(world: World, desk: httpx.Client) -> None:
    refused = desk.post("/zone", data={"zone": "Mars/Olympus", "to": "/runs"})

    assert refused.status_code == 422
    assert "set-cookie" not in refused.headers
    assert "Mars/Olympus" in refused.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", ""]
)
def test_the_choice_leads_to_no_other_host(desk: httpx.Client, wanted: str) -> None:
    chosen = desk.post("/zone", data={"zone": "UTC", "to": wanted})

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("r7", "/runs/7"),
        (" C3 ", "/campaigns/3"),
        ("12345678901", "/fans/12345678901"),
        ("acct_one", "/accounts/acct_one"),
        ("Friday & Co", "/campaigns?name=Friday+%26+Co"),
        ("99999999999999999999", "/campaigns?name=99999999999999999999"),
        ("//evil.example", "/campaigns?name=%2F%2Fevil.example"),
    ],
)
def test_the_search_leads_to_what_is_named(desk: httpx.Client, words: str, place: str) -> None:
    found = desk.get("/search", params={"q": words})

    assert (found.status_code, found.headers["location"]) == (303, place)


def test_an_empty_search_says_what_can_be_searched(desk: httpx.Client) -> None:
    assert "acct_abc123" in desk.get("/search").text
