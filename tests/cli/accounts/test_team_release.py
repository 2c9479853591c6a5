"""Releasing one account of a team that is on hold lets every account of it send again, so it asks first."""

from __future__ import annotations

import pytest

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
    assert "nothing was done: pass --yes" in sentence

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


@pytest.mark.parametrize("answer", [NO_CREDITS, LOGGED_OUT])
def test_a_hold_that_nobody_was_shown_is_not_lifted(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    held(shell, world, answer)
    before = world.run(1)["holds"]
    shown = team_release.agree_to_team_release

    def agree(*arguments: object, **_options: object) -> object:
        monkeypatch.setattr(team_release, "agree", lambda *_, **__: None)
        agreed = shown(*arguments, is_agreed=False)  # type: ignore[arg-type]
        with world.store.write() as connection:
            act = Act(connection, world.store.now(connection), ANNA)
            place_hold(act, Held(upstream=UPSTREAM), HoldKind.KEY, reason="401 no such key")
        return agreed

    monkeypatch.setattr("campaigns.cli.accounts.accounts.agree_to_team_release", agree)
    sentence = shell.refusal(*RELEASE, code=4)

    assert "was put on hold meanwhile (key: 401 no such key). Nothing was released." in sentence
    assert len(world.run(1)["holds"]) == len(before) + 1
    assert "account_released" not in world.events()
    assert set(shell.ok(*RELEASE, "--yes")["released"]) == {before[0]["kind"], "key"}
