"""Campaign files: YAML whose names are those of the fields, read as text and never guessed."""

from __future__ import annotations

import pytest

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.fields import READERS
from campaigns.inputs.campaign_file import CampaignFile
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.fields import gather


def test_every_field_of_a_message_that_people_may_give_is_one_of_the_messages() -> None:
    given_otherwise = {"scheduled_date", "text_mode"}  # when to start is ours, by --at; the mode is told by --html
    assert {each.key for each in FIELDS if each.of_message} == set(READERS) - given_otherwise


def test_names_may_be_those_of_options_in_either_spelling_or_of_fields() -> None:
    path = CampaignFile("c.yaml", "list: [1]\nexclude_list: 2\nrf-tag: [a]\nmedia_files: ['7', '8']\n")
    values = gather({}, path).values
    assert values == {"user_lists": ("1",), "excluded_lists": ("2",), "rf_tag": ("a",), "media_files": ("7", "8")}


def test_scalars_are_text_and_never_guessed() -> None:
    path = CampaignFile(
        "c.yaml", "users: [0123, 1_000]\nname: no\ntext: 12:30\nprice: 9.90\nat: 2031-01-01T10:00:00Z\n"
    )
    values = gather({}, path).values
    assert values == {
        "users": ("0123", "1_000"),
        "name": "no",
        "text": "12:30",
        "price": "9.90",
        "at": "2031-01-01T10:00:00Z",
    }


def test_an_empty_value_is_not_given() -> None:
    assert gather({}, CampaignFile("c.yaml", "text: Hi\nprice:\ngiphy: ~\nname: null\n")).values == {"text": "Hi"}


@pytest.mark.parametrize("word", ["true", "yes", "ON"])
def test_flags_are_read_from_the_usual_words(word: str) -> None:
    assert gather({}, CampaignFile("c.yaml", f"locked-text: {word}\nskip-bad: no\n")).values == {
        "locked_text": True,
        "skip_bad": False,
    }


def test_options_win_over_the_file() -> None:
    path = CampaignFile("c.yaml", "text: from the file\nname: from the file\nlist: [1, 2]\n")
    values = gather({"text": "typed", "user_lists": ("3",), "name": None, "previews": ()}, path).values
    assert values == {"text": "typed", "name": "from the file", "user_lists": ("3",)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("txt: Hi\n", "'txt' is not a field of a campaign (did you mean 'text'?). Nothing"),
        ("crontab: '* * * * *'\n", "'crontab' is not a field of a campaign"),
        ("text: a\ntext: b\n", "gives text twice"),
        ("list: 1\nuser_lists: 2\n", "list is given twice"),
        ("text: Win #1 now\n", "line 1: YAML reads ` #` as a comment, which cuts text off; put it in quotes."),
        ("name: a\ntext: #1 of all\n", "line 2: YAML reads ` #` as a comment, which cuts text off"),
        ("contents:\n- text: 'one'\n- text: two #2\n", "line 3: YAML reads ` #` as a comment, which cuts text off"),
        ("users: fans #2.csv\n", "cuts users off"),
        ("text: !!binary aGk=\n", "text must be one value, not one with a YAML tag (`!!`); leave the tag out"),
        ("text: !!int 5\n", "text must be one value, not one with a YAML tag"),
        ("text: [a, b]\n", "text must be one value, not a list"),
        ("list: [{a: 1}]\n", "user_lists must be a list of plain values"),
        ("batch-size: many\n", "batch_size is 'many', not a whole number"),
        ("locked-text: maybe\n", "neither true nor false"),
        ("- text\n", "is not a campaign file: write one `name: value` a line"),
        ("", "is not a campaign file"),
        ("text: 'open\n", "is not valid YAML in line"),
        ("cron: * * * * *\n", "put a value that begins with * in quotes"),
        ("text: !!python/object/apply:os.system [ls]\n", "is not valid YAML"),
        ("a: &a [*a]\n", "'a' is not a field"),
    ],
)
def test_a_campaign_file_that_cannot_be_used(content: str, said: str) -> None:
    path = CampaignFile("c.yaml", content)
    with pytest.raises(UsageError) as refused:
        gather({}, path)
    assert said in str(refused.value)


def test_a_comment_that_cuts_nothing_is_a_comment() -> None:
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
    values = gather({}, CampaignFile("c.yaml", content)).values
    assert (values["text"], values["name"], values["price"]) == ("Win #1 now", "Win#1", "5")
    assert values["contents"][0]["text"] == "One #1\n"


def test_every_fault_of_a_campaign_file_is_named_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        gather({"batch_size": "x"}, CampaignFile("c.yaml", "txt: a\nlocked-text: b\n"))
    assert [word in str(refused.value) for word in ("txt", "locked_text", "batch_size")] == [True] * 3
