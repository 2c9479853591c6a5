"""From a list of fans to the last answer, through `campaigns up`."""

from __future__ import annotations

import hashlib
from collections import Counter

from campaigns.domain.messages.message import make_message, request_body
from tests.stories.conftest import Town
from tests.stories.rig import books_balance, times_accepted

ACCOUNT = "acct_broadcast"
FANS = range(5_000_000, 5_002_000)


def test_everybody_gets_it_once_and_every_attempt_shows_the_bytes_that_left(town: Town) -> None:
    rig = town.rig
    rig.ask("suppress", "add", "4999999", "--reason", "asked", "--account", _added(town))
    campaign = rig.campaign(ACCOUNT, [*FANS, 4_999_999], "--batch-size", "100")
    plan = rig.ask("plan", str(campaign))
    assert (plan["recipients"], plan["batches"], plan["excluded"]) == (2000, 20, {"suppressed_on_account": 1})

    ended = rig.ask("launch", str(campaign), "--plan", plan["hash"], "--wait")

    assert (ended["state"], ended["accepted"], ended["batches"]) == ("finished", 2000, {"accepted": 20})
    assert books_balance(ended)
    assert times_accepted(town.record, ACCOUNT) == Counter(FANS)
    sends = {send.message_id: send for send in town.record.accepted() if send.account == ACCOUNT}
    attempts = rig.attempts(ended["id"])
    assert {row["message_id"]: row["request_sha256"] for row in attempts} == {
        message_id: send.request_sha256 for message_id, send in sends.items()
    }
    message = make_message({"text": "Hi"})
    for send in sends.values():
        assert hashlib.sha256(request_body(message, list(send.users))).hexdigest() == send.request_sha256
    assert town.record.summary()["most_sends_in_flight"][ACCOUNT] == 1
    who = rig.ask("who", str(FANS[0]))
    assert [(row["run_id"], row["state"]) for row in who] == [(ended["id"], "accepted")]
    assert rig.ask("audit", "verify")["ok"]


def _added(town: Town) -> str:
    town.rig.ask("accounts", "add", ACCOUNT)
    return ACCOUNT
