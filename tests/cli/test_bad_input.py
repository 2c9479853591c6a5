"""Whatever is wrong with what was typed: one clear sentence, the documented exit code, and nothing half done."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import click
import pytest

from tests.cli.command_lines import EVERY_COMMAND
from tests.cli.conftest import Shell
from tests.world import LOGGED_OUT, REJECTED, UNKNOWN, World

CREATE = ("create", "--account", "acct_one", "--text", "Hi")


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """With one account."""
    shell.ok("accounts", "add", "acct_one")
    return shell


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,age\nAnna,30\n", r"no user_id column \(found 'name', 'age'\)"),
        ("user_id\n1\ntwo\n3\n", "line 3 'two'"),
        ("user_id,name\n1,Anna\n-5,Bea\n", "line 3 '-5'"),
        ("1\n2.5\n", "line 2 '2.5'"),
        ("1\n0\n", "line 2 '0'"),
        (f"{2**63}\n", f"'{2**63}'"),
        ('{"user_id": 1}\n{"user_id": 1.5}\n', "line 2"),
        ("", "names no user"),
        ("user_id\n", "names no user"),
    ],
)
def test_a_recipient_file_that_cannot_be_used(ready: Shell, content: str | bytes, said: str) -> None:
    sentence = ready.refusal(*CREATE, "--users", ready.file("fans.csv", content), code=2)
    assert re.search(said, sentence), sentence
    assert ready.ok("list") == []


def test_skipping_bad_lines_is_said_with_their_numbers(ready: Shell) -> None:
    result = ready.run(*CREATE, "--users", ready.file("fans.csv", "1\nx\n2\n2\n"), "--skip-bad")
    assert result.exit_code == 0
    assert "Read 2 user IDs, dropped 1 duplicate, skipped 1 bad line (line 2 'x')." in result.stderr


UNCLOSED = 'user_id,why\n9001,"asked to stop\n9002,blocked\n9003,refund\n'
BOOKED = 'user_id,name\n1,"Al\nA"\n\n2,Bo\nx,Cy\n2,Bo\n'


@pytest.mark.parametrize("skip_bad", [(), ("--skip-bad",)])
def test_a_file_with_a_quote_that_is_never_closed_reaches_neither_fans_nor_suppressions(
    ready: Shell, skip_bad: tuple[str, ...]
) -> None:
    path = ready.file("people.csv", UNCLOSED)
    for command in ((*CREATE, "--users", path), ("suppress", "import", path, "--reason", "asked")):
        sentence = ready.refusal(*command, *skip_bad, code=2)
        assert "the quoted field that opens on line 2 is never closed" in sentence
    assert ready.ok("list") == []
    assert ready.ok("suppress", "list") == []


def test_the_books_of_a_file_are_said_by_each_command_that_reads_one(ready: Shell) -> None:
    path = ready.file("people.csv", BOOKED)
    books = {"lines": 7, "ids": 2, "duplicates": 1, "bad": 1, "blank": 1, "inside_quotes": 1, "header": 1}
    form = {"kind": "CSV", "encoding": "UTF-8", "separator": "comma", "column": "user_id", "sheet": None, "hidden": 0}
    words = "7 lines: 2 with a new ID, 1 with a duplicate, 1 bad, 1 blank, 1 inside quotes, 1 header."
    for command in (
        (*CREATE, "--users", path),
        ("edit", "1", "--users", path),
        ("suppress", "import", path, "--reason", "asked"),
    ):
        assert ready.ok(*command, "--skip-bad")["file"] == books | form
        assert words in ready.run(*command, "--skip-bad").stderr
    assert "file" not in ready.ok("edit", "1", "--name", "Friday")


def test_a_recipient_file_that_is_not_there(ready: Shell) -> None:
    assert "there is no such file" in ready.refusal(*CREATE, "--users", "nowhere.csv", code=2)


def test_a_folder_as_recipient_file(ready: Shell) -> None:
    assert "it is a folder" in ready.refusal(*CREATE, "--users", str(ready.folder), code=2)


def test_a_recipient_file_that_may_not_be_read(ready: Shell) -> None:
    path = ready.file("fans.csv", "1\n")
    Path(path).chmod(0)
    if os.access(path, os.R_OK):  # root may read everything, but not this
        path, why = "/proc/self/mem", "cannot be read"
    else:
        why = "you may not read it"
    assert why in ready.refusal(*CREATE, "--users", path, code=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--users", "-", "--price", "5"), "--price needs --media|price needs --media"),
        (("--users", "-", "--price", "2", "--media", "1"), "must be 0 or from 3 to 200"),
        (("--users", "-", "--price", "abc", "--media", "1"), "not an amount in US dollars"),
        (("--users", "-", "--preview", "7"), "--media"),
        (("--users", "-", "--subscribed-within", "99"), "--subscribed-within is '99'"),
        (("--users", "-", "--block-banned-words", "never"), "--block-banned-words is 'never'"),
        (("--users", "-", "--list", "77", "--batch-size", "2"), "user IDs take 2"),
        (("--subscribed-within", "7"), "--subscribed-within only narrows who gets it"),
        (("--list", "fans,recent"), "--list has 'fans,recent', which is not a valid list ID: give each list by itself"),
        (("--list", "fans", "--exclude-list", "fans"), "--list and --exclude-list name the same list"),
        (("--users", "-", "--text", "\u200b\u2060"), "text shows nothing"),
        (("--users", "-", "--name", "n" * 201), "the name has 201 characters, but may have at most 200"),
        (("--users", "-", "--name", "a\x1b[31mb"), r"the name contains U\+001B"),
        (("--users", "-", "--name", "a\u202eb"), r"the name contains U\+202E"),
        (("--users", "-", "--name", "\u200b\u2063"), "the name shows nothing"),
        (("--users", "-", "--name", "a\nb"), r"the name contains U\+000A"),
        (("--users", "-", "--media", "7", "--media", "7"), "--media has '7' twice"),
        (("--users", "-", "--media", "007"), "does not begin with 0"),
        (("--users", "-", "--giphy", "https://giphy.com/gifs/x"), "an address; give the ID alone"),
        (("--users", "-", "--rf-tag", "hello"), "--rf-tag has 'hello', which is not a valid ID"),
        ((), "no recipients"),
        (("--users", "-", "--on-unknown", "retry"), "--on-unknown is 'retry', but must be hold or resend"),
        (("--users", "-", "--batch-size", "0"), "--batch-size is 0, but a request takes 1 to 1,000,000 user IDs"),
        (("--users", "-", "--batch-size", "many"), "not a whole number"),
        (
            ("--users", "-", "--zone", "Europe/Berlin"),
            "--zone is the zone of a time, a schedule or sending hours, but none is given",
        ),
        (("--users", "-", "--at", "2031-01-01 10:00"), "does not say in which zone"),
        (("--users", "-", "--at", "2020-01-01T10:00:00Z"), "has passed"),
        (("--users", "-", "--at", "soon"), "--at 'soon' is not a valid time"),
        (("--users", "-", "--at", "2031-01-01 10:00", "--zone", "Europe/Berln"), "did you mean Europe/Berlin"),
        (("--users", "-", "--media", "ofapi_media_abc", "--batch-size", "2"), "can be used once"),
        (("--skip-bad", "--list", "7"), "--skip-bad is about bad lines of the users, but no users are given"),
        (("--users", "-", "--text", " "), "text is empty"),
        (("--users", "-", "--name", " "), "the name shows nothing"),
    ],
)
def test_options_that_cannot_stand(ready: Shell, options: tuple[str, ...], said: str) -> None:
    create = CREATE[: CREATE.index("--text")] if "--text" in options else CREATE
    sentence = ready.refusal(*create, *options, code=2, stdin=b"1\n2\n3\n")
    assert re.search(said, sentence), sentence
    assert ready.ok("list") == []


def test_several_faults_are_named_in_one_sentence(ready: Shell) -> None:
    sentence = ready.refusal(*CREATE, "--users", "-", "--batch-size", "0", "--on-unknown", "x", code=2, stdin=b"1")
    assert "--on-unknown" in sentence
    assert "--batch-size" in sentence


def test_a_campaign_without_account_and_text(ready: Shell) -> None:
    assert "--account is missing; --text is missing" in ready.refusal("create", "--users", "-", code=2)


def test_an_account_that_is_not_known_is_found_before_a_long_file_is_read(shell: Shell) -> None:
    sentence = shell.refusal("create", "--account", "acct_who", "--text", "Hi", "--users", "nowhere.csv", code=3)
    assert "campaigns accounts add acct_who" in sentence


@pytest.mark.parametrize("account", ["one", "acct_", "acct_a b", "acct_é"])
def test_what_is_not_a_valid_account_id(shell: Shell, account: str) -> None:
    assert "is not a valid account ID" in shell.refusal("accounts", "add", account, code=2)


def test_an_account_that_is_here_already(ready: Shell) -> None:
    note_and_sentence = ready.run("accounts", "add", "acct_one")
    assert note_and_sentence.exit_code == 4
    assert "is here already" in note_and_sentence.stderr


@pytest.mark.parametrize("setting", ["CAMPAIGNS_BATCH_SIZE", "CAMPAIGNS_RATE_PER_MINUTE"])
def test_a_wrong_setting(shell: Shell, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, "many")
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    sentence = shell.refusal("list", code=2)
    assert setting in sentence
    assert "Nothing was started." in sentence


@pytest.mark.parametrize(
    "command", [("list",), ("db", "check"), ("launch", "1"), ("runs", "list"), ("audit", "verify")]
)
def test_a_database_that_was_never_migrated(empty_shell: Shell, command: tuple[str, ...]) -> None:
    assert "`campaigns db upgrade`" in empty_shell.refusal(*command, code=4)
    assert list((empty_shell.folder / "home").iterdir()) == []  # nor made by asking for it


def test_a_database_without_tables(empty_shell: Shell) -> None:
    empty_shell.file("home/campaigns.db", "")
    assert "`campaigns db upgrade`" in empty_shell.refusal("list", code=4)


def test_migrating_makes_it_ready(empty_shell: Shell) -> None:
    assert empty_shell.ok("db", "upgrade") == empty_shell.ok("db", "check")
    assert empty_shell.ok("list") == []


def test_a_database_that_is_no_database(shell: Shell) -> None:
    shell.file("home/campaigns.db", "this is a letter to Anna, not a database" * 100)
    assert "is not a SQLite database" in shell.refusal("list", code=2)


def test_no_redis_is_known(shell: Shell) -> None:
    assert "set REDIS_URL" in shell.refusal("worker", code=2)
    assert "REDIS_URL is not set" in shell.refusal("limits", code=75)


def test_redis_is_away(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{taken.getsockname()[1]}/0")
        for command in ("worker", "beat"):
            sentence = shell.refusal(command, code=75)
            assert "does not answer" in sentence
            assert "secret" not in sentence


def test_a_role_does_not_start_on_a_database_that_is_not_migrated(
    empty_shell: Shell, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert "`campaigns db upgrade`" in empty_shell.refusal("worker", code=4)


def test_a_port_in_use(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in shell.refusal("sandbox", "--port", port, code=2)


@pytest.mark.parametrize(
    "command",
    [
        ("show", "7"),
        ("plan", "7"),
        ("launch", "7"),
        ("archive", "7"),
        ("edit", "7", "--text", "x"),
        ("runs", "list", "--campaign", "7"),
        ("runs", "show", "7"),
        ("runs", "watch", "7"),
        ("runs", "batches", "7"),
        ("runs", "attempts", "7"),
        ("runs", "pause", "7", "--reason", "x"),
        ("runs", "resume", "7", "--reason", "x"),
        ("runs", "cancel", "7", "--reason", "x"),
        ("runs", "rerun", "7", "--reason", "x"),
        ("runs", "decide", "7", "--all", "--as", "accepted", "--reason", "x"),
        ("accounts", "release", "acct_seven", "--reason", "x"),
        ("suppress", "add", "1", "--account", "acct_seven", "--reason", "x"),
        ("suppress", "remove", "1", "--account", "acct_seven", "--reason", "x"),
        ("suppress", "list", "--account", "acct_seven"),
        ("audit", "list", "--run", "7"),
        ("reconcile", "7"),
        ("audit", "list", "--campaign", "7"),
        ("audit", "export", "--run", "7"),
        ("show", str(2**70)),
        ("runs", "show", "0"),
    ],
)
def test_an_id_that_there_is_not(shell: Shell, command: tuple[str, ...]) -> None:
    shell.refusal(*command, code=3)


@pytest.mark.parametrize("command", [("show", "one"), ("runs", "show", "1.5"), ("plan", "-1")])
def test_what_is_no_id(shell: Shell, command: tuple[str, ...]) -> None:
    shell.refusal(*command, code=2)


@pytest.mark.parametrize(
    "words",
    [
        (*CREATE, "--users", "-", "--name", "caf\udce9"),
        ("suppress", "add", "1", "--reason", "caf\udce9"),
        ("suppress", "list", "--account", "caf\udce9"),
        ("accounts", "add", "acct_two", "--name", "caf\udce9"),
        ("accounts", "release", "caf\udce9", "--reason", "x"),
        (*CREATE, "--users", "caf\udce9.csv"),
        ("suppress", "add", "1", "--reason", "a\0b"),
    ],
)
def test_what_is_not_text(ready: Shell, words: tuple[str, ...]) -> None:
    """As a terminal in Latin-1 types it."""
    assert "is not text in UTF-8" in ready.refusal(*words, code=2)
    assert ready.ok("suppress", "list") == []


@pytest.mark.parametrize("user", ["abc", "0", "-1", "1.0", str(2**63), ""])
def test_what_is_no_user_id(shell: Shell, user: str) -> None:
    assert "is not a valid user ID" in shell.refusal("who", "--", user, code=2)
    assert "Nothing was changed" in shell.refusal("suppress", "add", "--reason", "x", "--", "5", user, code=2)
    assert shell.ok("suppress", "list") == []


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "rerun"])
def test_an_act_without_a_reason(shell: Shell, verb: str) -> None:
    assert "--reason" in shell.refusal("runs", verb, "1", code=2)
    assert "--reason is empty" in shell.refusal("runs", verb, "1", "--reason", " ", code=2)


def test_launching_an_edited_plan(ready: Shell) -> None:
    campaign = str(ready.campaign())
    seen = ready.ok("plan", campaign)["hash"]
    ready.ok("edit", campaign, "--text", "Hello")
    assert "campaigns plan" in ready.refusal("launch", campaign, "--plan", seen, code=4)
    assert ready.ok("runs", "list") == []


def test_a_plan_hash_works_once(ready: Shell) -> None:
    campaign = str(ready.campaign())
    seen = ready.ok("plan", campaign)["hash"]
    ready.ok("launch", campaign, "--plan", seen)
    again = ("--again", "--reason", "new fans")
    ready.refusal("launch", campaign, "--plan", seen, *again, code=4)


def test_a_second_launch(ready: Shell) -> None:
    campaign = str(ready.campaign())
    ready.ok("launch", "--yes", campaign)
    assert "--again" in ready.refusal("launch", campaign, code=4)
    assert "go together" in ready.refusal("launch", campaign, "--again", code=2)
    assert "go together" in ready.refusal("launch", campaign, "--reason", "x", code=2)
    assert ready.ok("launch", "--yes", campaign, "--again", "--reason", "new fans")["run_id"] == 2


def test_archiving_a_campaign_with_an_open_run(ready: Shell) -> None:
    campaign = str(ready.campaign())
    ready.ok("launch", "--yes", campaign)
    assert "open run" in ready.refusal("archive", campaign, "--yes", code=4)
    ready.ok("runs", "cancel", "1", "--reason", "x")
    assert ready.ok("archive", campaign, "--yes")["state"] == "archived"
    assert "archived" in ready.refusal("launch", campaign, code=4)
    assert "archived" in ready.refusal("edit", campaign, "--text", "x", code=4)


def test_an_edit_says_what_an_open_run_keeps(ready: Shell) -> None:
    campaign = str(ready.campaign())
    ready.ok("launch", "--yes", campaign)
    edited = ready.ok("edit", campaign, "--text", "Hello")
    assert edited["revision"] == 2
    assert "run r1 keeps the revision" in edited["note"]


def test_an_edit_of_an_armed_campaign_says_from_when_it_holds(ready: Shell) -> None:
    campaign = str(ready.campaign("--at", "2031-01-01T10:00:00Z"))
    assert ready.ok("launch", "--yes", campaign)["run_id"] is None
    note = ready.ok("edit", campaign, "--text", "Hello", "--at", "2031-02-01T10:00:00Z")["note"]
    assert "2031-02-01 10:00+00:00" in note


def test_an_edit_of_nothing(ready: Shell) -> None:
    campaign = str(ready.campaign())
    assert "No change to campaign c1 was given" in ready.refusal("edit", campaign, code=2)
    path = ready.file("other.yaml", "account: acct_two\n")
    assert "stays with its account" in ready.refusal("edit", campaign, path, code=2)
    assert "cannot be taken away" in ready.refusal("edit", campaign, "--clear", "text", code=2)
    assert "both given and cleared" in ready.refusal("edit", campaign, "--price", "0", "--clear", "price", code=2)


def test_rerun_of_nothing(ready: Shell, world: World) -> None:
    ready.ok("launch", "--yes", str(ready.campaign()))
    world.serve()
    ready.refusal("runs", "rerun", "1", "--reason", "x", code=4)
    assert len(ready.ok("runs", "list")) == 1


@pytest.mark.parametrize("batch", ["x", "3-", "0x1", "1,,2", "99999999"])
def test_what_is_no_batch_number(shell: Shell, batch: str) -> None:
    assert "is not a batch number" in shell.refusal("runs", "rerun", "1", "--batch", batch, "--reason", "x", code=2)


def test_a_batch_that_there_is_not(ready: Shell, world: World) -> None:
    ready.ok("launch", "--yes", str(ready.campaign()))
    world.gateway.script = [REJECTED]
    world.serve()
    ready.refusal("runs", "rerun", "1", "--batch", "9", "--reason", "x", code=3)


def test_deciding_what_is_not_unknown(ready: Shell, world: World) -> None:
    ready.ok("launch", "--yes", str(ready.campaign("--batch-size", "2")))
    world.gateway.script = [UNKNOWN]
    world.serve()
    decide = ("runs", "decide", "1", "--as", "not-sent", "--reason", "x")
    assert "--batch SEQ, or --all" in ready.refusal(*decide, code=2)
    assert "--batch SEQ, or --all" in ready.refusal(*decide, "--all", "--batch", "1", code=2)
    assert "--message-id" in ready.refusal(*decide, "--all", "--message-id", "7", code=2)
    ready.refusal(*decide, "--batch", "2", code=4)
    ready.refusal(*decide, "--batch", "77", code=3)
    assert ready.ok(*decide, "--batch", "1")["batches"] == [1]


def test_releasing_what_is_not_held(ready: Shell, world: World) -> None:
    release = ("accounts", "release", "acct_one", "--reason", "x")
    assert "is not on hold" in ready.refusal(*release, code=4)
    ready.ok("launch", "--yes", str(ready.campaign()))
    world.gateway.script = [LOGGED_OUT]
    world.serve()
    assert ready.ok(*release)["released"] == ["account"]


def test_an_export_that_would_overwrite(ready: Shell) -> None:
    path = ready.file("audit.jsonl", "precious")
    assert "exists already" in ready.refusal("audit", "export", "--output", path, code=2)
    assert Path(path).read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("create", "--account", "acct_one", "--text", "A", "--text", "B", "--users", "a.csv"), "--text"),
        (("create", "--text", "A", "--users", "a.csv", "--users=b.csv", "--json"), "--users"),
        (("create", "--price", "5", "--price", "50"), "--price"),
        (("runs", "decide", "1", "--batch", "1", "--batch", "2", "--reason", "x", "--reason", "y"), "--reason"),
        (("schedule", "explain", "0 9 * * *", "--zone", "UTC", "--zone", "Europe/Rome"), "--zone"),
        (("--home", "a", "--home", "b", "list"), "--home"),
    ],
)
def test_an_option_with_one_value_is_not_given_twice(shell: Shell, words: tuple[str, ...], option: str) -> None:
    assert shell.refusal(*words, code=2) == f"{option} is given 2 times, and takes one value; keep one of them."
    assert shell.ok("list", "--json") == []


@pytest.mark.parametrize("account", ["", " "])
def test_an_empty_account_is_named_as_such(shell: Shell, account: str) -> None:
    assert "ID of the account is empty" in shell.refusal("accounts", "set", account, "--zone", "UTC", code=2)


def test_every_number_has_a_largest_value_that_the_database_can_hold() -> None:
    unbounded = [
        f"{' '.join(path)} {param.opts[0]}"
        for path, command in EVERY_COMMAND.items()
        for param in command.params
        if param.type is click.INT or (isinstance(param.type, click.IntRange) and param.type.max is None)
    ]
    assert unbounded == []
