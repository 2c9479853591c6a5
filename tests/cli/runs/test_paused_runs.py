"""Every screen says the same about what pauses a run, and a stop is never answered by a release or a resume."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell
from tests.world import NO_CREDITS, World

GO = "`campaigns go` lets everything send again."
GO_ACCOUNT = "`campaigns go --account acct_one` lets it go on."
BUY = "Buy credits at the vendor."
RELEASE = "`campaigns accounts release acct_one --reason TEXT` lets"


def everywhere(shell: Shell) -> list[str]:
    """The screens that say what to do about run r1."""
    return [
        shell.run("runs", "show", "1").stdout,
        shell.run("runs", "watch", "1").stdout,
        shell.run("status").stdout,
    ]


@pytest.mark.parametrize(("options", "way"), [((), GO), (("--account", "acct_one"), GO_ACCOUNT)])
def test_of_a_stop_every_screen_says_go(shell: Shell, options: tuple[str, ...], way: str) -> None:
    shell.ok("launch", str(shell.campaign()), "--yes")
    shell.ok("stop", *options, "--reason", "a wrong price")

    for screen in everywhere(shell):
        assert way in screen
        assert "accounts release" not in screen
        assert "runs resume" not in screen
    refusal = shell.refusal("runs", "resume", "1", "--reason", "go on", code=4)
    assert refusal == f"Run r1 is not paused itself, but stopped (a wrong price). {way}"


def test_of_a_refusal_every_screen_says_how_its_cause_is_removed(shell: Shell, world: World) -> None:
    shell.ok("launch", str(shell.campaign()), "--yes")
    world.gateway.script = [NO_CREDITS]
    world.serve()

    for screen in everywhere(shell):
        assert BUY in screen
        assert RELEASE in screen


def test_a_run_that_is_paused_and_stopped_does_not_go_on_by_a_resume(shell: Shell) -> None:
    shell.ok("launch", str(shell.campaign()), "--yes")
    shell.ok("runs", "pause", "1", "--reason", "lunch")
    shell.ok("stop", "--reason", "a wrong price")

    resumed = shell.run("runs", "resume", "1", "--reason", "back")
    assert resumed.stdout == (
        "One pause of run r1 (operator) has ended; it is still paused: stop. "
        "`campaigns runs show r1` names what lets it go on.\n"
    )
