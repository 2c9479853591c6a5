"""`runs recall`: asked for, watched, and told beside the batches and the fans it was about."""

from __future__ import annotations

import pytest

from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from tests.cli.conftest import Shell
from tests.world import LOGGED_OUT, World

TOO_LATE = UnsendOutcome(UnsendKind.IMPOSSIBLE, "too late", http_status=400)
SIGNED_OUT = UnsendOutcome(UnsendKind.HELD, "logged out", http_status=500, hold=LOGGED_OUT.hold)


@pytest.fixture
def recalled(shell: Shell, world: World) -> Shell:
    """Run r1: three batches, accepted, and asked to be taken back."""
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    world.serve()
    asked = shell.ok("runs", "recall", "1", "--reason", "wrong price", "--yes")
    assert asked == {"run_id": 1, "state": "finished", "batches": 3, "unsent": 0, "unknown": 0}
    return shell


def test_a_recall_is_shown_from_its_start_to_its_end(recalled: Shell, world: World) -> None:
    before = recalled.ok("runs", "show", "1")
    assert (before["recalled"], before["recall"]["failed"], before["recall"]["reason"]) == (0, None, "wrong price")
    assert "0 of 3 accepted batches unsent" in recalled.run("runs", "show", "1").stdout

    world.serve()

    watched = recalled.run("runs", "watch", "1")
    assert watched.exit_code == 0
    assert watched.stdout.splitlines() == [
        "run r1 finished: 5 of 5 accepted, 0 waiting; ended; 3 of 3 accepted batches unsent",
        "Run r1 is finished: 5 accepted; 3 of 3 accepted batches unsent.",
    ]
    assert recalled.ok("runs", "show", "1")["recalled"] == 5
    assert {row["follow"] for row in recalled.ok("runs", "batches", "1")} == {"unsent"}
    assert [row["follow"] for row in recalled.ok("who", "3")] == ["unsent"]
    requests = recalled.ok("runs", "attempts", "1", "--unsend")
    assert [(row["batch"], row["outcome"]) for row in requests] == [(3, "unsent"), (2, "unsent"), (1, "unsent")]
    assert recalled.ok("audit", "verify")["ok"] is True


def test_what_could_not_be_taken_back_is_told_with_what_to_do(recalled: Shell, world: World) -> None:
    world.gateway.deleting = [TOO_LATE]
    world.serve()
    watched = recalled.run("runs", "watch", "1")
    assert watched.exit_code == 5
    end = "Run r1 was not unsent completely: 5 accepted; 2 of 3 accepted batches unsent, 1 still out."
    assert end in watched.stdout
    assert "`campaigns runs recall r1 --reason TEXT` tries again" in watched.stdout


def test_a_recall_that_the_vendor_refuses_ends_the_watching_with_7(recalled: Shell, world: World) -> None:
    world.gateway.deleting = [SIGNED_OUT]
    world.serve()
    watched = recalled.run("runs", "watch", "1")
    assert watched.exit_code == 7
    assert "`campaigns accounts release acct_one --reason TEXT`" in watched.stdout


def test_a_recall_that_means_nothing_is_refused(recalled: Shell) -> None:
    assert "is being recalled already" in recalled.refusal("runs", "recall", "1", "--reason", "x", code=4)
    assert "There is no run r9" in recalled.refusal("runs", "recall", "9", "--reason", "x", code=3)
    assert "--reason is empty" in recalled.refusal("runs", "recall", "1", "--reason", " ", code=2)
    recalled.ok("launch", "--yes", "1", "--again", "--reason", "x")
    said = recalled.refusal("runs", "recall", "2", "--reason", "x", code=4)
    assert "may send more; cancel it first" in said
    assert "`campaigns runs cancel r2 --reason TEXT`" in said


def test_a_recall_is_asked_about_first(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    world.serve()
    would = shell.run("runs", "recall", "1", "--reason", "x", "--dry-run")
    assert would.stdout == "A recall of run r1 would unsend 3 batches (5 recipients); nothing was asked for.\n"

    refused = shell.refusal("runs", "recall", "1", "--reason", "x", code=2)

    assert "Recall run r1?" in refused
    assert "Pass --yes" in refused
    assert shell.ok("runs", "show", "1")["recall"] is None
