"""`campaigns probe`, and the mark that its result chooses, as an operator meets them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from campaigns.domain.messages.marks import read_marks, without_marks
from campaigns.flow.probe.carry_out import CREDITS
from tests.cli.conftest import Shell, on_a_terminal
from tests.cli.processes import GIVE_UP_SECONDS
from tests.flow.probe.vendor import LATE_DATE, ProbedVendor
from tests.world import ACCOUNT, LOGGED_OUT, World

ASK = ("probe", ACCOUNT, "--to", "4242")


@pytest.fixture
def vendor(shell: Shell, world: World) -> ProbedVendor:
    """What an account that is known stands at."""
    shell.ok("accounts", "add", ACCOUNT)
    world.gateway = made = ProbedVendor(now=world.clock)
    return made


def documented_answer() -> dict[str, Any]:
    page = (Path(__file__).parents[3] / "docs/commands.md").read_text()
    shown: dict[str, Any] = json.loads(page.partition("## `campaigns probe`")[2].split("```json")[1].split("```")[0])
    return shown


def while_served(shell: Shell, world: World, *words: str) -> Result:
    """A command that waits, while a worker serves the account's lane."""
    answers: list[Result] = []
    waiting = threading.Thread(target=lambda: answers.append(shell.run(*words)), daemon=True)
    waiting.start()
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while waiting.is_alive():
        assert time.monotonic() < give_up_at, "it never came to an end"
        world.serve(ACCOUNT)
        waiting.join(0.05)
        world.clock.advance(10)
    return answers[0]


@pytest.mark.usefixtures("vendor")
def test_it_says_the_credits_first_and_prints_what_it_learned(shell: Shell, world: World) -> None:
    answered = while_served(shell, world, *ASK, "--yes", "--json")

    assert answered.exit_code == 0, answered.stderr
    assert f"costs at most {CREDITS} credits" in answered.stderr
    found = json.loads(answered.stdout)
    shown = documented_answer()
    assert (sorted(found), sorted(found["result"])) == (sorted(shown), sorted(shown["result"]))
    assert (found["ended"], found["user_id"], found["result"]["basis"]) == ("gone", "4242", "scheduled")
    assert len(world.gateway.questions) + len(world.gateway.received) + len(world.gateway.deleted) <= CREDITS


@pytest.mark.usefixtures("vendor")
def test_people_are_told_that_it_was_a_scheduled_message(shell: Shell, world: World) -> None:
    said = " ".join(while_served(shell, world, *ASK, "--yes").stdout.split())

    assert "a scheduled message; a message that was sent may be shown otherwise" in said
    assert "marks survive yes" in said
    assert "price not asked; pass --media ID" in said


