"""Real workers die at each boundary of the send path; nobody is messaged twice, nobody is lost."""

from __future__ import annotations

import pytest

from campaigns.crashpoint import POINTS
from tests.faults.broken import BUILDS
from tests.faults.conftest import Install
from tests.faults.matrix import VENDOR, run_matrix


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_worker_that_dies_at_any_point_doubles_nobody_and_loses_nobody(install: Install) -> None:
    installation = install(vendor=VENDOR)
    verdict, died = run_matrix(installation)
    assert verdict.faults == [], installation.log("worker")[-3000:]
    assert set(died) == set(POINTS)
    assert verdict.accepted > len(POINTS)
    assert verdict.taken_back > 0


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_a_broken_build_is_found_out(install: Install, build: str) -> None:
    installation = install(vendor=VENDOR, broken=build)
    verdict, _ = run_matrix(installation, ["send.answered"])
    assert verdict.duplicates
