"""Recipient files as `create`, `edit` and `suppress import` take them: what was understood is said, workbooks too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.cli.kit import recipient_files
from tests.cli.conftest import Shell
from tests.workbooks import workbook

CREATE = ("create", "--account", "acct_one", "--text", "Hi", "--users")
SUPPRESS = ("suppress", "import", "--reason", "asked")
ONE = workbook({"Fans": [["name", "User ID"], ["Ann", 7], ["Bob", "8"]]})
TWO = workbook({"Fans": [["user_id"], [7]], "Old fans": [["user_id"], [9]]})


@pytest.fixture
def ready(shell: Shell) -> Shell:
    shell.ok("accounts", "add", "acct_one")
    return shell


def commands(path: str) -> tuple[tuple[str, ...], ...]:
    return (*CREATE, path), ("edit", "1", "--users", path), (*SUPPRESS, path)


@pytest.mark.parametrize(
    ("content", "words", "form"),
    [
        (
            b"sep=;\r\nuser_id;name\r\n7;Ann\r\n8;Jos\xe9\r\n;\r\n",
            "Understood as CSV in Windows-1252 with a semicolon as separator, column 'user_id'.",
            ("CSV", "Windows-1252", "semicolon", "user_id", None),
        ),
        (
            "userId\tname\n7\tAnn\n8\tBob\n".encode("utf-16"),
            "Understood as CSV in UTF-16-LE with a tab as separator, column 'userId'.",
            ("CSV", "UTF-16-LE", "tab", "userId", None),
        ),
        (
            ONE,
            "Understood as workbook sheet 'Fans', column 'User ID'.",
            ("workbook", None, None, "User ID", "Fans"),
        ),
    ],
)
def test_what_was_understood_is_said_by_each_command(
    ready: Shell, content: bytes, words: str, form: tuple[str | None, ...]
) -> None:
    path = ready.file("fans", content)
    for command in commands(path):
        result = ready.run(*command)
        assert (result.exit_code, words in result.stderr) == (0, True), result.stderr
        file = ready.ok(*command)["file"]
        assert tuple(file[name] for name in ("kind", "encoding", "separator", "column", "sheet")) == form
    assert ready.ok("show", "1")["audience"]["size"] == 2
    assert [row["user_id"] for row in ready.ok("suppress", "list")] == ["7", "8"]


def test_several_sheets_need_a_name(ready: Shell) -> None:
    path = ready.file("fans.xlsx", TWO)
    ready.campaign()
    for command in commands(path):
        sentence = ready.refusal(*command, code=2)
        assert "has 2 sheets ('Fans', 'Old fans'); say which one" in sentence
        assert "has no sheet 'fans'; it has 'Fans', 'Old fans'" in ready.refusal(*command, "--sheet", "fans", code=2)
        assert ready.ok(*command, "--sheet", "Old fans")["file"]["sheet"] == "Old fans"
    assert [row["user_id"] for row in ready.ok("suppress", "list")] == ["9"]
    made = ready.ok("create", ready.file("c.yaml", "account: acct_one\ntext: Hi\nusers: fans.xlsx\nsheet: Fans\n"))
    assert made["file"]["sheet"] == "Fans"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04binary", "cannot be read as an .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an .xls workbook, or is locked by a password"),
        (workbook({"Fans": [["user_id"], [1234567890123456789]]}), "a spreadsheet has rounded the number"),
        (workbook({"Fans": [["user_id", "userId"], [1, 2]]}), "2 columns of user IDs"),
        (workbook({"Fans": []}), "names no user"),
    ],
)
@pytest.mark.parametrize("skip_bad", [(), ("--skip-bad",)])
def test_a_workbook_that_cannot_be_read_changes_nothing(
    ready: Shell, content: bytes, words: str, skip_bad: tuple[str, ...]
) -> None:
    path = ready.file("fans.xlsx", content)
    for command in ((*CREATE, path), (*SUPPRESS, path)):
        sentence = ready.refusal(*command, *skip_bad, code=2)
        assert words in sentence or (skip_bad and "names no user" in sentence)
    assert ready.ok("list") == []
    assert ready.ok("suppress", "list") == []


def test_a_sheet_of_what_is_no_workbook(ready: Shell) -> None:
    path = ready.file("fans.csv", "7\n")
    assert "is not a workbook" in ready.refusal(*CREATE, path, "--sheet", "Fans", code=2)
    assert "--sheet is a sheet of the workbook of users, but no workbook is given" in ready.refusal(
        "create", "--account", "acct_one", "--text", "Hi", "--list", "7", "--sheet", "Fans", code=2
    )


@pytest.mark.parametrize("content", [ONE, b"user_id\n7\n8\n"])
def test_files_come_through_a_pipe_too(ready: Shell, content: bytes) -> None:
    path = Path(ready.file("fans", content))
    for piped in (False, True):
        command = [sys.executable, "-m", "campaigns", *SUPPRESS, "-"]
        if piped:
            done = subprocess.run(command, input=content, capture_output=True, check=False)
        else:
            with path.open("rb") as stdin:
                done = subprocess.run(command, stdin=stdin, capture_output=True, check=False)
        assert (done.returncode, b"Read 2 user IDs" in done.stderr) == (0, True), done.stderr
    assert [row["user_id"] for row in ready.ok("suppress", "list")] == ["7", "8"]


@pytest.mark.timeout(20)
def test_recipients_without_an_end_are_refused_at_a_stated_bound(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_files, "LARGEST_LIST_BYTES", 3_000_000)
    place = shell.file("fans.txt", "1001\n" * 700_000)
    sentence = shell.refusal(*SUPPRESS, place, code=2)
    assert "is larger than a file of recipients may be (3,000,000 bytes)" in sentence


def test_what_was_suppressed_before_is_told_only_when_there_is_some(shell: Shell) -> None:
    add = ("suppress", "add", "--reason", "asked")
    assert shell.run(*add, "1").stdout == "Suppressed 1 user.\n"
    assert shell.run(*add, "1", "2").stdout == "Suppressed 1 user; 1 was suppressed before.\n"
