"""When a run is expected to end, what it waits for, and what its end means to whoever waits for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from campaigns.domain.sending.forecast import Forecast
from campaigns.flow.runs.outlook import End, end_of, outlook
from campaigns.store.runs.lane_work import LaneWork
from tests.flow.runs.shown_runs import LIMITS, NOW, a_run, held


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        ({"state": "due"}, None),
        ({"state": "planned"}, None),
        ({"state": "sending"}, None),
        ({"state": "sending", "unknown": 5}, None),
        ({"state": "cancelling"}, None),
        ({"state": "cancelling", "holds": [held("credits")]}, None),
        ({"state": "finished"}, End.SUCCESS),
        ({"state": "finished_with_failures", "rejected": 5}, End.REJECTED),
        ({"state": "finished_with_failures", "unknown": 5}, End.UNKNOWN),
        ({"state": "finished_with_failures", "unknown": 5, "rejected": 5}, End.UNKNOWN),
        ({"state": "finished", "holds": [held("credits")]}, End.SUCCESS),
        ({"state": "cancelled", "rejected": 5}, End.STOPPED),
        ({"state": "skipped"}, End.STOPPED),
        ({"state": "finished", "expired": 500}, End.STOPPED),
        ({"state": "finished_with_failures", "expired": 500, "rejected": 1}, End.REJECTED),
        ({"holds": [held("operator")]}, End.STOPPED),
        ({"holds": [held("books")]}, End.STOPPED),
        ({"holds": [held("key")]}, End.REFUSED),
        ({"holds": [held("credits")]}, End.REFUSED),
        ({"holds": [held("operator"), held("account")]}, End.REFUSED),
        ({"holds": [held("configuration")]}, End.REFUSED),
    ],
)
def test_what_an_end_means_to_a_script(facts: dict[str, Any], end: End | None) -> None:
    assert end_of(a_run(**facts)) is end


def expected_end(**facts: Any) -> Forecast | None:
    return outlook(a_run(**facts), LaneWork(), limits=LIMITS, now=NOW)


def test_there_is_an_end_time_only_while_nothing_is_in_the_way() -> None:
    expected = expected_end()
    assert expected is not None
    assert (expected.ends_at.isoformat(), expected.bound_by) == ("2026-11-24T12:01:39.500000+00:00", "account gap")
    assert expected_end(holds=[held("operator")]) is None
    assert expected_end(state="finished") is None
    assert expected_end(state="due") is None


def test_a_run_that_was_too_late_to_be_handed_over_ends_after_its_own_time() -> None:
    own_time = datetime.fromisoformat("2026-11-24T12:05:00+00:00")
    expected = expected_end(scheduled_date=own_time, resumes_at=own_time)
    assert expected is not None
    assert expected.ends_at.isoformat() == "2026-11-24T12:06:39.500000+00:00"
