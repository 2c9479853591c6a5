"""Real processes: beat is killed, ten minutes of occurrences pass, and the misfire rules decide what fans get."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import update

from campaigns.as_json import plain
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.messages.message import make_message
from campaigns.domain.schedules.timing import Misfire, Timing
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.health import heartbeats
from campaigns.store.tables.campaigns import campaign as campaign_table
from campaigns.store.views.run_lines import RunFilter
from campaigns.store.views.run_lines import runs as runs_of
from tests.faults.conftest import Install
from tests.faults.installation import Installation, wait_for

UPSTREAM = "sandbox"
ANNA = "operator:anna"
MINUTES_AGO = (9, 6, 3)
FANS = range(7_000_001, 7_000_011)

SENT: dict[Misfire, tuple[int, ...]] = {"skip": (), "once": (3,), "all": MINUTES_AGO}
"""Of those found late, by how many minutes: who is sent."""


@pytest.mark.timeout(180)
def test_what_passed_while_beat_was_dead_is_sent_by_the_misfire_rule(install: Install) -> None:
    installation = install(vendor={"limit_per_minute": None})
    installation.start_broker()
    installation.start_vendor()
    beat = installation.start_beat()
    installation.start_worker()
    assert wait_for(lambda: _last_tick(installation), 60), installation.log("worker")
    beat.kill()

    missed = _ten_minutes_ago()
    made = {rule: _armed_before(installation, rule, missed) for rule in SENT}
    for _ in range(3):
        installation.start_beat()
    assert wait_for(lambda: all(_came_to_rest(installation, one) for one in made.values()), 90), made

    for rule, campaign_id in made.items():
        found = _runs(installation, campaign_id)
        assert [run["scheduled_for"] for run in found] == [moment.isoformat() for moment in missed]
        states = {minutes: run["state"] for minutes, run in zip(MINUTES_AGO, found, strict=True)}
        expected = {at: "finished" if at in SENT[rule] else "skipped" for at in MINUTES_AGO}
        assert states == expected, rule
        assert all("late" in run["reason"] for run in found if run["state"] == "skipped")
    assert _accepted(installation) == {f"acct_{rule}": Counter(dict.fromkeys(FANS, len(SENT[rule]))) for rule in SENT}


def _ten_minutes_ago() -> list[datetime]:
    """Whole minutes, so that a cron expression names them."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return [now - timedelta(minutes=ago) for ago in MINUTES_AGO]


def _armed_before(installation: Installation, rule: Misfire, missed: list[datetime]) -> int:
    """A campaign as it stands when it was armed before the first of the missed occurrences, and nobody has looked."""
    store = installation.store
    add_account(store, f"acct_{rule}", upstream=UPSTREAM, team=None, actor=ANNA)
    minutes = ",".join(str(minute) for minute in sorted(moment.minute for moment in missed))
    draft = Draft(
        name=rule,
        account_id=f"acct_{rule}",
        message=make_message({"text": rule}),
        audience=Reading(users=BitMap64(FANS)),
        batch_size=5,
        timing=Timing(cron=f"{minutes} * * * *", zone="UTC", misfire=rule),
        often=True,
    )
    campaign_id = create_campaign(store, draft, actor=ANNA).id
    launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    with store.write() as connection:
        stands = update(campaign_table).where(campaign_table.c.id == campaign_id)
        connection.execute(stands.values(due_for=missed[0], due_at=missed[0]))
    return campaign_id


def _last_tick(installation: Installation) -> datetime | None:
    with installation.store.read() as connection:
        return heartbeats.heartbeats(connection).get("beat")


def _runs(installation: Installation, campaign_id: int) -> list[dict[str, Any]]:
    with installation.store.read() as connection:
        found = [plain(line) for line in runs_of(connection, RunFilter(campaign_id=campaign_id))]
    return sorted(found, key=lambda run: str(run["scheduled_for"]))


def _came_to_rest(installation: Installation, campaign_id: int) -> bool:
    found = _runs(installation, campaign_id)
    return len(found) >= len(MINUTES_AGO) and all(run["state"] in {"finished", "skipped"} for run in found)


def _accepted(installation: Installation) -> dict[str, Counter[int]]:
    with contextlib.closing(installation.record()) as record:
        accepted = list(record.accepted())
    return {f"acct_{rule}": _users(send.users for send in accepted if send.account == f"acct_{rule}") for rule in SENT}


def _users(sends: Iterable[Iterable[int]]) -> Counter[int]:
    return Counter(user for users in sends for user in users)
