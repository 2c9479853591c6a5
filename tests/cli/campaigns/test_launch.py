"""`launch` asks first: what a person sees, what each answer does, and what happens where nobody can be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.main import cli
from tests.cli.conftest import Shell, talk
from tests.world import World


def closed() -> tuple[str, ...]:
    """Hours that open in three hours, of a run that expires after a second."""
    now = datetime.now(UTC)
    hours = f"{now + timedelta(hours=3):%H:%M}-{now + timedelta(hours=5):%H:%M}"
    return ("--hours", hours, "--expires", "1s", "--zone", "UTC")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input and error are a terminal, as far as a question asks."""
    screen = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("campaigns.cli.kit.agree.sys", SimpleNamespace(stdin=screen, stderr=screen))


def type_in(answers: str, *words: str) -> Result:
    return CliRunner().invoke(cli, list(words), input=answers)


def test_without_a_terminal_nothing_is_launched_and_both_ways_are_named(shell: Shell) -> None:
    campaign = str(shell.campaign())

    sentence = shell.refusal("launch", campaign, code=2)

    assert sentence.startswith("Send to 5 fans of acct_one?")
    assert "--yes" in sentence
    assert "--plan HASH" in sentence
    assert shell.ok("runs", "list") == []
    assert shell.ok("show", campaign)["state"] == "draft"


@pytest.mark.parametrize("way", ["--yes", "--plan"])
def test_each_of_the_two_ways_agrees(shell: Shell, way: str) -> None:
    campaign = str(shell.campaign())
    agreed = ("--yes",) if way == "--yes" else ("--plan", shell.ok("plan", campaign)["hash"])

    assert shell.ok("launch", campaign, *agreed)["run_id"] == 1


@pytest.mark.usefixtures("terminal")
def test_a_person_sees_what_will_happen_and_agrees(shell: Shell) -> None:
    campaign = str(shell.campaign("--text", "Hi {n}\nall of you " + "x" * 60, "--price", "9.99", "--media", "7"))

    result = type_in("y\n", "launch", campaign)

    assert result.exit_code == 0, result.output
    seen = talk(result)
    assert "Campaign   c1 'Hi {n} all of you" in seen
    assert "Account    acct_one, the sandbox: no fan gets it" in seen
    assert "Recipients 5, in 1 request for 1 credit" in seen
    assert "Price      $9.99; $49.95 if every recipient unlocks it" in seen
    assert "Text       Hi 1 all of you xxx" in seen
    assert "When       at once" in seen
    assert "Send to 5 fans of acct_one? [y/N]: " in seen
    assert result.stdout.startswith("Campaign c1 is launched as run r1;")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_anything_but_yes_launches_nothing(shell: Shell, answer: str) -> None:
    campaign = str(shell.campaign())

    result = type_in(answer, "launch", campaign)

    assert (result.exit_code, result.stdout) == (130, "")
    assert "Nothing was done." in result.stderr
    assert "Interrupted" not in result.stderr
    assert shell.ok("runs", "list") == []


@pytest.mark.usefixtures("terminal")
def test_a_refusal_comes_before_the_question(shell: Shell) -> None:
    campaign = str(shell.campaign())
    shell.ok("launch", campaign, "--yes")

    result = type_in("y\n", "launch", campaign)

    assert result.exit_code == 4
    assert "was launched before (once)" in result.stderr
    assert "[y/N]" not in result.stderr


@pytest.mark.usefixtures("terminal")
def test_a_schedule_is_armed_after_a_question_of_its_own_words(shell: Shell) -> None:
    campaign = str(shell.campaign("--cron", "0 18 * * FRI", "--zone", "Europe/Berlin"))

    result = type_in("y\n", "launch", campaign)

    assert "Arm the schedule of campaign c1, which sends to 5 fans of acct_one? [y/N]" in result.stderr
    assert "When       every Friday at 18:00 Europe/Berlin; the next run is at 20" in result.stderr
    assert shell.ok("show", campaign)["state"] == "scheduled"


@pytest.mark.usefixtures("terminal")
def test_a_second_launch_says_how_often_it_was_launched(shell: Shell) -> None:
    campaign = str(shell.campaign())
    shell.ok("launch", campaign, "--yes")

    result = type_in("y\n", "launch", campaign, "--again", "--reason", "new fans")

    assert "Before     launched 1 time already: fans may get it again" in result.stderr
    assert result.stdout.startswith("Campaign c1 is launched as run r2;")


@pytest.mark.usefixtures("terminal")
def test_what_was_agreed_to_is_not_launched_when_it_has_changed_meanwhile(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suppression comes between the question and the answer: the person agreed to five fans."""
    campaign = str(shell.campaign())

    def suppress(*_: object, **__: object) -> None:
        shell.ok("suppress", "add", "3", "--reason", "asked to")

    monkeypatch.setattr("campaigns.cli.campaigns.launch.agree", suppress)
    result = type_in("", "launch", campaign)

    assert result.exit_code == 4
    assert "no longer has the hash" in result.stderr
    assert shell.ok("runs", "list") == []


def test_yes_does_not_launch_what_expires_before_its_hours_open(shell: Shell) -> None:
    campaign = str(shell.campaign(*closed()))

    sentence = shell.refusal("launch", campaign, "--yes", code=4)

    assert "before its sending hours open" in sentence
    assert f"`campaigns launch c{campaign} --although-closed`" in sentence
    assert shell.ok("runs", "list") == []
    assert shell.ok("launch", campaign, "--yes", "--although-closed")["run_id"] == 1


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answers", "runs"), [("y\ny\n", 1), ("y\nn\n", 0)])
def test_a_person_is_asked_twice_about_what_expires_before_its_hours_open(
    shell: Shell, answers: str, runs: int
) -> None:
    campaign = str(shell.campaign(*closed()))

    result = type_in(answers, "launch", campaign)

    assert "Launch it anyway? [y/N]" in result.stderr
    assert len(shell.ok("runs", "list")) == runs


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "runs"), [("12000\n", 1), ("12,000\n", 1), ("y\n", 0), ("1200\n", 0)])
def test_the_number_of_many_recipients_is_typed(shell: Shell, answer: str, runs: int) -> None:
    campaign = str(shell.campaign(users="\n".join(map(str, range(1, 12_001)))))

    result = type_in(answer, "launch", campaign)

    assert "Send to 12,000 fans of acct_one? Type 12000 to agree" in result.stderr
    assert len(shell.ok("runs", "list")) == runs


def test_nobody_is_asked_about_a_schedule_that_is_too_frequent(shell: Shell) -> None:
    campaign = str(shell.campaign("--cron", "0 * * * *", "--zone", "UTC"))

    assert "more than once in 24 hours" in shell.refusal("launch", campaign, code=4)
    assert "more than once in 24 hours" in shell.refusal("launch", campaign, "--yes", code=4)


def test_a_timeout_without_a_wait_is_refused_before_anybody_is_asked(shell: Shell) -> None:
    assert "--timeout belongs to --wait" in shell.refusal("launch", str(shell.campaign()), "--timeout", "5m", code=2)
