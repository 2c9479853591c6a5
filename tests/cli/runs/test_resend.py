"""Sending unknown batches again asks first: some of the fans may have the message already."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.conftest import Shell, on_a_terminal
from tests.store.forger import Forger
from tests.world import UNKNOWN, World, accepted

RESEND = ("runs", "decide", "1", "--all", "--as", "resend", "--reason", "nobody got it")


@pytest.fixture
def given_up(shell: Shell, world: World) -> Shell:
    """Run r1: batch 1 is accepted, batch 2 (users 3 and 4) is unknown, and the last look is over."""
    shell.ok(
        "launch", "--yes", str(shell.campaign("--batch-size", "2", "--text", "Friday is here", "--name", "Friday"))
    )
    world.gateway.script = [accepted("700"), UNKNOWN]
    for _ in range(4):
        world.serve()
        world.clock.advance(60)
    assert [batch["state"] for batch in shell.ok("runs", "batches", "1")] == ["accepted", "unknown", "accepted"]
    return shell


def decided(shell: Shell) -> list[Any]:
    return [event for event in shell.ok("audit", "list") if event["kind"] in {"unknown_decided", "run_reopened"}]


def test_off_a_terminal_it_is_refused_and_nothing_is_done(given_up: Shell) -> None:
    sentence = given_up.refusal(*RESEND, code=2)

    assert "Send 1 unknown batch again to 2 fans of acct_one?" in sentence
    assert "nothing was done. Pass --yes" in sentence
    assert decided(given_up) == []
    assert [batch["state"] for batch in given_up.ok("runs", "batches", "1")][1] == "unknown"


def test_with_yes_it_is_sent_again(given_up: Shell, world: World) -> None:
    answer = given_up.ok(*RESEND, "--yes")

    assert answer == {"run_id": 1, "as": "resend", "batches": [2], "recipients": 2, "state": "sending"}
    world.serve()
    assert world.requests_by_user()[3] == 2
    assert [event["kind"] for event in decided(given_up)] == ["run_reopened", "unknown_decided"]


def test_on_a_terminal_a_person_sees_what_it_is_and_may_say_no(
    given_up: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)

    refused = given_up.run(*RESEND, stdin=b"n\n")
    assert refused.exit_code == 130
    for shown in ("campaign c1 (Friday)", "Friday is here", "free", "1 request, a credit each", "get it twice"):
        assert shown in refused.stderr
    assert decided(given_up) == []

    assert given_up.run(*RESEND, stdin=b"y\n").exit_code == 0
    assert len(decided(given_up)) == 2


def test_what_is_refused_is_refused_before_the_question(given_up: Shell) -> None:
    given_up.ok("archive", "1", "--yes")

    sentence = given_up.refusal(*RESEND, code=4)

    assert re.search("campaign c1, which is archived and no longer sends", sentence)


def test_a_batch_that_becomes_unknown_after_the_question_is_not_sent_again(
    given_up: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def agree(*_: Any, **__: Any) -> None:
        Forger(world.store).does("UPDATE batch SET state = 'unknown', message_id = NULL WHERE seq = 3")

    monkeypatch.setattr("campaigns.cli.runs.decide.agree", agree)

    assert given_up.ok(*RESEND)["batches"] == [2]
    assert [batch["state"] for batch in given_up.ok("runs", "batches", "1")] == ["accepted", "ready", "unknown"]


def test_decisions_that_send_nothing_are_not_asked_about(given_up: Shell) -> None:
    assert given_up.ok("runs", "decide", "1", "--all", "--as", "not-sent", "--reason", "seen")["batches"] == [2]
