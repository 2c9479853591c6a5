"""The budget of questions, counted from the vendor's log."""

from __future__ import annotations

import httpx
import pytest

from tests.faults.conftest import Install
from tests.faults.questions import Budget, RequestLog

AMPLE = Budget(per_minute=100, questions_per_minute=100, questions_per_search=100, whoami_per_worker=100)

SEEN = [*((float(second), "send") for second in range(0, 120, 2)), *((90.0 + tenth / 10, "list") for tenth in range(7))]
"""Thirty sends a minute, and seven questions within a second."""


@pytest.fixture
def log(install: Install) -> RequestLog:
    return RequestLog(install(vendor={}), _seen=[*SEEN, (91.0, "whoami"), (119.0, "whoami")])


def test_what_is_within_the_budget_is_no_fault(log: RequestLog) -> None:
    assert log.busiest() == {"requests": 39, "questions": 9}
    assert log.faults(AMPLE, searches=1, workers=1) == []


@pytest.mark.parametrize(
    ("budget", "fault"),
    [
        (Budget(38, 100, 100, 100), "39 requests within a minute, where 38 are allowed"),
        (Budget(100, 8, 100, 100), "9 questions within a minute, where 8 are allowed"),
        (Budget(100, 100, 3, 100), "7 questions for 2 searches, where 6 are allowed"),
        (Budget(100, 100, 100, 1), "2 whoami by 1 workers, where 1 are allowed"),
    ],
)
def test_what_is_over_it_is_one(log: RequestLog, budget: Budget, fault: str) -> None:
    assert log.faults(budget, searches=2, workers=1) == [fault]


def test_the_log_is_read_across_the_lives_of_a_vendor(install: Install) -> None:
    site = install(vendor={"limit_per_minute": None})
    log = RequestLog(site)
    for _ in range(2):
        vendor = site.start_vendor()
        _ask_whose_key(site.vendor_port)
        log.read()
        log.read()
        vendor.kill()
    log.read()
    assert log.counts() == {"whoami": 2}


def _ask_whose_key(port: int) -> None:
    httpx.get(f"http://127.0.0.1:{port}/api/whoami", headers={"Authorization": "Bearer key"}, trust_env=False)
