"""Every refusal is one sentence on standard error and one exit code; nothing else may reach a person."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.kit.refusals.unexpected import NO_MEMORY
from campaigns.cli.main import EXIT_CODES, AnsweringGroup, cli
from campaigns.domain import errors


def every_class(root: type[errors.CampaignsError]) -> list[type[errors.CampaignsError]]:
    return [root, *(found for child in root.__subclasses__() for found in every_class(child))]


def answer_to(fault: BaseException) -> Result:
    group = AnsweringGroup("campaigns")

    @group.command()
    def fail() -> None:
        raise fault

    return CliRunner().invoke(group, ["fail"])


def test_every_class_of_the_error_tree_has_an_exit_code() -> None:
    assert set(every_class(errors.CampaignsError)) == set(EXIT_CODES)


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("x.so: failed to map segment from shared object"),
    ],
)
def test_a_lack_of_memory_is_told_as_such(fault: Exception) -> None:
    result = answer_to(fault)
    assert (result.exit_code, result.stdout, result.stderr) == (75, "", f"{NO_MEMORY}\n")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_such(code: int) -> None:
    result = answer_to(OSError(code, "No room", "/home/x/redis.conf"))
    assert (result.exit_code, result.stdout) == (75, "")
    assert result.stderr.startswith("The disk of '/home/x/redis.conf' is full (No room); ")
    assert result.stderr.count("\n") == 1


def test_every_fault_of_an_input_is_named_by_its_option() -> None:
    faults = (errors.InputFault("is missing", "account_id"), errors.InputFault("has passed", "from"))
    result = answer_to(errors.InvalidInput(*faults, closing="Nothing was stored."))
    assert (result.exit_code, result.stderr) == (2, "--account is missing; --from has passed. Nothing was stored.\n")


@pytest.mark.parametrize("refusal", EXIT_CODES)
def test_a_refusal_is_its_sentence_and_its_code(refusal: type[errors.CampaignsError]) -> None:
    sentence = "The plan has changed; look again."
    fault = errors.InvalidInput(errors.InputFault(sentence)) if refusal is errors.InvalidInput else refusal(sentence)
    result = answer_to(fault)
    assert (result.exit_code, result.stdout, result.stderr) == (
        EXIT_CODES[refusal],
        "",
        "The plan has changed; look again.\n",
    )


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (errors.UsageError, 2),
        (errors.NotFound, 3),
        (errors.NotAllowed, 4),
        (errors.VendorRefused, 7),
        (errors.TryLater, 75),
    ],
)
def test_the_codes_are_those_that_scripts_rely_on(refusal: type[errors.CampaignsError], code: int) -> None:
    assert {EXIT_CODES[each] for each in every_class(refusal)} == {code}


def test_an_unforeseen_exception_is_one_sentence_that_says_what_to_report() -> None:
    result = answer_to(KeyError("lane"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "Unexpected KeyError ('lane')" in result.stderr
    assert "report" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unforeseen_exception_shows_its_traceback_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    assert "Traceback" in answer_to(KeyError("lane")).stderr


def test_an_interruption_ends_with_130() -> None:
    result = answer_to(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "Interrupted." in result.stderr


def test_a_reader_that_went_away_is_no_fault_to_talk_about() -> None:
    code = "import click\nfrom campaigns.cli.main import AnsweringGroup\n"
    code += "group = AnsweringGroup('campaigns')\n"
    code += "@group.command()\ndef pour():\n    while True:\n        click.echo('x' * 1000)\n"
    code += "group(['pour'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_a_reader_that_went_away_before_a_short_answer_is_no_fault_either() -> None:
    code = "import sys, time\nfrom campaigns.cli.main import cli\nsys.stdin.read()\ncli(['--help'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()  # only now may it speak
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        (["lnch"], "'launch'"),
        (["runs", "shw"], "'show'"),
        (["create", "--acount", "x"], "'--account'"),
        (["runs", "rerun", "1", "--canceled"], "'--cancelled'"),
    ],
)
def test_a_slip_of_the_finger_gets_a_suggestion(typed: list[str], suggested: str) -> None:
    result = CliRunner().invoke(cli, typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert suggested in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_value_that_is_none_of_the_choices_is_one_sentence() -> None:
    result = CliRunner().invoke(cli, ["runs", "decide", "1", "--all", "--as", "sent", "--reason", "x"])
    assert result.exit_code == 2
    assert "'accepted', 'not-sent', 'resend'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom campaigns.cli.main import cli\ncli.main(['--help'], standalone_mode=False)\n"
    code += "heavy = {'sqlalchemy', 'celery', 'kombu', 'httpx', 'redis', 'rich', 'pydantic', 'alembic', 'yaml'}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
