"""Contents on the command line: in a campaign file, or one file each."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

FILE = """
account: acct_one
users: [1, 2]
media: [11]
contents:
  - text: One
    price: 9.90
  - text: It is {weekday}
    media: []
    locked-text: no
rotate: random
"""


def test_a_campaign_file_may_hold_contents(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    made = shell.ok("create", shell.file("c.yaml", FILE))
    found = shell.ok("show", str(made["id"]))
    assert found["message"]["text"] == made["name"] == "One"
    assert found["contents"] == [
        {"text": "One", "price": "9.90"},
        {"text": "It is {weekday}", "media_files": [], "locked_text": False},
    ]
    assert "contents     2" in shell.run("show", str(made["id"])).stdout


def test_contents_may_stand_in_files_of_their_own_and_be_taken_away(shell: Shell) -> None:
    one, two = shell.file("one.yaml", "text: One\n"), shell.file("two.yaml", "text: Two {n}\n")
    campaign_id = str(shell.campaign("--content", one, "--content", two))
    planned = shell.run("plan", campaign_id).stdout
    assert "content 1: One" in planned
    shell.ok("launch", "--yes", campaign_id)
    again = shell.ok("launch", "--yes", campaign_id, "--again", "--reason", "x")
    assert shell.ok("runs", "show", str(again["run_id"]))["text"] == "Two 2"
    shell.ok("edit", campaign_id, "--clear", "contents")
    assert shell.ok("show", campaign_id)["contents"] == []


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ("[{text: a}, {txt: b}]", "content 2: 'txt' is not a field of a content; did you mean 'text'?"),
        ("[{users: [1]}]", "content 1: 'users' is not a field of a content; it may have text, price"),
        ("[{price: 2}]", "content 1: price is 2, but must be 0 or from 3 to 200"),
        ("[{price: 5}]", "content 1: price needs --media"),
        ("[{text: [a, b]}]", "content 1: text must be one value, not a list"),
        ("[Hello]", "contents must be a list with `name: value` in each"),
        ("Hello", "contents must be a list with `name: value` in each"),
        ("[{media: [ofapi_media_1]}]", "content 1 has an ofapi_media_ ID"),
    ],
)
def test_a_content_that_cannot_be_used_is_named(shell: Shell, contents: str, said: str) -> None:
    shell.ok("accounts", "add", "acct_one")
    path = shell.file("c.yaml", f"account: acct_one\ntext: Hi\nusers: [1]\ncontents: {json.dumps(contents)[1:-1]}\n")
    assert said in shell.refusal("create", path, code=2)


def test_a_rotation_that_is_neither(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    said = shell.refusal(
        "create", "--account", "acct_one", "--text", "a", "--users", "-", "--rotate", "x", code=2, stdin=b"1"
    )
    assert "--rotate is 'x', but must be turn or random" in said
