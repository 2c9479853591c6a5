"""Every page: the policy holds, axe finds nothing in either theme, and nothing is wider than the screen.

The pages are those of the routes. One that needs the ID of something is opened for what the test made.
"""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi.routing import APIRoute, iter_route_contexts
from playwright.sync_api import BrowserContext, Page

from campaigns.flow.accounts.stop import stop
from campaigns.web.app import PAGES
from campaigns.web.kit.pages import FOR_PROGRAMS
from tests.web.browser.chromium import Faults
from tests.world import ACCOUNT, REJECTED, UNKNOWN, UPSTREAM, World, accepted

WIDTHS = (320, 768, 1440)

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

A_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ,]+\d\d:\d\d|\d{1,2} [A-Z][a-z]{2} \d{4},? \d\d:\d\d")

REFUSED = "the server responded with a status of 4"
"""Chromium's words about a page of refusal, which is a page too: an act that is not possible now, for example."""

NAMED = {
    "run_id": "1",
    "campaign_id": "1",
    "account_id": ACCOUNT,
    "user": "1",
    "seq": "1",
    "event_id": "1",
    "session_id": "1",
    "token_id": "1",
    "name": "anna",
    "code": "not_found",
    "host_id": "0" * 32,
}
"""A value for each name in the path of a page; those of things that the test makes."""


def paths() -> list[str]:
    """The path of each page, without those that are for programs."""
    found = {
        str(context.path)
        for routes in PAGES
        for context in iter_route_contexts(routes.routes)
        if isinstance(context.original_route, APIRoute) and "GET" in (context.methods or ())
    }
    return sorted(path for path in found if not path.startswith(FOR_PROGRAMS))


def filled(path: str) -> str:
    """The path with the IDs of the test."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda name: NAMED[name[1]], path)


@pytest.fixture
def evening(world: World) -> World:
    """A run with a request of each outcome, and a stop, so that every page has something to show."""
    world.gateway.script = [accepted("message 1"), REJECTED, UNKNOWN]
    world.launched(users=range(1, 61))
    world.serve(turns=3)
    world.account("acct_two")
    stop(world.store, "acct_two", upstream=UPSTREAM, reason="they asked us to", actor="operator:anna")
    return world


def test_the_tests_know_a_value_for_each_name_in_a_path() -> None:
    names = {name for path in paths() for name in re.findall(r"{(\w+)", path)}
    assert names <= set(NAMED), "give the test a value for each of these"
    assert "/runs" in paths()


def test_pages_hold_the_policy_and_fit_a_telephone(evening: World, person: BrowserContext, faults: Faults) -> None:
    faults.expected.append(REFUSED)
    tab = person.new_page()
    tab.set_viewport_size({"width": WIDTHS[0], "height": 640})
    for path in paths():
        if path.count("/") == 1 and "{" not in path and _is_page(person, path):
            tab.goto(path)
            assert _overflow(tab) <= 0, path
            assert _loose_times(tab) == [], path


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_what_all_pages_share(
    evening: World, tab: Page, faults: Faults, theme: Literal["light", "dark"]
) -> None:
    tab.emulate_media(color_scheme=theme)
    tab.goto("/zone")
    assert _violations(tab) == []
    tab.keyboard.press("?")
    assert _violations(tab) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", paths())
def test_each_page_in_each_width_and_theme(evening: World, person: BrowserContext, faults: Faults, path: str) -> None:
    faults.expected.append(REFUSED)
    address = filled(path)
    if not _is_page(person, address):
        return
    tab = person.new_page()
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto(address)
        assert _overflow(tab) <= 0, f"wider than {width} px"
        assert tab.locator("h1").count() == 1
        assert _loose_times(tab) == []
    for theme, width in zip(THEMES, (WIDTHS[-1], WIDTHS[0]), strict=True):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=theme)
        assert _violations(tab) == [], f"{theme}, {width} px"


def _is_page(person: BrowserContext, address: str) -> bool:
    """Whether the reply is a page, and not a file to keep. A fault of the desk is neither."""
    reply = person.request.get(address)
    assert reply.status < 500, address
    return reply.headers["content-type"].startswith("text/html") and "content-disposition" not in reply.headers


def _overflow(tab: Page) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


def _loose_times(tab: Page) -> list[str]:
    """Times outside of `time` elements: nobody could tell in which zone they are."""
    text: str = tab.evaluate(
        """() => {
          const copy = document.querySelector("main").cloneNode(true);
          copy.querySelectorAll("time, pre, code, textarea").forEach((each) => each.remove());
          return copy.textContent;
        }"""
    )
    return [found[0] for found in A_TIME.finditer(text)]


def _violations(tab: Page) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]
