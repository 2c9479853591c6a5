"""What an operator may not decide, and a trail or a spool that cannot be read: one sentence, and nothing changed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.conftest import Shell, talk
from tests.store.forger import Forger
from tests.world import UNKNOWN, World, accepted


@pytest.fixture
def unknown(shell: Shell, world: World) -> Shell:
    """Run r1: batch 1 is accepted as message 700, batch 2 is unknown and being looked for, batch 3 is ready."""
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    world.gateway.script = [accepted("700"), UNKNOWN]
    world.serve()
    assert [batch["state"] for batch in shell.ok("runs", "batches", "1")] == ["accepted", "unknown", "ready"]
    return shell


def everything(shell: Shell) -> list[Any]:
    """What is known of the run and of what was done."""
    return [shell.ok("runs", "list"), shell.ok("runs", "batches", "1"), shell.ok("audit", "list")]


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--batch", "2", "--as", "accepted"), "--reason is missing.", 2),
        (("--batch", "2", "--as", "accepted", "--reason", " "), "--reason is empty", 2),
        (("--batch", "1", "--as", "not-sent", "--reason", "x"), "Batch 1 of run r1 is accepted, not unknown", 4),
        (("--batch", "3", "--as", "resend", "--reason", "x"), "Batch 3 of run r1 is ready, not unknown", 4),
        (("--batch", "1-3", "--as", "accepted", "--reason", "x"), "Batch 1 .* nothing was decided", 4),
        (("--batch", "2", "--as", "resend", "--reason", "x"), "still being searched .* after the last look", 4),
        (
            ("--batch", "2", "--as", "accepted", "--message-id", "700", "--reason", "x"),
            "Message ID 700 belongs to another batch of acct_one",
            4,
        ),
        (("--batch", "3-1", "--as", "not-sent", "--reason", "x"), "'3-1' names no batch: write the smaller", 2),
        (("--batch", "2,9-8", "--as", "not-sent", "--reason", "x"), "'9-8' names no batch: write the smaller", 2),
        (("--batch", "2", "--as", "accepted", "--message-id", "", "--reason", "x"), "'' is not a valid message ID", 2),
        (("--batch", "2", "--as", "accepted", "--message-id", "../7", "--reason", "x"), "is not a valid message ID", 2),
    ],
)
def test_a_decision_that_cannot_stand(unknown: Shell, words: tuple[str, ...], said: str, code: int) -> None:
    before = everything(unknown)

    sentence = unknown.refusal("runs", "decide", "1", *words, code=code)

    assert re.search(said, sentence), sentence
    assert everything(unknown) == before


def test_a_run_without_an_unknown_has_nothing_to_decide_or_to_look_for(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    world.serve()
    before = everything(shell)

    decide = ("runs", "decide", "1", "--all", "--as", "resend", "--reason", "x")
    assert "has no unknown batch" in shell.refusal(*decide, code=4)
    assert "Run r1 has no unknown batch, so there is nothing to search for." in shell.refusal("reconcile", "1", code=4)
    assert "No run has an unknown batch" in shell.refusal("reconcile", code=4)
    assert everything(shell) == before


@pytest.mark.parametrize("damage", ["detail = '{broken'", "at = 'yesterday'"])
def test_a_trail_that_cannot_be_read_names_the_event_and_the_way_on(unknown: Shell, world: World, damage: str) -> None:
    Forger(world.store).does(f"UPDATE event SET {damage} WHERE id = 2")

    for command in (("audit", "list"), ("audit", "list", "--json")):
        assert "Event 2 cannot be read" in unknown.refusal(*command, code=1)
    exported = unknown.run("audit", "export")
    assert (exported.exit_code, exported.stdout.count("\n"), talk(exported).count("\n")) == (1, 1, 1)
    assert unknown.ok("audit", "list", "--after", "2")[0]["id"] == 3
