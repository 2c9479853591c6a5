"""The Chromium or Chrome of this machine, and what every test holds against a page that it opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, sync_playwright

from tests.web.browser.find import HOW_TO_GET_IT, find_browser

LONGEST_WAIT_MS = 20_000
"""A condition that is not met by then never will be; it is long, for machines that are busy."""

TELL_OF_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} refused ${event.blockedURI} ${event.sample}`));
"""


class NoBrowser(Exception):
    """The tests of pages cannot run here; the message names the ways out."""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A Chromium without a window. Raises NoBrowser."""
    program = find_browser()
    if program is None:
        raise NoBrowser(f"{HOW_TO_GET_IT} Or leave the tests of pages out with --no-browser.")
    rights = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=rights)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Faults:
    """What went wrong in the pages of one test: each makes the test fail, unless the test expects it."""

    desk: str
    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)  # texts of faults that the test provokes

    def unexpected(self) -> list[str]:
        """The faults that no test provoked."""
        return [fault for fault in self.seen if not any(text in fault for text in self.expected)]

    def watch(self, context: BrowserContext) -> None:
        """Note every violation of the policy, error on the console, error of a script, and request to another host."""
        context.add_init_script(TELL_OF_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.seen.append(f"error of a script: {error.error}"))
        context.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.seen.append(f"console: {message.text} {message.location.get('url', '')}")

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.desk).netloc:
            self.seen.append(f"request to another host: {request.url}")


@contextmanager
def browsing(browser: Browser, faults: Faults) -> Iterator[BrowserContext]:
    """A context of its own, as of a new person, whose addresses begin at the desk."""
    context = browser.new_context(base_url=faults.desk, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(LONGEST_WAIT_MS)
    faults.watch(context)
    try:
        yield context
    finally:
        context.close()
