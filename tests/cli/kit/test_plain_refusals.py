"""What is refused, or not there, is said in one sentence of our own, with what to do next."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell, on_a_terminal, talk


def test_who_must_agree_gets_the_ways_as_data(shell: Shell) -> None:
    campaign = str(shell.campaign())

    refused = shell.run("launch", campaign, "--json")

    last = json.loads(refused.stderr.splitlines()[-1])
    assert (refused.exit_code, last["code"]) == (2, "needs_agreement")
    assert [(each["do"], each["value"]) for each in last["remedies"]] == [
        ("confirm", "--yes"),
        ("confirm", "--plan HASH"),
    ]
    assert last["message"].endswith("nothing was done. Pass --yes to agree. Pass --plan HASH to agree.")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("runs", "decide", "4", "--all", "--reason", "x"),
            "--as is missing; give one of accepted, not-sent, resend. See ",
        ),
        (("runs", "show"), "runs show: RUN is missing. See "),
        (("probe", "acct_one"), "probe: --to is missing. See "),
    ],
)
def test_what_is_missing_is_named_on_one_line(shell: Shell, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in shell.refusal(*words, code=2)


def test_the_question_of_a_launch_names_who_is_left_out(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = str(shell.campaign())
    shell.ok("suppress", "add", "3", "--reason", "asked for it")
    on_a_terminal(monkeypatch)

    assert "Left out   1 suppressed\n" in shell.run("launch", campaign, stdin=b"n\n").stderr


def test_empty_lists_say_that_there_is_nothing_yet(shell: Shell) -> None:
    assert talk(shell.run("runs", "list")) == "No runs yet.\n"
    assert (
        talk(shell.run("list"))
        == "No campaigns yet, or all are archived (--all lists those); `campaigns create` writes one.\n"
    )
    assert talk(shell.run("audit", "list")) == "No events yet.\n"
    assert "lists all." in talk(shell.run("runs", "list", "--since", "24h"))


def test_a_misspelt_account_is_not_suggested_to_be_added(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_anna")

    for typed in ("acct_ana", "anna", "acct_Anna"):
        sentence = shell.refusal("stop", "--account", typed, "--reason", "x", code=3)
        assert f"Account {typed} is not known here. Did you mean acct_anna? `campaigns accounts list`" in sentence
    assert "adds it" not in shell.refusal("stop", "--account", "nope", "--reason", "x", code=3)
    other = shell.refusal("stop", "--account", "acct_zoe77", "--reason", "x", code=3)
    assert "`campaigns accounts add acct_zoe77` adds it." in other


def test_a_length_that_is_none_is_refused_with_one_that_is(shell: Shell) -> None:
    sentence = shell.refusal("runs", "list", "--since", "24x", code=2)
    assert sentence == "--since '24x' is not a length or a time; write 24h, 7d, or 2026-11-27T18:00Z."
