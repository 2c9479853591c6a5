"""Faults of queue items: the send is accepted and answered, and what the queue shows of it is not to be relied on."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import MASS, Start


def test_an_item_may_be_late_in_the_list_and_in_the_overview(start: Start) -> None:
    sandbox = start(script=[{"fault": "late_in_list", "seconds": 3600}])
    late, other = (sandbox.post().json()["data"]["id"] for _ in range(2))
    assert [row["id"] for row in sandbox.client.get(MASS).json()["data"]] == [other]
    items = sandbox.client.get(f"{MASS}/overview").json()["data"]["items"]
    assert [item["id"] for item in items] == [other]
    assert sandbox.client.get(f"{MASS}/{late}").status_code == 200


def test_an_item_may_be_gone_from_the_list(start: Start) -> None:
    sandbox = start(script=[{"fault": "gone_from_list", "seconds": 0}])
    gone = sandbox.post().json()["data"]["id"]
    assert sandbox.client.get(MASS).json()["data"] == []
    assert sandbox.client.get(f"{MASS}/{gone}").status_code == 200
    assert len(sandbox.client.get(f"{MASS}/overview").json()["data"]["items"]) == 1


def test_late_and_gone_can_be_the_rule(start: Start) -> None:
    sandbox = start(late_in_list_seconds=3600)
    sandbox.post()
    assert sandbox.client.get(MASS).json()["data"] == []
    sandbox = start(gone_from_list_seconds=0)
    sandbox.post()
    assert sandbox.client.get(MASS).json()["data"] == []


@pytest.mark.parametrize(
    ("given", "shown"), [({}, "Posted by another tool"), ({"text": "same"}, "Hi"), ({"text": "Yo"}, "Yo")]
)
def test_another_tool_may_post_beside_a_send(start: Start, given: dict[str, str], shown: str) -> None:
    sandbox = start(script=[{"fault": "foreign_item", **given}])
    mine = sandbox.post().json()["data"]["id"]
    rows = {row["id"] for row in sandbox.client.get(MASS).json()["data"]}
    assert mine in rows
    (foreign,) = rows - {mine}
    assert sandbox.client.get(f"{MASS}/{foreign}").json()["data"]["queue"]["text"] == shown
    assert [row["id"] for row in sandbox.accepted()] == [str(mine)]


def test_delivery_may_be_slow_and_media_not_ready(start: Start) -> None:
    sandbox = start(
        delivery_start_seconds=0,
        delivery_seconds=0,
        script=[
            {"fault": "slow_delivery", "nth": 1, "start_seconds": 0, "seconds": 3600},
            {"fault": "media_not_ready", "nth": 2},
        ],
    )
    slow, unready, quick = (sandbox.post().json()["data"]["id"] for _ in range(3))
    rows = {row["id"]: row for row in sandbox.client.get(MASS).json()["data"]}
    assert (rows[slow]["total"], rows[slow]["isDone"]) == (2, False)
    assert (rows[unready]["isReady"], rows[unready]["total"], rows[unready]["isDone"]) == (False, -1, False)
    assert (rows[quick]["isReady"], rows[quick]["total"], rows[quick]["isDone"]) == (True, 2, True)


def test_users_may_be_skipped_without_being_named(start: Start) -> None:
    sandbox = start(delivery_start_seconds=0, delivery_seconds=0, script=[{"fault": "users_skipped", "count": 2}])
    sent = sandbox.post(userIds=["9", "5", "7"]).json()["data"]["id"]
    assert sandbox.client.get(f"{MASS}/{sent}").json()["data"]["queue"]["sentCount"] == 1
    assert sandbox.accepted()[0]["user_ids"] == ["9"]
