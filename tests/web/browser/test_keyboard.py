"""The desk by keyboard alone, and its keys."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from campaigns.store.views.events import events
from tests.web.browser.chromium import LONGEST_WAIT_MS
from tests.world import World

expect.set_options(timeout=LONGEST_WAIT_MS)


def test_a_run_is_paused_by_keyboard_alone(world: World, tab: Page) -> None:
    run_id = world.launched(users=[1, 2])
    tab.goto(f"/runs/{run_id}")
    tab.keyboard.press("Tab")
    expect(tab.get_by_text("Skip to the content")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("main")).to_be_focused()

    _tab_to(tab, "a", "Pause")
    tab.keyboard.press("Enter")
    expect(tab.get_by_label("Reason")).to_be_focused()  # the page that asks puts the reader there
    tab.keyboard.type("the price is wrong")
    tab.keyboard.press("Enter")

    expect(tab.get_by_role("status").first).to_contain_text("is paused")
    expect(tab).not_to_have_url(re.compile("notice"))  # a reload does not say it again
    with world.store.read() as connection:
        assert [each.reason for each in events(connection) if each.kind == "hold_opened"] == ["the price is wrong"]


def test_the_navigation_leads_everywhere_by_tab_and_enter(world: World, tab: Page) -> None:
    tab.goto("/zone")
    _tab_to(tab, "a", "Runs")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Runs")
    expect(tab.get_by_role("link", name="Runs", exact=True)).to_have_attribute("aria-current", "page")


def test_keys_go_to_pages_and_to_the_search_but_not_while_somebody_types(world: World, tab: Page) -> None:
    tab.goto("/zone")
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_be_hidden()

    tab.keyboard.press("/")
    search = tab.get_by_role("searchbox")
    expect(search).to_be_focused()
    tab.keyboard.type("gr?/")
    expect(search).to_have_value("gr?/")
    expect(tab.get_by_role("dialog")).to_be_hidden()

    tab.locator("main").focus()
    tab.keyboard.press("g")
    tab.keyboard.press("r")
    tab.wait_for_url("**/runs")


def test_who_uses_another_tool_with_keys_switches_them_off(world: World, tab: Page) -> None:
    tab.goto("/zone")
    tab.keyboard.press("?")
    tab.get_by_label("Switch these keys off").check()
    tab.get_by_role("button", name="Close").click()
    tab.goto("/runs")

    tab.keyboard.press("?")
    tab.keyboard.press("/")

    expect(tab.get_by_role("dialog")).to_be_hidden()
    expect(tab.get_by_role("searchbox")).not_to_be_focused()


def test_the_reader_chooses_the_zone_of_this_browser(world: World, tab: Page) -> None:
    world.launched(users=[1, 2])
    tab.goto("/runs?state=planned")
    tab.get_by_label("Times in").select_option("mine: Europe/Berlin")
    tab.get_by_role("contentinfo").get_by_role("button", name="Show").click()

    expect(tab.locator("main time").first).to_have_text(re.compile("CES?T$"))
    assert tab.url.endswith("/runs?state=planned")


def _tab_to(tab: Page, selector: str, words: str) -> None:
    """Press Tab until the element with these words has the focus."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        focused = tab.evaluate("[document.activeElement.localName, document.activeElement.textContent.trim()]")
        if focused == [selector, words]:
            return
    raise AssertionError(f"{words!r} is not reached by Tab")
