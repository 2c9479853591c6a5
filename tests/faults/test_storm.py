"""A short storm in every test run; `./run storm` is the long form of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import storm
from tests.faults.official_client import doubled_by_the_official_client
from tests.faults.oracle import Verdict
from tests.faults.storm import Report, Wanted


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_storm_messages_nobody_twice_and_loses_nobody(tmp_path: Path) -> None:
    said: list[str] = []
    report = storm.raise_storm(tmp_path, "sqlite", Wanted(kills=12, cuts=4, seed=1), said.append)
    assert report.verdict.faults == [], report.lines()
    assert sum(report.kills.values()) >= 12
    assert sum(report.cuts.values()) >= 4
    assert report.verdict.accepted > 50


def test_the_official_client_messages_users_twice_under_the_same_lost_answers() -> None:
    users, twice, lost = doubled_by_the_official_client(60)
    assert lost > 0
    assert twice > 0
    assert users > twice


def test_the_report_names_what_broke() -> None:
    verdict = Verdict(duplicates=["run 1: 2 users were messaged more than once"])
    report = Report("sqlite", 1, 1.0, {}, {}, {}, {}, {}, {"p50": None}, 0, verdict)
    assert not report.as_dict()["ok"]
    assert "run 1: 2 users were messaged more than once" in "\n".join(report.lines())
