"""What a text is told to be by options and files, and what people see of it before a launch."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

CREATE = ("create", "--account", "acct_one", "--users", "-")


@pytest.fixture
def ready(shell: Shell) -> Shell:
    shell.ok("accounts", "add", "acct_one")
    return shell


def mode(shell: Shell, campaign_id: str = "1") -> str:
    return str(shell.ok("show", campaign_id)["text_mode"])


def test_a_text_is_plain_unless_it_is_told_to_be_html(ready: Shell) -> None:
    ready.ok(*CREATE, "--text", "One & two", stdin=b"1")
    ready.ok(*CREATE, "--text", "<b>One</b>", "--html", stdin=b"1")
    path = ready.file("c.yaml", "account: acct_one\ntext: <b>One</b>\nhtml: true\nas-written: true\nusers: [1]\n")
    ready.ok("create", path)
    assert [mode(ready, number) for number in ("1", "2", "3")] == ["plain", "html", "html"]
    assert ready.ok("show", "3")["as_written"] is True


def test_an_edit_keeps_the_mode_until_it_names_a_text_or_the_mode(ready: Shell) -> None:
    ready.ok(*CREATE, "--text", "<b>One</b>", "--html", stdin=b"1")
    for words, then in (
        (("--name", "Other"), "html"),
        (("--price", "5", "--media", "7"), "html"),
        (("--no-html",), "plain"),
        (("--html",), "html"),
        (("--text", "Two"), "plain"),
        (("--text", "<i>Two</i>", "--html"), "html"),
        (("--content", ready.file("c.yaml", "price: 4\n")), "html"),
        (("--content", ready.file("d.yaml", "text: Three\n")), "plain"),
    ):
        ready.ok("edit", "1", *words)
        assert mode(ready) == then, words


def test_a_plan_shows_people_the_source_and_each_line_that_fans_see(ready: Shell) -> None:
    ready.ok(*CREATE, "--text", "One & two\nThree <3", stdin=b"1")
    told = ready.run("plan", "1").stdout
    assert "plain: fans see its characters and line breaks" in told
    assert "One & two Three <3" in told
    assert next(line.split(maxsplit=2)[2] for line in told.splitlines() if line.startswith("fans see")) == "One & two"
    assert any(line.startswith("fans see, line 2") and line.endswith("Three <3") for line in told.splitlines())


def test_a_doubtful_text_is_warned_of_at_every_step_and_launched_only_when_it_is_meant(ready: Shell) -> None:
    made = ready.run(*CREATE, "--text", "Hi {name}, <b>you</b>", stdin=b"1")
    words = ("Note: {name} in the text is not a variable", "Note: <b>, </b> in a plain text is shown")
    assert all(word in made.stderr for word in words)
    assert all(word in ready.run("edit", "1", "--name", "Other").stderr for word in words)
    assert all(word in ready.run("plan", "1").stderr for word in words)
    assert len(ready.ok("plan", "1")["warnings"]) == 2

    assert "`campaigns launch c1 --as-written`" in ready.refusal("launch", "1", code=4)
    launched = ready.run("launch", "--yes", "1", "--as-written")
    assert all(word in launched.stderr for word in words)
    again = ready.ok("launch", "--yes", "1", "--as-written", "--again", "--reason", "more fans")
    assert len(again["warnings"]) == 2


def test_a_word_given_to_create_holds_for_the_launch(ready: Shell) -> None:
    made = ready.ok(*CREATE, "--text", "Save 10% with %CODE%", "--as-written", stdin=b"1")
    assert made["warnings"] == ["%CODE% in the text is a placeholder of another tool and goes out as written"]
    assert ready.ok("launch", "--yes", "1")["state"] == "planned"


def test_a_list_goes_beside_user_ids_where_that_is_one_request(ready: Shell) -> None:
    ready.ok(*CREATE, "--text", "Hi", "--list", "fans", "--subscribed-within", "7", stdin=b"1\n2\n")
    plan = ready.ok("plan", "1")
    assert (plan["recipients"], plan["whole_list"], plan["requests"]) == (None, True, 1)
    assert ready.ok("launch", "--yes", "1")["state"] == "planned"
    assert ready.ok("runs", "show", "1")["recipients"] is None
