"""Campaign files on the command line: options win, recipients are found beside them, every field reaches its row."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_campaign_file_that_is_not_text_is_refused(shell: Shell) -> None:
    assert "is not UTF-8" in shell.refusal("create", shell.file("c.yaml", b"text: \xff\n"), code=2)


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
    shell.ok("launch", "--yes", "1")
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
