"""A short storm on each database; `./run storm` is the long form of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.broken import BUILDS_THAT_FORGET
from tests.faults.official_client import doubled_by_the_official_client
from tests.faults.one_storm import raise_storm
from tests.faults.oracle import Verdict
from tests.faults.report import Report
from tests.faults.surprises import surprises
from tests.faults.wanted import FAULTS, Wanted

SHARES = {
    "sqlite": Wanted(kills=6, cuts=6, seed=2),
    "postgresql": Wanted(kills=4, cuts=6, seed=7),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", SHARES)  # in place of the fixture, so that --no-postgres knows it
def test_a_short_storm_messages_nobody_twice_and_loses_nobody(database_url: str, tmp_path: Path) -> None:
    lines: list[str] = []
    wanted = SHARES[database_url]
    report = raise_storm(tmp_path, database_url, wanted, lines.append)
    assert report.verdict.faults == [], report.lines()
    assert sum(report.kills.values()) >= wanted.kills
    assert sum(report.cuts.values()) >= wanted.cuts
    assert sum(report.upheavals.values()) == len(wanted.upheavals(on_sqlite=database_url == "sqlite"))
    assert report.verdict.accepted > 50


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("build", BUILDS_THAT_FORGET)
def test_a_build_that_doubles_users_after_a_restore_is_found_out(build: str, tmp_path: Path) -> None:
    report = raise_storm(tmp_path, "sqlite", Wanted(0, 1, 3, {"restores"}), lambda _: None, broken=build)
    assert report.verdict.duplicates, report.lines()


def test_the_official_client_messages_users_twice_under_the_same_lost_answers() -> None:
    users, twice, lost = doubled_by_the_official_client(60)
    assert lost > 0
    assert twice > 0
    assert users > twice


def test_each_fault_of_the_database_comes_at_least_once_unless_it_is_left_out() -> None:
    assert sorted(Wanted(300, 4, 1).upheavals(on_sqlite=False)) == ["promotion", "restore"]
    assert Wanted(300, 4, 1).upheavals(on_sqlite=True) == ["restore"]
    assert len(Wanted(300, 300, 1).upheavals(on_sqlite=False)) == 16
    assert Wanted(300, 300, 1, set(FAULTS) - {"restores", "promotions"}).upheavals(on_sqlite=False) == []
    assert Wanted(300, 0, 1).upheavals(on_sqlite=False) == []


def test_the_report_names_what_broke() -> None:
    verdict = Verdict(duplicates=["Number 1: 2 users were messaged more than once"])
    report = Report("sqlite", 1, 1.0, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0, {"p50": None}, verdict)
    assert not report.as_dict()["ok"]
    assert "Number 1: 2 users were messaged more than once" in "\n".join(report.lines())


def test_an_exception_that_no_task_caught_is_a_surprise_unless_it_is_the_brokers() -> None:
    log = (
        "ERROR celery.app.trace: Task campaigns.tick[b378-9629] raised unexpected: ProgrammingError('no statement')\n"
        "ERROR celery.app.trace: Task campaigns.tick[b378-9630] raised unexpected: ProgrammingError('no statement')\n"
        "ERROR celery.app.trace: Task campaigns.tick[b378-9631] raised unexpected: OperationalError('Error 104')\n"
        '{"event": "lane_postponed", "reason": "The database cannot be used now"}\n'
    )
    (surprise,) = surprises(log)
    assert surprise.startswith("tick raised ProgrammingError 2 times: 'no statement'")
