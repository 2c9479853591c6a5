"""Releasing one account of a team that is on hold lets every account of it send again, so it asks first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from campaigns.cli.accounts import accounts as accounts_module
from campaigns.cli.accounts import team_release
from campaigns.domain.states import HoldKind
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from tests.cli.conftest import Shell, on_a_terminal
from tests.world import ANNA, LOGGED_OUT, NO_CREDITS, UPSTREAM, World

RELEASE = ("accounts", "release", "acct_one", "--reason", "credits were bought")


def held(shell: Shell, world: World, answer: object) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("accounts", "add", "acct_two")
    world.gateway.script = [answer]  # type: ignore[list-item]
    world.serve()


def test_a_team_is_not_released_without_an_agreement(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(shell, world, NO_CREDITS)

    sentence = shell.refusal(*RELEASE, code=2)
    assert "Let 2 accounts of" in sentence
    assert "nothing was done. Pass --yes" in sentence

    on_a_terminal(monkeypatch)
    refused = shell.run(*RELEASE, stdin=b"n\n")
    assert (refused.exit_code, "credits: no credits are left" in refused.stderr) == (130, True)
    assert [hold["kind"] for hold in world.run(1)["holds"]] == ["credits"]
    assert "account_released" not in world.events()

    assert shell.ok(*RELEASE, "--yes")["released"] == ["credits"]
    assert world.run(1)["holds"] == []


def test_an_account_that_alone_is_on_hold_is_released_at_once(shell: Shell, world: World) -> None:
    held(shell, world, LOGGED_OUT)

    assert shell.ok(*RELEASE)["released"] == ["account"]


def test_a_stop_of_everything_is_not_asked_about_since_no_release_lifts_it(shell: Shell, world: World) -> None:
    held(shell, world, LOGGED_OUT)
    with world.store.write() as connection:
        act = Act(connection, world.store.now(connection), ANNA)
        place_hold(act, Held(upstream=UPSTREAM), HoldKind.STOP, reason="wrong price")

    assert "account" in shell.ok(*RELEASE)["released"]


def test_the_question_names_the_vendor_the_accounts_and_the_runs_that_go_on(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(shell, world, NO_CREDITS)
    paused = shell.ok("launch", "--yes", str(shell.campaign()))["run_id"]
    shell.ok("runs", "pause", str(paused), "--reason", "a person's pause stays")
    on_a_terminal(monkeypatch)

    asked = shell.run(*RELEASE, stdin=b"n\n")

    assert "everything goes to the local sandbox" in talked(asked.stderr)
    assert "Run r1 (Hi) on acct_one goes on: 5 recipients left.\n" in asked.stderr
    assert "Let 2 accounts of sandbox send again, and 1 run to 5 recipients go on? [y/N]" in asked.stderr
    assert "r2" not in asked.stderr


def talked(text: str) -> str:
    """Without the first line, which every command writes."""
    return text.partition("\n")[2]


def a_hold(shell: Shell, world: World) -> None:
    with world.store.write() as connection:
        act = Act(connection, world.store.now(connection), ANNA)
        place_hold(act, Held(upstream=UPSTREAM), HoldKind.KEY, reason="401 no such key")


def an_account(shell: Shell, world: World) -> None:
    shell.ok("accounts", "add", "acct_three")


def a_run(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))


NOTHING: dict[Callable[[Shell, World], None], str] = {
    a_hold: "Now: 2 accounts and 1 run to 5 recipients (credits: no credits are left; key: 401 no such key).",
    an_account: "Now: 3 accounts and 1 run to 5 recipients (credits: no credits are left).",
    a_run: "Now: 2 accounts and 2 runs to 10 recipients (credits: no credits are left).",
}


@pytest.mark.parametrize("meanwhile", NOTHING)
def test_what_nobody_was_shown_is_not_released(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Shell, World], None]
) -> None:
    held(shell, world, NO_CREDITS)
    monkeypatch.setattr(team_release, "agree", lambda *_, **__: meanwhile(shell, world))

    sentence = shell.refusal(*RELEASE, code=4)

    assert "Shown: 2 accounts and 1 run to 5 recipients (credits: no credits are left)." in sentence
    assert NOTHING[meanwhile] in sentence
    assert sentence.endswith("Nothing was done; look at it again.")
    assert "account_released" not in world.events()
    assert "credits" in shell.ok(*RELEASE, "--yes")["released"]


def test_a_team_that_is_put_on_hold_while_one_account_is_released_is_not(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(shell, world, LOGGED_OUT)
    ask = team_release.agree_to_team_release

    def then_hold(*arguments: Any, **options: Any) -> Any:
        shown = ask(*arguments, **options)
        a_hold(shell, world)
        return shown

    monkeypatch.setattr(accounts_module, "agree_to_team_release", then_hold)

    assert "key: 401 no such key" in shell.refusal(*RELEASE, code=4)
    assert "account_released" not in world.events()
