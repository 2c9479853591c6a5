"""When a run is expected to end, what it waits for, and what its end means to whoever waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.domain.sending.forecast import Forecast
from campaigns.flow.runs.outlook import LANE_RESTS, End, end_of, outlook, shown
from campaigns.store.runs.lane_work import LaneWork, Search
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


def test_what_the_policy_sends_again_is_sent_after_the_last_look_and_a_rest() -> None:
    run = a_run(batches={"unknown": 1}, waiting=0, unknown=10)
    search = Search(run.id, looks=3, look_at=NOW + timedelta(seconds=30))

    kept, resent = (
        outlook(run, LaneWork(searches=(search,), resends_unknown=resends), limits=LIMITS, now=NOW)
        for resends in (False, True)
    )

    assert kept is not None
    assert resent is not None
    assert kept.ends_at == NOW + timedelta(seconds=31), "the beat may need a second to wake the lane"
    assert resent.ends_at == kept.ends_at + LANE_RESTS + timedelta(seconds=0.5)


def test_a_run_that_waits_for_another_has_no_end_and_says_which() -> None:
    facts: dict[str, dict[str, Any]] = {
        "plan": {},
        "earlier_run": {"after_run_id": 5},
        "recall": {"waits_for_recall_of": [6], "after_run_id": 5},
    }
    waits = {
        name: shown(a_run(state="due", **changes), LaneWork(), limits=LIMITS, now=NOW)
        for name, changes in facts.items()
    }
    assert {name: (run.eta, run.wait and run.wait.run_id) for name, run in waits.items()} == {
        "plan": (None, None),
        "earlier_run": (None, 5),
        "recall": (None, 6),
    }
    assert [run.wait and run.wait.kind for run in waits.values()] == list(waits)


def test_a_hold_of_the_vendor_stops_the_search_of_a_run_that_is_being_cancelled() -> None:
    search = Search(7, looks=0, look_at=NOW)
    work = LaneWork(searches=(search,))
    facts: dict[str, Any] = {"state": "cancelling", "batches": {"unknown": 1}}
    assert outlook(a_run(**facts), work, limits=LIMITS, now=NOW) is not None
    assert outlook(a_run(**facts, holds=[held("operator")]), work, limits=LIMITS, now=NOW) is not None
    assert outlook(a_run(**facts, holds=[held("key")]), work, limits=LIMITS, now=NOW) is None