@pytest.mark.usefixtures("vendor")
def test_without_yes_it_asks_on_a_terminal_and_refuses_off_it(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = shell.run(*ASK)
    assert (answered.exit_code, "Pass --yes" in answered.stderr) == (2, True)

    on_a_terminal(monkeypatch)
    answered = shell.run(*ASK, stdin=b"n\n")
    assert (answered.exit_code, "Nothing was done." in answered.stderr) == (130, True)
    assert "probe_asked" not in world.events()


def test_a_user_who_is_suppressed_or_none_is_refused(shell: Shell, vendor: ProbedVendor) -> None:
    shell.ok("suppress", "add", "4242", "--reason", "asked")

    assert "User 4242 is suppressed" in shell.run(*ASK, "--yes").stderr
    answered = shell.run("probe", ACCOUNT, "--to", "anna", "--yes")
    assert (answered.exit_code, "'anna', which is not a valid user ID" in answered.stderr) == (2, True)
    assert shell.run("probe", "acct_none", "--to", "1", "--yes").exit_code == 3
    assert vendor.received == []


def refuse_date(vendor: ProbedVendor) -> None:
    vendor.refuses_late_date = True


def log_out(vendor: ProbedVendor) -> None:
    vendor.script = [LOGGED_OUT]


def lose_for_good(vendor: ProbedVendor) -> None:
    vendor.loses_answer = True
    vendor.echo = lambda _text: "something else"


def keep_it(vendor: ProbedVendor) -> None:
    vendor.ignores_deletes = 1000


@pytest.mark.parametrize(
    ("trouble", "stops"),
    [
        (refuse_date, (7, f"did not take the scheduled message, so the probe has stopped: {LATE_DATE}")),
        (log_out, (7, "The probe is on hold: the account is logged out. Log the account in at the vendor.")),
        (lose_for_good, (6, "The answer was lost, and no search found the message.")),
        (keep_it, (75, "Message 777 is not seen gone yet: its deletion was not confirmed")),
    ],
)
def test_what_stops_it_is_said_with_the_way_on(
    shell: Shell, world: World, vendor: ProbedVendor, trouble: Callable[[ProbedVendor], None], stops: tuple[int, str]
) -> None:
    trouble(vendor)

    answered = while_served(shell, world, *ASK, "--yes")

    assert (answered.exit_code, stops[1] in answered.stderr) == (stops[0], True), answered.stderr


def doctor(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run("doctor", "--json").stdout)
    return [check for check in found if check["part"] == f"probe of {ACCOUNT}"]


def test_doctor_shows_the_message_and_its_date_until_it_is_seen_gone(
    shell: Shell, world: World, vendor: ProbedVendor
) -> None:
    keep_it(vendor)
    while_served(shell, world, *ASK, "--yes")
    (check,) = doctor(shell)
    due = vendor.items["777"][1]["scheduledDate"]
    assert check["found"].startswith("message 777 is scheduled for ")
    assert due[:4] in check["found"]

    vendor.ignores_deletes = 0
    for _ in range(20):
        world.clock.advance(600)
        world.serve(ACCOUNT)

    assert (vendor.gone, doctor(shell)) == ({"777"}, [])


def test_doctor_asks_for_a_decision_when_the_answer_was_lost_for_good(
    shell: Shell, world: World, vendor: ProbedVendor
) -> None:
    lose_for_good(vendor)
    while_served(shell, world, *ASK, "--yes")

    (check,) = doctor(shell)
    assert "a message whose ID is not known is scheduled for" in check["found"]
    assert "campaigns runs decide" in check["fix"]


def test_its_result_chooses_the_mark_and_an_option_overrules_it(
    shell: Shell, world: World, vendor: ProbedVendor
) -> None:
    before = shell.campaign()
    while_served(shell, world, *ASK, "--yes")
    probed, without = shell.campaign(), shell.campaign("--no-mark")
    file = shell.file("c.yaml", f"account: {ACCOUNT}\ntext: Hi you\nusers: [1, 2]\nmark: false\n")
    by_file = int(shell.ok("create", file)["id"])
    over_file = int(shell.ok("create", file, "--mark")["id"])

    chosen = {each: shell.ok("show", str(each))["mark"] for each in (before, probed, without, by_file, over_file)}
    assert list(chosen.values()) == [False, True, False, False, True]
    assert [each["name"] for each in shell.ok("list")].count(f"Probe of {ACCOUNT}") == 0

    shell.ok("edit", str(without), "--mark")
    shell.ok("edit", str(probed), "--no-mark")
    assert (shell.ok("plan", str(without))["mark"], shell.ok("plan", str(probed))["mark"]) == (True, False)
    assert "carries an invisible mark of 42 characters" in shell.run("plan", str(without)).stdout
    assert "invisible" not in shell.run("plan", str(probed)).stdout

    vendor.received.clear()
    run_id = str(shell.ok("launch", "--yes", str(over_file))["run_id"])
    world.serve(ACCOUNT)
    (body,), (attempt,) = vendor.received, shell.ok("runs", "attempts", run_id)
    assert (without_marks(body["text"]), read_marks(body["text"])) == ("Hi you", (attempt["mark"],))
