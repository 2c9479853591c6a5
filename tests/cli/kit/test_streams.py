"""Nothing that comes from outside acts on a terminal, JSON is whole in every encoding, and a lost output is said."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.cli.kit.streams import CannotPrint, Printable, drawing
from campaigns.cli.main import cli
from campaigns.domain.printable import printable
from tests.cli.conftest import Shell

EVIL = "a\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202eevil\u2066\u200f\u2028\x7f\U000e0041 😀é"
ACTING = {"Cc", "Cs", "Zl", "Zp"}


def acts(text: str) -> list[str]:
    """The characters of an output that a terminal would act on."""
    plain = text.replace("\r\n", "\n")
    turning = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    return [each for each in plain if each not in "\n\t" and (unicodedata.category(each) in ACTING or each in turning)]


def test_each_acting_character_is_written_out() -> None:
    assert printable("a\tb\r\nc\rd\x1b[1m\u202e\U000e0041😀") == ("a\tb\r\nc\\u000dd\\u001b[1m\\u202e\\udb40\\udc41😀")


@given(st.text(st.characters(exclude_categories=[])))
def test_of_any_text_nothing_acts_and_json_keeps_its_value(text: str) -> None:
    assert acts(printable(text)) == []
    written = printable(json.dumps([text], ensure_ascii=False))
    assert acts(written) == []
    assert json.loads(written) == [text]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
def test_json_is_whole_in_every_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    stream = Printable(io.TextIOWrapper(raw, encoding=encoding, errors="strict"), talk=False)
    stream.write(json.dumps({"name": EVIL}, ensure_ascii=False))
    stream.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == {"name": EVIL}


class Full(io.StringIO):
    """A stream that cannot be written to."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_stream_that_is_full_says_so_once() -> None:
    stream = Printable(Full(), talk=False)
    with pytest.raises(CannotPrint, match="No space left on device"):
        stream.write("x")
    stream.write("y")
    stream.flush()


def test_talk_that_cannot_be_written_stops_nothing() -> None:
    Printable(Full(), talk=True).write("x")
    Printable(None, talk=True).write("x")


def test_what_rich_draws_keeps_its_styles_alone() -> None:
    raw = io.StringIO()
    stream = drawing(Printable(raw, talk=False))  # type: ignore[arg-type]
    stream.write("\x1b[1mbold\x1b[0m\r\u202e\x07")
    assert raw.getvalue() == "\x1b[1mbold\x1b[0m\r\\u202e\\u0007"


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """A command on a terminal: its exit code, and all that the terminal got less the bold of rich."""

    def run(*words: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with monkeypatch.context() as patch, os.fdopen(theirs, "w", encoding="utf-8") as terminal:
            patch.setenv("COLUMNS", "400")
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            code = cli.main(list(words), standalone_mode=False)
            terminal.write("<end>")
            terminal.flush()
            said = b""
            while b"<end>" not in said:
                said += os.read(ours, 1 << 16)
        os.close(ours)
        plain = said.decode().replace("\x1b[0m", "").replace("\x1b[1m", "")
        return code, plain

    return run


def test_names_files_and_arguments_reach_a_terminal_as_words(
    shell: Shell, on_terminal: Callable[..., tuple[int, str]]
) -> None:
    shell.ok("accounts", "add", "acct_one", "--name", EVIL)
    file = shell.file(f"fans{EVIL[:30]}.csv".replace("/", ""), f"user_id\n7\n{EVIL}\n")
    campaign = ("create", "--account", "acct_one", "--text", "Hi \u202eevil")
    for code, words in (
        (2, (*campaign, "--name", EVIL)),
        (0, (*campaign, "--list", "7")),
        (0, ("accounts", "list")),
        (0, ("accounts", "list", "--json")),
        (0, ("list",)),
        (0, ("show", "1")),
        (0, ("show", "1", "--json")),
        (0, ("plan", "1")),
        (2, (*campaign, "--users", file)),
        (0, (*campaign, "--users", file, "--skip-bad")),
        (2, (*campaign, "--users", f"{EVIL}.csv")),
        (2, ("show", EVIL)),
        (2, (EVIL,)),
        (2, ("list", f"--{EVIL}")),
        (2, ("schedule", "explain", EVIL, "--zone", EVIL)),
        (2, ("accounts", "add", EVIL)),
        (0, ("audit", "list")),
        (0, ("audit", "export")),
        (0, ("audit", "export", "--format", "csv")),
    ):
        done, said = on_terminal(*words)
        assert (done, acts(said)) == (code, []), (words, said)


@pytest.mark.parametrize(("target", "why"), [("/dev/full", "No space left on device"), (None, "it is closed")])
def test_an_answer_that_cannot_be_written_is_said(shell: Shell, target: str | None, why: str) -> None:
    shell.ok("accounts", "add", "acct_one")
    words = [sys.executable, "-m", "campaigns", "accounts", "add", "acct_two", "--json"]
    with Path(target or os.devnull).open("w") as stdout:
        close = None if target else lambda: os.close(1)
        done = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, text=True, preexec_fn=close, check=False)
    assert done.returncode == 1
    assert f"Standard output cannot be written to ({why})" in done.stderr
    assert "Traceback" not in done.stderr
    assert {row["id"] for row in shell.ok("accounts", "list")} == {"acct_one", "acct_two"}


def test_a_closed_standard_input_and_a_closed_error_stream(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    words = [sys.executable, "-m", "campaigns", "create", "--account", "acct_one", "--text", "x", "--users", "-"]
    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=lambda: os.close(0), check=False)
    assert (done.returncode, "is standard input, but that is closed" in done.stderr) == (2, True)
    words = [sys.executable, "-m", "campaigns", "accounts", "list", "--json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(2), check=False)
    assert (done.returncode, [row["id"] for row in json.loads(done.stdout)]) == (0, ["acct_one"])
