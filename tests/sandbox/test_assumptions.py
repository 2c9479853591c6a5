"""What no document says about the vendor, and what the sandbox plays of it when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.marks import read_marks, with_mark
from campaigns.sandbox.setup import parse_setup
from tests.sandbox.conftest import MASS, Start

MARK = "00112233445566ff"
TEXT = with_mark("One < two > three\nfour", MARK)


@pytest.mark.parametrize(
    ("setup", "shown"),
    [
        ({}, TEXT),
        ({"echo_marks": "stripped"}, "One < two > three\nfour"),
        ({"echo_line_breaks": "br"}, TEXT.replace("\n", "<br />")),
        ({"echo_line_breaks": "paragraph"}, TEXT.replace("\n", "</p><p>")),
        ({"echo_line_breaks": "space"}, TEXT.replace("\n", " ")),
        ({"echo_line_breaks": "lost"}, TEXT.replace("\n", "")),
        ({"echo_escapes": "escaped"}, TEXT.replace("<", "&lt;").replace(">", "&gt;")),
        ({"echo_escapes": "stripped"}, TEXT.replace("< two >", "")),
    ],
)
def test_a_text_is_shown_as_it_came_or_changed(start: Start, setup: dict[str, str], shown: str) -> None:
    sandbox = start(**setup, delivery_start_seconds=0)
    made = sandbox.post(text=TEXT).json()["data"]["id"]

    found = sandbox.client.get(f"{MASS}/{made}").json()["data"]["queue"]
    (listed,) = sandbox.client.get(f"{MASS}/overview").json()["data"]["items"]
    assert (found["text"], listed["text"]) == (shown, f"<p>{shown}</p>")
    assert read_marks(found["text"]) == (() if "echo_marks" in setup else (MARK,))
    assert sandbox.accepted()[0]["text"] == TEXT, "the record keeps what was sent"


def test_a_date_may_be_too_late(start: Start) -> None:
    def body(days: int) -> dict[str, Any]:
        due = datetime.now(UTC) + timedelta(days=days)
        return {"scheduledDate": due.isoformat()}

    assert start().post(**body(400)).status_code == 200
    sandbox = start(latest_schedule_days=90)
    assert sandbox.post(**body(89)).status_code == 200
    refused = sandbox.post(**body(91))
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["scheduledDate"])


def test_the_list_may_reach_back_no_further(start: Start) -> None:
    sandbox = start(list_depth=2)
    first, second, third = (sandbox.post().json()["data"]["id"] for _ in range(3))
    assert [row["id"] for row in sandbox.client.get(MASS).json()["data"]] == [third, second]
    assert sandbox.client.get(f"{MASS}/{first}").status_code == 200


def test_a_delete_may_be_confirmed_and_not_done(start: Start) -> None:
    sandbox = start(script=[{"fault": "delete_ignored", "request": "delete"}])
    made = sandbox.post().json()["data"]["id"]

    told = sandbox.client.delete(f"{MASS}/{made}").json()["data"]
    assert (told["success"], told["queue"]["isCanceled"]) == (True, True)
    assert sandbox.client.get(f"{MASS}/{made}").json()["data"]["queue"]["isCanceled"] is False
    sandbox.client.delete(f"{MASS}/{made}")
    assert sandbox.client.get(f"{MASS}/{made}").json()["data"]["queue"]["isCanceled"] is True
    with pytest.raises(UsageError, match="delete_ignored is for the request 'delete' only, not for 'send'"):
        parse_setup("script: [{fault: delete_ignored}]", source="it")


def test_every_answer_tells_the_vendor_s_time(start: Start) -> None:
    answered = parsedate_to_datetime(start().client.get(MASS).headers["date"])
    assert abs(datetime.now(UTC) - answered) < timedelta(minutes=1)
