"""Pages that follow what happens: in many tabs, through a lost connection, and around what a person holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from tests.web.browser.bench import Bench
from tests.web.browser.chromium import LONGEST_WAIT_MS, Faults, browsing
from tests.world import World

expect.set_options(timeout=LONGEST_WAIT_MS)

CUT = "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"
"""What Chromium says about a server that is not there."""


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world)


@pytest.fixture
def url(bench: Bench) -> Iterator[str]:
    with bench.served() as address:
        yield address


@pytest.fixture
def streams(person: BrowserContext) -> list[Request]:
    """The event streams that the tabs open, the newest last."""
    opened: list[Request] = []
    person.on("request", lambda request: opened.append(request) if request.url.endswith("/events") else None)
    return opened


def test_a_change_appears_in_place_and_what_a_person_holds_stays(bench: Bench, tab: Page) -> None:
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Live")
    tab.evaluate("window.isSameDocument = true")
    tab.get_by_label("row 2").check()
    tab.locator("summary", has_text="More").click()
    tab.get_by_label("Note").fill("half typ")

    bench.rows = [9, 1, 2, 3]
    bench.change("second")

    expect(tab.locator("#word")).to_have_text("second")
    expect(tab.get_by_label("row 9")).not_to_be_checked()
    expect(tab.get_by_label("row 1")).not_to_be_checked()
    expect(tab.get_by_label("row 2")).to_be_checked()
    expect(tab.locator("li span")).to_have_text(["second"] * 4)
    expect(tab.get_by_label("Note")).to_have_value("half typ")
    expect(tab.get_by_label("Note")).to_be_focused()
    expect(tab.locator("#inside")).to_be_visible()
    expect(tab.locator("#inside")).to_have_text("second")
    assert tab.evaluate("window.isSameDocument") is True


def test_a_field_that_nobody_holds_follows_and_a_selection_stays(bench: Bench, tab: Page) -> None:
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Live")
    tab.evaluate("getSelection().selectAllChildren(document.querySelector('#word'))")

    bench.change("second")

    expect(tab.get_by_label("Note")).to_have_value("second")
    assert tab.evaluate("getSelection().toString()") == "first"


@pytest.mark.parametrize("count", [3, pytest.param(9, marks=pytest.mark.slow)])
def test_many_tabs_share_one_stream_and_another_leads_when_the_leader_closes(
    bench: Bench, person: BrowserContext, streams: list[Request], count: int
) -> None:
    tabs = [person.new_page() for _ in range(count)]
    for each in tabs:
        each.goto("/bench")
    bench.change("second")
    for each in tabs:
        expect(each.locator("#word")).to_have_text("second")
    assert len(streams) == 1

    leader = streams[0].frame.page
    others = [each for each in tabs if each != leader]
    with person.expect_event("request", lambda request: request.url.endswith("/events")):
        leader.close()
    bench.change("third")

    for each in others:
        expect(each.locator("#word")).to_have_text("third")
    assert len(streams) == 2


def test_a_tab_says_that_it_is_offline_and_resumes_when_the_desk_is_back(world: World, chromium: Browser) -> None:
    bench = Bench(world)
    with ExitStack() as serving:
        url = serving.enter_context(bench.served())
        faults = Faults(url, expected=[*CUT])
        with browsing(chromium, faults) as person:
            tab = person.new_page()
            tab.goto("/bench")
            expect(tab.locator("#desk-pulse")).to_have_text("Live")
            serving.close()
            expect(tab.locator("#desk-pulse")).to_contain_text("Offline since")

            bench.change("second")
            serving.enter_context(bench.served(urlsplit(url).port or 0))

            expect(tab.locator("#word")).to_have_text("second")
            expect(tab.locator("#desk-pulse")).to_have_text("Live")
        assert not faults.unexpected()


def test_a_hidden_tab_drops_its_stream_and_catches_up_when_it_is_looked_at(
    bench: Bench, tab: Page, streams: list[Request]
) -> None:
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Live")
    with tab.expect_event("requestfailed", lambda request: request == streams[0]):
        _hide(tab, True)
    bench.change("second")
    expect(tab.locator("#word")).to_have_text("first")

    _hide(tab, False)

    expect(tab.locator("#word")).to_have_text("second")
    assert len(streams) == 2


def test_the_page_after_the_end_of_a_session_says_so_and_asks_no_more(
    bench: Bench, tab: Page, faults: Faults, streams: list[Request]
) -> None:
    faults.expected.append("401")
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Live")

    bench.by = None
    bench.change("secret")

    expect(tab.locator("main")).to_contain_text("Log in")
    expect(tab.locator("html")).not_to_have_attribute("data-followed", "")
    assert len(streams) == 1


def test_a_change_does_not_cut_off_a_form_that_is_being_sent(
    bench: Bench, person: BrowserContext, faults: Faults
) -> None:
    faults.expected.append("401")
    tab, other = person.new_page(), person.new_page()
    held: list[Route] = []
    tab.route("**/bench/act", lambda route: held.append(route))  # noqa: PLW0108 - it marks the function
    for each in (tab, other):
        each.goto("/bench")
        expect(each.locator("#desk-pulse")).to_have_text("Live")
    with tab.expect_request("**/bench/act"):
        tab.get_by_role("button", name="Act").click(no_wait_after=True)

    bench.by = None  # as when the act makes its own page a refusal
    bench.change("second")
    expect(other.locator("main")).to_contain_text("Log in")
    held[0].fulfill(body="<h1>Done</h1>", content_type="text/html")

    expect(tab.get_by_role("heading", level=1)).to_have_text("Done")


def test_a_browser_that_cannot_share_a_stream_reloads_unless_a_field_is_held(bench: Bench, tab: Page) -> None:
    tab.clock.install()
    tab.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Reloading every 5 s")
    tab.get_by_label("Note").fill("half typ")
    bench.change("second")
    tab.clock.run_for(5000)
    expect(tab.locator("#word")).to_have_text("first")

    tab.get_by_label("Note").fill("first")
    tab.locator("h1").click()
    tab.clock.run_for(5000)

    expect(tab.locator("#word")).to_have_text("second")


def test_a_form_shows_what_it_would_do_and_a_change_does_not_undo_that(bench: Bench, tab: Page) -> None:
    tab.goto("/bench")
    expect(tab.locator("#desk-pulse")).to_have_text("Live")
    tab.get_by_label("Text").press_sequentially("hello")
    expect(tab.locator("#shown")).to_have_text("5 letters for anna")

    bench.change("second")

    expect(tab.locator("#word")).to_have_text("second")
    expect(tab.locator("#shown")).to_have_text("5 letters for anna")


def _hide(tab: Page, is_hidden: bool) -> None:
    """As the browser does for a tab that is behind another one."""
    tab.evaluate(
        """(isHidden) => {
          Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )
