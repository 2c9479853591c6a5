"""`list` and `show` for people: the newest at the bottom, counts, the pause beside the state; JSON as before."""

from __future__ import annotations

import pytest
from click import unstyle

from tests.cli.conftest import Shell, talk


@pytest.fixture
def three(shell: Shell) -> Shell:
    """A draft, an armed campaign with a paused schedule, and an archived one, on two accounts."""
    shell.campaign("--name", "First")
    shell.campaign("--name", "Fridays", "--cron", "0 18 * * FRI", "--zone", "UTC", account="acct_two", users="1\n2\n")
    shell.ok("launch", "c2", "--yes")
    shell.ok("pause", "2", "--reason", "a fair")
    shell.campaign("--name", "Old")
    shell.ok("archive", "c3", "--yes")
    return shell


def rows(shell: Shell, *options: str) -> list[list[str]]:
    """The cells that hold no blank, of each row."""
    header, *lines = shell.run("list", *options).stdout.splitlines()
    assert header.split()[:4] == ["campaign", "name", "account", "state"]
    return [line.split() for line in lines]


def test_people_see_the_newest_at_the_bottom_with_counts_and_without_archived_ones(three: Shell) -> None:
    first, second = rows(three)

    assert first[:5] == ["c1", "First", "acct_one", "draft", "5"]
    assert second[:6] == ["c2", "Fridays", "acct_two", "scheduled,", "paused", "2"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--all",), ["c1", "c2", "c3"]),
        (("--state", "archived"), ["c3"]),
        (("--account", "acct_two"), ["c2"]),
        (("--limit", "1"), ["c2"]),
        (("--limit", "2", "--all"), ["c2", "c3"]),
    ],
)
def test_options_choose_what_is_listed(three: Shell, options: tuple[str, ...], names: list[str]) -> None:
    assert [row[0] for row in rows(three, *options)] == names


def test_a_list_that_is_cut_says_so(three: Shell) -> None:
    assert "These are the newest 1" in talk(three.run("list", "--limit", "1"))
    assert talk(three.run("list")) == ""


def test_json_has_all_of_them_the_newest_first_with_plain_numbers_unless_limited(three: Shell) -> None:
    assert [line["id"] for line in three.ok("list")] == [3, 2, 1]
    assert [line["id"] for line in three.ok("list", "--limit", "2")] == [3, 2]
    assert (three.ok("list")[1]["paused"], three.ok("list")[1]["recipients"]) == ("a fair", 2)


def test_fifty_are_shown_unless_more_are_asked_for(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    content = "account: acct_one\ntext: Hi\nlist: fans\n"
    for _ in range(51):
        shell.ok("create", shell.file("c.yaml", content))

    assert [row[0] for row in rows(shell)] == [f"c{number}" for number in range(2, 52)]
    assert len(rows(shell, "--all")) == len(rows(shell, "--limit", "51")) == 51


@pytest.mark.parametrize("typed", ["c1", "C1", "1", " c1 "])
def test_a_campaign_is_named_with_its_letter_or_without(three: Shell, typed: str) -> None:
    assert three.ok("show", typed)["id"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "r1"), "'r1' is not a valid campaign ID, such as c12. `campaigns list` lists the campaigns."),
        (("runs", "show", "c1"), "'c1' is not a valid run ID, such as r12. `campaigns runs list` lists the runs."),
        (("show", "c"), "'c' is not a valid campaign ID, such as c12."),
        (("show", "c-1"), "'c-1' is not a valid campaign ID, such as c12."),
    ],
)
def test_the_letter_of_another_thing_is_refused(three: Shell, words: tuple[str, ...], said: str) -> None:
    assert three.refusal(*words, code=2).startswith(said)


def test_people_see_runs_with_their_letter(three: Shell) -> None:
    three.ok("launch", "c1", "--yes")

    told = three.run("show", "1").stdout

    assert "campaign     c1\n" in told
    assert "open runs    r1\n" in told


def test_a_narrow_terminal_gets_fewer_columns_and_nothing_that_is_broken(
    three: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.cli.kit.streams.Printable.isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "80")

    header, _rule, *lines = unstyle(three.run("list").stdout).strip().splitlines()

    assert header.split() == ["campaign", "name", "account", "state", "recipients"]
    assert [line.split()[0] for line in lines] == ["c1", "c2"]
    assert "scheduled, paused" in lines[1]
    assert all(len(line) <= 80 for line in lines)
