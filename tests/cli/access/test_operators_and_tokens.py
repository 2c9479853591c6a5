"""`operators` and `tokens`: what is printed once, whose name the audit has, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaigns.domain.errors import NotIdentified
from campaigns.flow.access.log_in import Browser, log_in
from campaigns.flow.access.login_links import use_link
from campaigns.flow.access.who_asks import who_has_token
from campaigns.store.database.engine import Store, open_store
from tests.cli.conftest import Shell

BROWSER = Browser("127.0.0.1")
SECRET = b"of a test"


@contextmanager
def opened(shell: Shell) -> Iterator[Store]:
    store = open_store(shell.database_url)
    yield store
    store.close()


def test_the_link_that_is_printed_lets_the_first_operator_in_as_an_admin(shell: Shell) -> None:
    result = shell.run("operators", "add", "Anna")
    link = result.stdout.strip()

    assert link.startswith("http://127.0.0.1:8400/welcome?code=")
    assert "Operator anna is added: admin on every account." in result.stderr
    with opened(shell) as store:
        made = use_link(store, link.partition("code=")[2], name="", password="a very long password", browser=BROWSER)
    assert made.operator == "anna"
    assert shell.ok("operators", "add", "ben")["operator"]["rights"] == ["viewer"]
    assert [each["has_password"] for each in shell.ok("operators", "list")] == [True, False]


def test_a_password_comes_from_a_file_and_never_from_an_argument(shell: Shell) -> None:
    path = shell.file("password", "a very long password\n")

    added = shell.ok("operators", "add", "anna", "--password-file", path)

    assert added["link"] is None
    with opened(shell) as store:
        assert log_in(store, "anna", "a very long password", BROWSER, secret=SECRET).operator == "anna"
        with pytest.raises(NotIdentified):
            log_in(store, "anna", "a very long password\n", BROWSER, secret=SECRET)
    assert "cannot be read" in shell.refusal("operators", "add", "ben", "--password-file", "/nowhere", code=2)
    assert "12 to 256" in shell.refusal("operators", "add", "ben", "--password-file", shell.file("x", "short"), code=2)


def test_the_audit_names_the_operator_that_the_settings_name(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("operators", "add", "anna", "--no-login")
    monkeypatch.setenv("CAMPAIGNS_OPERATOR", "Anna")
    made = shell.ok("tokens", "create", "nightly")
    shell.ok("accounts", "add", "acct_one")

    with opened(shell) as store:
        asks = who_has_token(store, made["token"], is_live=False, address=None)
    assert (asks.name, asks.token) == ("anna", "nightly")
    trail = shell.ok("audit", "list")
    assert {each["actor"] for each in trail if each["kind"] in {"token_made", "account_added"}} == {"operator:anna"}
    assert made["token"] not in str(trail)

    monkeypatch.setenv("CAMPAIGNS_OPERATOR", "carl")
    refused = shell.refusal("accounts", "add", "acct_two", code=4)
    assert refused.startswith("CAMPAIGNS_OPERATOR names carl, and there is no such operator.")
    monkeypatch.setenv("CAMPAIGNS_OPERATOR", "no name")
    assert "CAMPAIGNS_OPERATOR" in shell.refusal("accounts", "list", code=2)


def test_a_disabled_operator_is_nobody_at_the_shell_either(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("operators", "add", "anna", "--no-login")
    shell.ok("operators", "add", "ben", "--no-login")
    assert "last admin" in shell.refusal("operators", "disable", "anna", "--reason", "x", code=4)
    shell.ok("operators", "disable", "ben", "--reason", "left the team")
    monkeypatch.setenv("CAMPAIGNS_OPERATOR", "ben")

    assert "who is disabled" in shell.refusal("accounts", "list", code=4)


def test_what_cannot_be_is_refused_in_one_sentence(shell: Shell) -> None:
    shell.ok("operators", "add", "anna", "--rights", "editor", "--no-login")

    assert "already" in shell.refusal("operators", "add", "ANNA", code=4)
    assert "must be at most 64 letters" in shell.refusal("operators", "add", "an na", code=2)
    assert "not one of viewer, editor, sender, admin" in shell.refusal(
        "operators", "set", "anna", "--rights", "x", code=2
    )
    assert "Nothing is to be changed" in shell.refusal("operators", "set", "anna", code=2)
    assert "There is no operator ben" in shell.refusal("operators", "link", "ben", code=3)
    assert "not known" in shell.refusal("operators", "set", "anna", "--account", "acct_none", code=3)
    assert "As whom" in shell.refusal("tokens", "create", "x", code=2)
    assert "more than anna may do" in shell.refusal(
        "tokens", "create", "x", "--operator", "anna", "--rights", "sender", code=4
    )
    assert "at most 366 days" in shell.refusal(
        "tokens", "create", "x", "--operator", "anna", "--expires", "400d", code=2
    )
    assert "There is no token 7" in shell.refusal("tokens", "revoke", "7", code=3)


@pytest.mark.parametrize("length", ["", "x", "999999999999999999d"])
def test_a_token_that_lasts_for_no_length_of_time_is_refused(shell: Shell, length: str) -> None:
    refused = shell.refusal("tokens", "create", "nightly", "--operator", "anna", "--expires", length, code=2)
    assert "not a length of time; write 90s" in refused
