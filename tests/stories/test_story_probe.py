"""A probe through `campaigns up`: nobody is reached, nothing stays, and campaigns written afterwards carry marks."""

from __future__ import annotations

from campaigns.domain.messages.marks import read_marks
from tests.stories.conftest import Town

ACCOUNT = "acct_probed"
TESTER = 9_000_001
FANS = range(9_100_000, 9_100_040)


def test_a_probe_reaches_nobody_and_its_result_is_the_default_of_the_mark(town: Town) -> None:
    rig = town.rig
    rig.ask("accounts", "add", ACCOUNT)

    found = rig.ask("probe", ACCOUNT, "--to", str(TESTER), "--yes")

    assert (found["ended"], found["result"]["basis"], found["result"]["mark"]) == ("gone", "scheduled", True)
    (item,) = [item for item in town.vendor.vendor.world.book.accepted() if item.account == ACCOUNT]
    assert (str(item.id), list(item.users)) == (found["message_id"], [TESTER])
    assert item.cancelled_at is not None
    assert item.delivered_count(town.vendor.vendor.clock()) == 0
    assert not [check for check in rig.ask("doctor") if check["part"].startswith("probe")]

    campaign = rig.campaign(ACCOUNT, FANS, "--batch-size", "10")
    assert rig.ask("plan", str(campaign))["mark"] is True
    ended = rig.ask("launch", str(campaign), "--wait")

    marks = {row["message_id"]: row["mark"] for row in rig.attempts(ended["id"])}
    sends = [send for send in town.record.accepted() if send.account == ACCOUNT and send.message_id in marks]
    assert len(sends) == len(marks) == 4
    assert all(read_marks(send.text) == (marks[send.message_id],) for send in sends)
    assert rig.ask("audit", "verify")["ok"]
