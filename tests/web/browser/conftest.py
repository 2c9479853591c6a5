"""One browser for all tests here, and for each test a person of its own. A fault in any page fails the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from campaigns.store.database.engine import Store
from tests.web.browser.chromium import Faults, browsing, running_chromium
from tests.web.served import ADMIN, desk_of_tests, running


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser. None on this machine is a failure with CI set; else tests/conftest.py leaves these tests out."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    """The address of a desk at which everybody is an admin."""
    with running(desk_of_tests(store, ADMIN)) as address:
        yield address


@pytest.fixture
def faults(url: str) -> Faults:
    """What is wrong with the pages of the test; `expected` names what the test provokes."""
    return Faults(url)


@pytest.fixture
def person(chromium: Browser, url: str, faults: Faults) -> Iterator[BrowserContext]:
    """A person with a new browser at the desk."""
    with browsing(chromium, faults) as context:
        yield context
    assert not faults.unexpected()


@pytest.fixture
def tab(person: BrowserContext) -> Page:
    """A tab of that person."""
    return person.new_page()
