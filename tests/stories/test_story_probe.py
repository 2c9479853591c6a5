"""A probe through `campaigns up`: nobody is reached, nothing stays, and campaigns written afterwards carry marks."""

from __future__ import annotations

from campaigns.domain.messages.marks import read_marks
from campaigns.sandbox.items import QueueItem
from tests.stories.conftest import Town

ACCOUNT = "acct_probed"
TESTER = 9_000_001
FANS = range(9_100_000, 9_100_040)


def test_a_probe_reaches_nobody_and_its_result_is_the_default_of_the_mark(town: Town) -> None:
    rig = town.rig
    rig.ask("accounts", "add", ACCOUNT)

    found = rig.ask("probe", ACCOUNT, "--to", str(TESTER), "--yes")

    assert (found["ended"], found["result"]["basis"], found["result"]["mark"]) == ("gone", "scheduled", True)
    (item,) = at_the_vendor(town)
    assert (str(item.id), list(item.users)) == (found["message_id"], [TESTER])
    assert item.cancelled_at is not None
    assert item.delivered_count(town.vendor.vendor.clock()) == 0
    assert not [check for check in rig.ask("doctor") if check["part"].startswith("probe")]

    campaign = rig.campaign(ACCOUNT, FANS, "--batch-size", "10")
    assert rig.ask("plan", str(campaign))["mark"] is True
    ended = rig.ask("launch", "--yes", str(campaign), "--wait")

    marks = {row["message_id"]: row["mark"] for row in rig.attempts(ended["id"])}
    sent = {str(each.id): read_marks(each.content.text) for each in at_the_vendor(town) if each.id != item.id}
    assert len(marks) == 4
    assert sent == {message_id: (mark,) for message_id, mark in marks.items()}
    assert rig.ask("audit", "verify")["ok"]


def at_the_vendor(town: Town) -> list[QueueItem]:
    return [item for item in town.vendor.vendor.world.book.accepted() if item.account == ACCOUNT]
