"""Campaign files: YAML whose names are those of the options, read as text and never guessed."""

from __future__ import annotations

import pytest

from campaigns.cli.inputs.field_table import FIELDS
from campaigns.cli.inputs.fields import gather
from campaigns.domain.errors import UsageError
from campaigns.domain.messages.fields import READERS
from tests.cli.conftest import Shell


def test_every_field_of_a_message_that_people_may_give_is_one_of_the_messages() -> None:
    given_otherwise = {"scheduled_date", "text_mode"}  # when to start is ours, by --at; the mode is told by --html
    assert {each.key for each in FIELDS if each.of_message} == set(READERS) - given_otherwise


def test_names_may_be_those_of_options_in_either_spelling_or_of_fields(shell: Shell) -> None:
    path = shell.file("c.yaml", "list: [1]\nexclude_list: 2\nrf-tag: [a]\nmedia_files: ['7', '8']\n")
    values = gather({}, path).values
    assert values == {"user_lists": ("1",), "excluded_lists": ("2",), "rf_tag": ("a",), "media_files": ("7", "8")}


def test_scalars_are_text_and_never_guessed(shell: Shell) -> None:
    path = shell.file("c.yaml", "users: [0123, 1_000]\nname: no\ntext: 12:30\nprice: 9.90\nat: 2031-01-01T10:00:00Z\n")
    values = gather({}, path).values
    assert values == {
        "users": ("0123", "1_000"),
        "name": "no",
        "text": "12:30",
        "price": "9.90",
        "at": "2031-01-01T10:00:00Z",
    }


def test_an_empty_value_is_not_given(shell: Shell) -> None:
    assert gather({}, shell.file("c.yaml", "text: Hi\nprice:\ngiphy: ~\nname: null\n")).values == {"text": "Hi"}


@pytest.mark.parametrize("word", ["true", "yes", "ON"])
def test_flags_are_read_from_the_usual_words(shell: Shell, word: str) -> None:
    assert gather({}, shell.file("c.yaml", f"locked-text: {word}\nskip-bad: no\n")).values == {
        "locked_text": True,
        "skip_bad": False,
    }


def test_options_win_over_the_file(shell: Shell) -> None:
    path = shell.file("c.yaml", "text: from the file\nname: from the file\nlist: [1, 2]\n")
    values = gather({"text": "typed", "user_lists": ("3",), "name": None, "previews": ()}, path).values
    assert values == {"text": "typed", "name": "from the file", "user_lists": ("3",)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("txt: Hi\n", "'txt' is no field of a campaign (did you mean 'text'?). Nothing"),
        ("crontab: '* * * * *'\n", "'crontab' is no field of a campaign"),
        ("text: a\ntext: b\n", "gives text twice"),
        ("list: 1\nuser_lists: 2\n", "list is given twice"),
        ("text: Win #1 now\n", "line 1: YAML reads ` #` as a comment, which cuts text off; put it in quotes."),
        ("name: a\ntext: #1 of all\n", "line 2: YAML reads ` #` as a comment, which cuts text off"),
        ("contents:\n- text: 'one'\n- text: two #2\n", "line 3: YAML reads ` #` as a comment, which cuts text off"),
        ("users: fans #2.csv\n", "cuts users off"),
        ("text: !!binary aGk=\n", "text must be one value, not one with a YAML tag (`!!`); leave the tag out"),
        ("text: !!int 5\n", "text must be one value, not one with a YAML tag"),
        ("text: [a, b]\n", "text must be one value, not a list"),
        ("list: [{a: 1}]\n", "list must be a list of plain values"),
        ("batch-size: many\n", "batch-size is 'many', not a whole number"),
        ("locked-text: maybe\n", "neither true nor false"),
        ("- text\n", "is no campaign: write `name: value`"),
        ("", "is no campaign"),
        ("text: 'open\n", "is no YAML in line"),
        ("cron: * * * * *\n", "put a value that begins with * in quotes"),
        ("text: !!python/object/apply:os.system [ls]\n", "is no YAML"),
        ("a: &a [*a]\n", "'a' is no field"),
        (b"text: \xff\n", "is not UTF-8"),
    ],
)
def test_a_campaign_file_that_cannot_be_used(shell: Shell, content: str | bytes, said: str) -> None:
    path = shell.file("c.yaml", content)
    with pytest.raises(UsageError) as refused:
        gather({}, path)
    assert said in str(refused.value)


def test_a_comment_that_cuts_nothing_is_a_comment(shell: Shell) -> None:
    content = """
# Friday
text: 'Win #1 now' # the offer
name: Win#1
price: 5 # dollars
users: [1, 2] # both
contents:
# the first
- text: |
    One #1
  price: 5 # dollars
"""
    values = gather({}, shell.file("c.yaml", content)).values
    assert (values["text"], values["name"], values["price"]) == ("Win #1 now", "Win#1", "5")
    assert values["contents"][0]["text"] == "One #1\n"


