"""A campaign whose time comes while two beats tick."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.embedded.left import wait_until
from tests.stories.conftest import Town
from tests.stories.rig import times_accepted

ACCOUNT = "acct_scheduled"
FANS = range(6_000_000, 6_000_030)


def test_two_beats_open_one_run_when_its_time_has_come(town: Town) -> None:
    rig = town.rig
    elsewhere = rig.folder / "another host"
    addresses = {
        "REDIS_URL": (rig.home / "redis.url").read_text().strip(),
        "DATABASE_URL": f"sqlite:///{rig.home / 'campaigns.db'}",
    }
    log = rig.folder / "beat.log"
    second = rig.start("beat", log=log, CAMPAIGNS_HOME=str(elsewhere), **addresses)
    wait_until(lambda: "celery" in log.read_text() or second.poll() is not None)
    at = datetime.now(UTC) + timedelta(seconds=4)
    campaign = rig.campaign(ACCOUNT, FANS, "--batch-size", "10", "--at", at.isoformat())
    armed = rig.ask("launch", "--yes", str(campaign))
    assert (armed["run_id"], armed["state"]) == (None, "scheduled")
    assert rig.ask("runs", "list", "--campaign", str(campaign)) == []

    wait_until(lambda: [row["state"] for row in rig.ask("runs", "list", "--campaign", str(campaign))] == ["finished"])

    (row,) = rig.ask("runs", "list", "--campaign", str(campaign))
    run = rig.run_of(row["id"])
    assert (run["kind"], datetime.fromisoformat(run["scheduled_for"])) == ("schedule", at)
    assert datetime.fromisoformat(run["created_at"]) >= at
    assert times_accepted(town.record, ACCOUNT) == Counter(FANS)
    assert second.poll() is None, log.read_text()
    second.terminate()
    second.wait(20)
