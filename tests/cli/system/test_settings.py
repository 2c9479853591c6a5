"""Settings that are wrong, empty, misspelt or of two minds: each is said in one sentence, without a secret."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest

from campaigns.cli.kit.in_force import SANDBOX_NOTE
from campaigns.domain.errors import SettingsError
from campaigns.settings import Settings, load_settings
from tests.cli.conftest import Shell

LIVE = "LIVE: what is sent reaches fans through https://app.onlyfansapi.com."


@pytest.mark.parametrize("name", ["ONLYFANSAPI_API_KEY", "ONLYFANSAPI_API_KEY_FILE"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_key_is_no_key_and_that_is_said(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert shell.run("list").stderr.splitlines()[:2] == [SANDBOX_NOTE, f"{name} is empty and counts as not set."]
    assert load_settings().upstream_name == "sandbox"
    assert load_settings().read_key() is None


@pytest.mark.parametrize(
    "name",
    [
        *("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "CAMPAIGNS_UPSTREAM_URL", "CAMPAIGNS_PROXY_URL"),
        *("CAMPAIGNS_HOME", "CAMPAIGNS_BATCH_SIZE", "CAMPAIGNS_PREPARE_THRESHOLD", "LOG_LEVEL", "LOG_FORMAT"),
    ],
)
def test_whatever_else_is_empty_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert name in shell.refusal("list", code=2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CAMPAIGNS_BATCHSIZE", "ignored; did you mean CAMPAIGNS_BATCH_SIZE?"),
        ("CAMPAIGNS_XYZZY", "CAMPAIGNS_XYZZY is not a setting of this release and is ignored."),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_name_that_is_no_setting_is_told_with_the_nearest_and_not_its_value(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, place: str, name: str, said: str
) -> None:
    if place == ".env":
        shell.file(".env", f"{name}=hunter2\n")
    else:
        monkeypatch.setenv(name, "hunter2")
    result = shell.run("list")
    assert result.exit_code == 0
    assert said in result.stderr
    assert "hunter2" not in result.output


def test_a_key_whose_address_comes_from_elsewhere_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.file(".env", "CAMPAIGNS_UPSTREAM_URL=https://evil.example\n")
    assert "comes from" not in shell.run("list").stderr  # without a key nobody is at risk
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_hunter2")
    said = shell.run("list").stderr
    assert "through https://evil.example." in said
    assert "key comes from the environment, but the address that it is sent to (CAMPAIGNS_UPSTREAM_URL) from" in said
    assert "hunter2" not in said
    monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", "https://good.example")
    assert "comes from" not in shell.run("list").stderr


@pytest.mark.parametrize("words", [("list",), ("runs", "list"), ("suppress", "list"), ("limits",), ("doctor",)])
def test_every_screen_names_the_vendor_in_force(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for proxy in ("HTTPS_PROXY", "CAMPAIGNS_PROXY_URL"):  # nothing may leave this machine
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    assert shell.run(*words).stderr.splitlines()[0] == SANDBOX_NOTE
    monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", "https://box.example")
    assert shell.run(*words).stderr.splitlines()[0].endswith("everything goes to the sandbox at https://box.example.")
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_x")
    monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", "http://127.0.0.1:9")
    assert shell.run(*words).stderr.splitlines()[0].startswith("The vendor is http://127.0.0.1:9, on this machine")
    monkeypatch.delenv("CAMPAIGNS_UPSTREAM_URL")
    assert shell.run(*words).stderr.splitlines()[0] == LIVE


def test_the_vendor_in_force_is_said_once_for_a_command(shell: Shell) -> None:
    assert shell.run("accounts", "add", "acct_one").stderr.count(SANDBOX_NOTE) == 1


@pytest.mark.parametrize("level", ["debug", "Info", "WARNING"])
def test_a_level_of_the_log_is_understood_in_any_case(level: str) -> None:
    assert load_settings(LOG_LEVEL=level).log_level == level.upper()


NUMBERS = [str(field.alias) for field in Settings.model_fields.values() if field.annotation in {int, float, int | None}]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e300", "9" * 26, "-1", "many"])
@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_bounds_and_a_refusal_names_them(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"{name} must be a .*number, .*(at most|less than) [0-9,]+ \(found"):
        load_settings()


def test_a_batch_has_bounds_too(shell: Shell) -> None:
    users = shell.file("users.csv", "1\n")
    shell.ok("accounts", "add", "acct_one")
    words = ("create", "--account", "acct_one", "--name", "x", "--text", "y", "--users", users, "--batch-size")
    assert "--batch-size is 1,000,001, but a request takes 1 to 1,000,000 user IDs" in shell.refusal(
        *words, "1000001", code=2
    )


def test_a_refusal_shows_the_flag_and_not_what_it_stands_above(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_HOME", "/elsewhere")
    assert "(found '')" in shell.refusal("--home", "", "list", code=2)


@pytest.mark.parametrize("words", [("db", "upgrade"), ("up",), ("list",)])
def test_a_home_that_is_not_text_is_refused_and_not_made(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    before = sorted(shell.folder.iterdir())
    monkeypatch.setenv("CAMPAIGNS_HOME", "bad\udcff")
    assert "CAMPAIGNS_HOME: is not text in UTF-8" in shell.refusal(*words, code=2)
    assert sorted(shell.folder.iterdir()) == before


@pytest.mark.parametrize("words", [("list",), ("db", "upgrade"), ("db", "check"), ("up",), ("beat",)])
@pytest.mark.parametrize("kind", ["folder", "other file"])
def test_a_path_that_is_no_database_is_a_wrong_setting(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr("campaigns.embedded.up.run_up", lambda *_: pytest.fail("it was started"))
    path = shell.folder if kind == "folder" else Path(shell.file("users.csv", "one,two,three,four\n1,2,3,4\n"))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    said = shell.refusal(*words, code=2)
    assert said.startswith("DATABASE_URL (else CAMPAIGNS_HOME) leads to ")
    assert str(path) in said


KEY_FILES = {
    "not text": b"\xff\xfe\x00k",
    "too large": b"k" * 5000,
    "empty": b" \n",
}


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00k", "UTF-8"), (b"k" * 5000, "larger than"), (b" \n", "is empty")]
)
def test_a_key_file_that_cannot_be_used(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.setenv("ONLYFANSAPI_API_KEY_FILE", shell.file("key", content))
    assert said in shell.refusal("accounts", "add", "acct_one", code=2)


@pytest.mark.parametrize(("mode", "is_noted"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_file_that_others_can_read_is_noted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, mode: int, *, is_noted: bool
) -> None:
    path = Path(shell.file("key", "ofapi_x\n"))
    path.chmod(mode)
    monkeypatch.setenv("ONLYFANSAPI_API_KEY_FILE", str(path))
    monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", "http://127.0.0.1:9")
    found = [check for check in json.loads(shell.run("doctor", "--json").stdout) if check["part"] == "vendor key"]
    assert [check["fix"] for check in found] == ([f"chmod 600 {path}"] if is_noted else [])


def test_a_key_file_without_an_end_and_one_that_is_not_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLYFANSAPI_API_KEY_FILE", "/dev/zero")
    assert "not a regular file" in shell.refusal("accounts", "add", "acct_one", code=2)
    monkeypatch.setenv("ONLYFANSAPI_API_KEY_FILE", "/dev/null/key")
    assert "Not a directory" in shell.refusal("accounts", "add", "acct_one", code=2)


@pytest.mark.parametrize("command", [("list",), ("up",), ("worker",)])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONLYFANSAPI_API_KEY", "S3cr3tK\nx"),
        ("ONLYFANSAPI_API_KEY", "S3cr3t\u00e9"),
        ("ONLYFANSAPI_API_KEY_FILE", "/nope"),
        ("ONLYFANSAPI_API_KEY_FILE", "two words"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_before_anything_is_started(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], name: str, value: str
) -> None:
    shell.file("two words", "S3cr3t x\n")
    monkeypatch.setattr("campaigns.embedded.up.run_up", lambda *_: pytest.fail("it was started"))
    monkeypatch.setenv(name, value)
    said = shell.refusal(*command, code=2)
    assert said.startswith(f"Settings: {name} ")
    assert said.endswith(". Nothing was started.")
    assert "S3cr" not in said


def test_a_key_may_end_with_a_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_x\n")
    key = load_settings().read_key()
    assert key is not None
    assert key.get_secret_value() == "ofapi_x"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("command", [("audit", "verify", "--heads"), ("sandbox", "--port", "0", "--faults")])
def test_a_file_without_an_end_is_refused(shell: Shell, command: tuple[str, ...]) -> None:
    os.mkfifo(shell.folder / "pipe")
    for place in ("/dev/zero", str(shell.folder / "pipe")):
        assert "it is a pipe or a device, not a regular file" in shell.refusal(*command, place, code=2)


@pytest.mark.parametrize("content", [b"\xff\xfeA=1\n", None])
def test_a_file_of_settings_that_cannot_be_read(shell: Shell, content: bytes | None) -> None:
    path = Path(shell.folder, ".env")
    if content is None:
        path.mkdir()
        assert shell.run("list").exit_code in {0, 2}  # a folder of that name is nobody's settings
        return
    path.write_bytes(content)
    assert ".env in this folder cannot be read" in shell.refusal("list", code=2)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('ONLYFANSAPI_API_KEY="S3cr3tE\nCAMPAIGNS_BATCH_SIZE=100\n', 1),
        ("# ours\n\n\nONLYFANSAPI_API_KEY: S3cr3tE\n", 4),
        ("LOG_LEVEL=INFO\nONLYFANSAPI_API_KEY\nCAMPAIGNS_BATCH_SIZE=100\n", 2),
    ],
)
def test_a_line_of_settings_that_is_not_understood_is_refused_by_its_number(
    shell: Shell, content: str, line: int
) -> None:
    shell.file(".env", content)
    said = shell.refusal("list", code=2)
    assert f"the file .env in this folder has a line that is not a setting: line {line}; write NAME=value" in said
    assert "S3cr" not in said


def test_a_dollar_in_a_file_of_settings_is_a_dollar(shell: Shell) -> None:
    shell.file(".env", "ONLYFANSAPI_API_KEY=a$HOME${HOME}b\nexport LOG_LEVEL=debug # loud\n")
    key = load_settings().read_key()
    assert key is not None
    assert (key.get_secret_value(), load_settings().log_level) == ("a$HOME${HOME}b", "DEBUG")


def test_a_file_of_settings_that_never_ends_is_not_waited_for(shell: Shell) -> None:
    os.mkfifo(Path(shell.folder, ".env"))
    assert "not a regular file" in shell.refusal("list", code=2)


def test_a_file_for_keys_of_tls_that_cannot_be_written(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/dev/null/keys.log")
    assert "SSLKEYLOGFILE cannot be written (Not a directory)" in shell.refusal("list", code=2)


def test_a_role_says_which_vendor_is_in_force_and_beat_that_asks_none_does_not(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    def started(*_: object) -> None:
        raise click.exceptions.Exit(0)

    monkeypatch.setattr(os, "execve", started)
    monkeypatch.setenv("REDIS_URL", redis_url)
    worker, beat = shell.run("worker").stderr.splitlines(), shell.run("beat").stderr.splitlines()
    assert (worker[0], "celery -q -A" in worker[1]) == (SANDBOX_NOTE, True)
    assert (len(beat), "celery -q -A" in beat[0]) == (1, True)


def test_a_number_that_is_none_is_told_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_BATCH_SIZE", "x")
    with pytest.raises(
        SettingsError, match=r"CAMPAIGNS_BATCH_SIZE must be a whole number, at least 1 and at most .* \(found 'x'\)"
    ):
        load_settings()