def test_every_fault_of_a_campaign_file_is_named_at_once(shell: Shell) -> None:
    with pytest.raises(UsageError) as refused:
        gather({"batch_size": "x"}, shell.file("c.yaml", "txt: a\nlocked-text: b\n"))
    assert [word in str(refused.value) for word in ("txt", "locked-text", "batch-size")] == [True] * 3


def test_a_campaign_from_a_file_finds_its_recipients_beside_it(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    (shell.folder / "friday").mkdir()
    shell.file("friday/fans.txt", "5\n6\n")
    path = shell.file("friday/campaign.yaml", "account: acct_one\ntext: Hi\nname: Friday\nusers: fans.txt\n")
    made = shell.ok("create", path)
    books = {"lines": 2, "ids": 2, "duplicates": 0, "bad": 0, "blank": 0, "inside_quotes": 0, "header": 0}
    form = {"kind": "one ID a line", "encoding": "UTF-8", "separator": None, "column": None, "sheet": None, "hidden": 0}
    assert made == {"id": 1, "name": "Friday", "state": "draft", "warnings": [], "file": books | form}
    audience = shell.ok("show", "1")["audience"]
    assert (audience["size"], audience["source"]) == (2, "fans.txt")


def test_recipients_given_as_an_option_are_looked_for_where_the_command_runs(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    (shell.folder / "friday").mkdir()
    shell.file("fans.txt", "5\n6\n7\n")
    path = shell.file("friday/campaign.yaml", "account: acct_one\ntext: Hi\nusers: other.txt\n")
    shell.ok("create", path, "--users", "fans.txt")
    assert shell.ok("show", "1")["audience"]["size"] == 3


def test_recipients_may_stand_in_the_campaign_file(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    content = b"account: acct_one\ntext: Hi\nusers: [0123, 9223372036854775807]\n"
    shell.ok("create", "-", stdin=content)
    shell.ok("launch", "1")
    assert [row["batch"] for row in shell.ok("who", "123")] == [1]
    assert [row["batch"] for row in shell.ok("who", "9223372036854775807")] == [1]
    assert shell.ok("who", "83") == []  # what 0123 is in YAML's own numbers


def test_standard_input_is_read_once(shell: Shell) -> None:
    sentence = shell.refusal("create", "-", "--users", "-", code=2, stdin=b"text: Hi\n")
    assert "standard input cannot be both" in sentence


def test_every_option_reaches_what_is_kept(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    told = [
        *("--account", "acct_one", "--text", "Hi", "--name", "Friday", "--list", "1", "--list", "2"),
        *("--exclude-list", "3", "--price", "9.90", "--media", "7", "--media", "8", "--preview", "7"),
        *("--giphy", "g1", "--locked-text", "--block-banned-words", "risky", "--rf-tag", "1", "--rf-partner", "2"),
        *("--rf-guest", "3", "--save-for-later", "--batch-size", "100", "--on-unknown", "resend"),
        *("--accept-suppressed", "--at", "2031-07-01 10:00", "--zone", "Europe/Berlin"),
    ]
    shell.ok("create", *told)
    kept = shell.ok("show", "1")
    assert {name: value for name, value in kept["message"].items() if value not in (None, [], False)} == {
        "text": "Hi",
        "text_mode": "plain",
        "user_lists": ["1", "2"],
        "excluded_lists": ["3"],
        "price": "9.90",
        "media_files": ["7", "8"],
        "previews": ["7"],
        "giphy_id": "g1",
        "locked_text": True,
        "block_banned_words": "risky",
        "rf_tag": ["1"],
        "rf_partner": ["2"],
        "rf_guest": ["3"],
        "save_for_later": True,
    }
    assert {name: kept[name] for name in ("name", "batch_size", "on_unknown", "starts_at", "zone", "audience")} == {
        "name": "Friday",
        "batch_size": 100,
        "on_unknown": "resend",
        "starts_at": "2031-07-01T08:00:00+00:00",
        "zone": "Europe/Berlin",
        "audience": None,
    }


def test_an_edit_changes_what_is_named_and_clears_what_is_asked(shell: Shell) -> None:
    campaign = str(shell.campaign("--price", "5", "--media", "7", "--locked-text", "--name", "Friday"))
    shell.ok("edit", campaign, "--text", "Hello", "--clear", "price", "--clear", "locked-text", "--batch-size", "2")
    kept = shell.ok("show", campaign)
    assert (kept["name"], kept["batch_size"], kept["audience"]["size"]) == ("Friday", 2, 5)
    told = {name: value for name, value in kept["message"].items() if value not in (None, [], False)}
    assert told == {"text": "Hello", "text_mode": "plain", "media_files": ["7"]}


def test_an_edit_may_change_from_user_ids_to_a_list_and_back(shell: Shell) -> None:
    campaign = str(shell.campaign())
    shell.refusal("edit", campaign, "--list", "7", "--batch-size", "2", code=2)
    shell.ok("edit", campaign, "--list", "7", "--clear", "users")
    assert shell.ok("plan", campaign)["recipients"] is None
    shell.ok("edit", campaign, "--users", "-", "--clear", "list", stdin=b"1\n2\n")
    assert shell.ok("plan", campaign)["recipients"] == 2
