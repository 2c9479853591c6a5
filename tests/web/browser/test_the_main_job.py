"""The whole main job in a browser, with a real worker, beat and vendor: from a file of fans to the audit.

With CAMPAIGNS_PICTURES=docs/img it also makes the pictures of the README and the docs.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.sandbox.faults import ScriptLine
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from campaigns.settings import load_settings
from campaigns.wiring import open_parts
from tests.stories.rig import OURS, Rig, times_accepted
from tests.web.browser.chromium import Faults, browsing
from tests.web.served import ADMIN, desk_of_tests, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ACCOUNT = "acct_anna"
FANS = range(5_000_001, 5_000_121)
BLOCKED = 5_000_015
"""The vendor refuses each request that names this fan."""

STEP_MS = 60_000
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Desk:
    """A running installation, its vendor, and the address of its desk."""

    def __init__(self, rig: Rig, vendor: Sandbox, url: str) -> None:
        self.rig, self.vendor, self.url = rig, vendor, url


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An installation whose third request is lost before the vendor acts, which nobody can know."""
    with tempfile.TemporaryDirectory(prefix="campaigns-story-") as name, contextlib.ExitStack() as ends:
        lost = ScriptLine(fault="dropped_before_acting", nth=3)
        vendor = Sandbox(
            "127.0.0.1", 0, setup=Setup(limit_per_minute=None, bad_users=(BLOCKED,), script=(lost,)), ledger_file=None
        )
        vendor.start()
        ends.callback(vendor.stop)
        looks = {"CAMPAIGNS_SETTLE_SECONDS": "0.5", "CAMPAIGNS_SETTLE_LOOKS": "1"}
        rig = ends.enter_context(
            contextlib.closing(Rig(Path(name), CAMPAIGNS_UPSTREAM_URL=vendor.url, CAMPAIGNS_BATCH_SIZE="20", **looks))
        )
        rig.up()
        rig.ask("accounts", "add", ACCOUNT)
        for setting in OURS:
            monkeypatch.delenv(setting, raising=False)
        for setting, value in rig.told.items():
            monkeypatch.setenv(setting, value)
        parts = open_parts(load_settings())
        ends.callback(parts.store.close)
        url = ends.enter_context(running(replace(desk_of_tests(parts.store, ADMIN), parts=parts)))
        yield Desk(rig, vendor, url)


def test_from_a_file_of_fans_to_the_audit(desk: Desk, chromium: Browser, tmp_path: Path) -> None:
    # The second tab is refused: nobody is left, or another number than it showed.
    faults = Faults(desk.url, expected=[desk.url + "/runs/1/rerun"])
    with browsing(chromium, faults) as person:
        tab = person.new_page()
        tab.set_default_timeout(STEP_MS)
        expect.set_options(timeout=STEP_MS)

        _create(tab, tmp_path)
        _launch(tab)
        _watch_it_end(tab)
        _decide(tab)
        _rerun_in_two_tabs(tab)
        _read_the_audit(tab)
    assert not faults.unexpected()

    with contextlib.closing(SandboxRecord(desk.vendor.url)) as truth:
        accepted = times_accepted(truth, ACCOUNT)
    assert max(accepted.values()) == 1
    assert set(FANS) - set(accepted) == {BLOCKED}
    assert desk.rig.ask("audit", "verify")["ok"]


def _create(tab: Page, folder: Path) -> None:
    """Write a campaign from a file; the plan is shown while the form is filled in."""
    fans = folder / "fans.csv"
    fans.write_text("user_id\n" + "\n".join(map(str, FANS)) + "\n")
    tab.goto("/campaigns/new")
    tab.get_by_label("Account", exact=True).select_option(ACCOUNT)
    tab.get_by_label("Name", exact=True).fill("Friday")
    tab.locator("#field-text").fill("Hello")
    tab.get_by_label("File of recipients").set_input_files(fans)
    expect(tab.locator("[data-live=preview]")).not_to_contain_text("is shown here while you type")
    _picture(tab, "new")
    tab.get_by_role("button", name="Write the draft").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Friday")


def _launch(tab: Page) -> None:
    """See the plan, and confirm the launch once."""
    tab.get_by_role("link", name="Plan", exact=True).click()
    expect(tab.locator("main")).to_contain_text("120")
    tab.go_back()
    tab.get_by_role("link", name="Launch", exact=True).click()
    expect(tab.locator("main")).to_contain_text("120 fans")
    _picture(tab, "launch")
    typed = tab.locator("#typed")
    if typed.count():
        typed.fill("Friday")
    tab.get_by_role("button", name="Launch").click()


def _watch_it_end(tab: Page) -> None:
    """The page of the run follows it to its end, without a reload."""
    tab.goto("/runs/1")
    tab.evaluate("window.isSameDocument = true")
    expect(tab.locator("[data-live=now] .state")).to_have_text(re.compile("finished with failures"))
    assert tab.evaluate("window.isSameDocument") is True
    expect(tab.locator("[data-live=batches]")).to_contain_text("1 unknown")
    _picture(tab, "run")


def _decide(tab: Page) -> None:
    """What needs a person is on the start page; the vendor does not show the message, so it was not sent."""
    tab.goto("/")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Needs you")
    _picture(tab, "needs-you")
    tab.goto("/runs/1/decide")
    tab.get_by_label("What became of them").select_option("not-sent")
    tab.get_by_role("button", name="Show what is recorded").click()
    tab.get_by_label("Reason").fill("the queue does not show it")
    tab.get_by_role("button", name="Record as not sent").click()
    expect(tab.get_by_role("status").first).to_contain_text("Decided as not-sent")


def _rerun_in_two_tabs(tab: Page) -> None:
    """Two tabs ask the same, and both say yes. The rerun is opened once, and the other tab is refused."""
    other = tab.context.new_page()
    for each in (tab, other):
        each.goto("/runs/1/rerun")
        for state in ("rejected", "cancelled"):  # what was decided as not sent is cancelled
            each.locator(f"main [name={state}]").check()
        each.locator("main button").first.click()
        expect(each.get_by_role("button", name="Send again")).to_be_visible()
    for each in (tab, other):
        if each.locator("#reason").count():
            each.locator("#reason").fill("they were not reached")
        each.get_by_role("button", name="Send again").click()
    expect(tab.get_by_role("status").first).to_contain_text("run")
    expect(other.get_by_role("button", name="Send again")).to_be_hidden()
    other.close()
    tab.goto("/runs")
    expect(tab.locator("[data-live=runs] tbody tr")).to_have_count(2)
    tab.goto("/runs/2")
    expect(tab.locator("[data-live=now] .state")).to_have_text(re.compile("finished"))


def _read_the_audit(tab: Page) -> None:
    """The filter is in the address, so a reload and the way back keep it."""
    tab.goto("/audit")
    tab.get_by_label("Kind").select_option("unknown_decided")
    tab.locator("main").get_by_role("button", name="Show").click()
    rows = tab.locator("[data-live=events] tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("the queue does not show it")
    tab.reload()
    expect(rows).to_have_count(1)
    tab.goto("/runs")
    tab.go_back()
    expect(rows).to_have_count(1)
    _picture(tab, "audit")


def _picture(tab: Page, name: str) -> None:
    """A picture in each theme, if they are wanted."""
    folder = os.environ.get("CAMPAIGNS_PICTURES")
    if folder is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    tab.set_viewport_size({"width": 1100, "height": 720})
    for theme in THEMES:
        tab.emulate_media(color_scheme=theme)
        tab.screenshot(path=Path(folder) / f"{name}-{theme}.png", scale="css")
