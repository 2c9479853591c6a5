"""What `create` and `edit` are told about time: read whole, or refused in one sentence with nothing stored."""

from __future__ import annotations

import re
from typing import Any

import pytest

from campaigns.inputs.fields import gather
from tests.cli.conftest import Shell

CREATE = ("create", "--account", "acct_one", "--text", "Hi", "--users", "-")
BERLIN = ("--zone", "Europe/Berlin")
FRIDAYS = ("--cron", "0 18 * * FRI", *BERLIN)
STEPS = ("--every", "2 weeks", "--starting", "2031-03-07 18:00", *BERLIN)


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """With one account that has no zone."""
    shell.ok("accounts", "add", "acct_one")
    return shell


def made(shell: Shell, *options: str, account: str = "acct_one") -> dict[str, Any]:
    """A campaign as it is shown."""
    found = shell.ok("create", "--account", account, "--text", "Hi", "--users", "-", *options, stdin=b"1\n2\n3\n")
    shown: dict[str, Any] = shell.ok("show", str(found["id"]))
    return shown


def test_everything_about_time_is_kept(ready: Shell) -> None:
    shown = made(
        ready, *FRIDAYS, "--begins", "2031-01-01 00:00", "--until", "2031-12-31T23:00:00Z", "--max-runs", "7",
        "--jitter", "90s", "--misfire", "all", "--grace", "6h30m", "--overlap", "queue", "--hours", "09:00-22:00",
        "--over", "2h", "--expires", "1d",
    )  # fmt: skip
    assert shown["timing"] == {
        "cron": "0 18 * * FRI",
        "zone": "Europe/Berlin",
        "begins": "2030-12-31T23:00:00+00:00",
        "until": "2031-12-31T23:00:00+00:00",
        "max_runs": 7,
        "jitter_seconds": 90.0,
        "misfire": "all",
        "grace_seconds": 23400.0,
        "overlap": "queue",
        "hours": "09:00-22:00",
        "over_seconds": 7200.0,
        "expires_seconds": 86400.0,
    }
    assert shown["schedule"].startswith("every Friday at 18:00 Europe/Berlin, from Wednesday 1 January 2031")
    assert len(shown["next_runs"]) == 7


def test_a_campaign_file_says_the_same(ready: Shell) -> None:
    path = ready.file(
        "c.yaml",
        "account: acct_one\ntext: Hi\nusers: [1]\nevery: 2 weeks\nstarting: 2031-03-21 18:00\nzone: Europe/Berlin\n"
        "max-runs: 3\ngrace: 15m\nhandoff: yes\n",
    )
    shown = ready.ok("show", str(ready.ok("create", path, "--grace", "30m")["id"]))
    assert shown["timing"] == {
        "every": "2 weeks",
        "starting": "2031-03-21T18:00:00",
        "zone": "Europe/Berlin",
        "max_runs": 3,
        "grace_seconds": 1800.0,
        "handoff": True,
    }
    # The clocks are set forward on 30 March 2031.
    assert [run[5:16] for run in shown["next_runs"]] == ["03-21T17:00", "04-04T16:00", "04-18T16:00"]


def test_a_first_time_with_an_offset_is_turned_into_the_local_one(ready: Shell) -> None:
    shown = made(ready, "--every", "week", "--starting", "2031-07-01T12:00:00Z", *BERLIN)
    assert shown["timing"]["starting"] == "2031-07-01T14:00:00"


def test_the_zone_is_the_accounts_unless_given(ready: Shell) -> None:
    ready.ok("accounts", "add", "acct_two", "--zone", "Asia/Tokyo")
    assert made(ready, "--cron", "@daily", account="acct_two")["timing"]["zone"] == "Asia/Tokyo"
    assert made(ready, "--at", "2031-01-01 09:00", account="acct_two")["starts_at"] == "2031-01-01T00:00:00+00:00"
    assert made(ready, "--cron", "@daily", *BERLIN, account="acct_two")["timing"]["zone"] == "Europe/Berlin"


def test_people_are_told_times_on_the_clocks_of_the_campaign(ready: Shell) -> None:
    ready.ok("accounts", "add", "acct_two", "--zone", "Asia/Tokyo")
    campaign_id = str(made(ready, "--at", "2031-01-01 09:00", "--hours", "08:00-22:00", account="acct_two")["id"])
    planned = ready.run("plan", campaign_id).stdout
    assert "starts         2031-01-01 09:00+09:00 Asia/Tokyo" in planned
    assert " Asia/Tokyo, limited by the " in planned
    assert "08:00-22:00 Asia/Tokyo" in planned
    assert "2031-01-01 09:00:00+09:00" in ready.run("show", campaign_id).stdout
    told = ready.run("launch", "--yes", campaign_id).stdout
    assert "at 09:00 Asia/Tokyo. Its next occurrence is at 2031-01-01 09:00+09:00 Asia/Tokyo." in told
    assert "armed already, for 2031-01-01 09:00+09:00 Asia/Tokyo" in ready.refusal("launch", campaign_id, code=4)
    assert (
        ". The edit takes effect from the occurrence at 2031-" in ready.run("edit", campaign_id, "--text", "Ho").stdout
    )


def test_plan_and_show_say_when_and_the_next_runs(ready: Shell) -> None:
    shown = made(ready, *FRIDAYS)
    planned = ready.ok("plan", "1")
    assert planned["schedule"] == shown["schedule"] == "every Friday at 18:00 Europe/Berlin"
    assert planned["next_runs"] == shown["next_runs"]
    assert len(planned["next_runs"]) == 10
    for command in ("plan", "show"):
        told = ready.run(command, "1").stdout
        assert "every Friday at 18:00 Europe/Berlin" in told
        assert re.search(r"^Friday  \S+ 18:00\+0[12]:00", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cron", "0 0 31 2 *", *BERLIN), "never comes"),
        (("--cron", "0 0 18 * * FRI", *BERLIN), "has a sixth field"),
        (("--cron", "0 18 * * FRY", *BERLIN), "the weekday is 'FRY', but may hold"),
        (("--cron", "0 18 * * FRI"), "cron needs a zone"),
        (("--cron", "0 18 * * FRI", "--zone", "Europe/Berln"), r"did you mean Europe/Berlin\?"),
        ((*FRIDAYS, "--at", "2031-01-01 10:00"), "cron and at each say when"),
        ((*FRIDAYS, "--every", "2 weeks", "--starting", "2031-01-01 10:00"), "cron and every each say when"),
        ((*FRIDAYS, "--starting", "2031-01-01 10:00"), "there is no every"),
        (("--every", "2 weeks", *BERLIN), "every needs starting"),
        (("--every", "2 weeks", "--starting", "2031-01-01 10:00"), "on whose clocks"),
        (("--every", "fortnight", "--starting", "2031-01-01 10:00", *BERLIN), "'fortnight' is not a valid step"),
        (
            ("--every", "day", "--starting", "2031-03-30 02:30", *BERLIN),
            "--starting .* does not exist in Europe/Berlin",
        ),
        (("--every", "day", "--starting", "2031-10-26 02:30", *BERLIN), "--starting .* comes twice in Europe/Berlin"),
        ((*FRIDAYS, "--until", "2020-01-01T00:00:00Z"), "until 2020-01-01 01:00.01:00 Europe/Berlin has passed"),
        (
            (*FRIDAYS, "--until", "2031-01-01 00:00", "--begins", "2031-02-01 00:00"),
            r"until 2031-01-01 00:00\+01:00 \S+ is before begins 2031-02-01 00:00\+01:00 Europe/Berlin",
        ),
        ((*FRIDAYS, "--until", "soon"), "--until 'soon' is not a valid time"),
        ((*FRIDAYS, "--begins", "2031-01-01 00:00", "--until", "2031-01-02 00:00"), "has no occurrence before it ends"),
        ((*FRIDAYS, "--max-runs", "0"), "--max-runs is 0, but a schedule runs at least once"),
        ((*FRIDAYS, "--max-runs", "-1"), "max-runs is '-1', not a whole number"),
        (("--max-runs", "2"), "--max-runs are for a schedule that recurs"),
        ((*FRIDAYS, "--jitter", "7d"), "jitter is 604800 s, but two occurrences are 601200 s apart"),
        ((*FRIDAYS, "--jitter", "5"), "jitter is '5', not a length of time; write 90s, 15m, 6h30m or 1d"),
        ((*FRIDAYS, "--grace", ""), "grace is '', not a length of time"),
        ((*FRIDAYS, "--grace", "0.5s"), "grace is 0.5 s, shorter than the tick of 1 s"),
        ((*FRIDAYS, "--misfire", "twice"), "misfire is 'twice', but may be skip, once or all"),
        ((*FRIDAYS, "--overlap", "stop"), "overlap is 'stop', but may be skip, queue, cancel or unsend"),
        ((*FRIDAYS, "--hours", ""), "hours '' are not valid hours"),
        ((*FRIDAYS, "--hours", "25:00-26:00"), "hours '25:00-26:00' name a time that no clock shows"),
        (("--hours", "09:00-22:00"), "hours .*need a zone"),
        ((*FRIDAYS, "--over", "3h", "--expires", "2h"), "over is longer than expires"),
        (("--expires", "0s"), "expires is 0"),
    ],
)
def test_times_that_cannot_stand(ready: Shell, options: tuple[str, ...], said: str) -> None:
    sentence = ready.refusal(*CREATE, *options, code=2, stdin=b"1\n2\n3\n")
    assert re.search(said, sentence), sentence
    assert re.search(r"Nothing was (stored|changed)\.$", sentence)
    assert ready.ok("list") == []


def test_the_tick_of_the_settings_is_the_least_grace(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_TICK_SECONDS", "5")
    assert "tick of 5 s" in ready.refusal(*CREATE, *FRIDAYS, "--grace", "4s", code=2, stdin=b"1\n")
    assert made(ready, *FRIDAYS, "--grace", "5s")["timing"]["grace_seconds"] == 5.0


def test_all_faults_about_time_are_named_in_one_sentence(ready: Shell) -> None:
    unreadable = ("--until", "soon", "--begins", "later")
    sentence = ready.refusal(*CREATE, *FRIDAYS, *unreadable, code=2, stdin=b"1\n")
    assert all(part in sentence for part in ("--until 'soon'", "--begins 'later'"))
    assert sentence.count("Nothing was stored.") == 1
    senseless = ("--misfire", "twice", "--max-runs", "0", "--over", "2h", "--expires", "1h")
    sentence = ready.refusal(*CREATE, *FRIDAYS, *senseless, code=2, stdin=b"1\n")
    assert all(part in sentence for part in ("--misfire is", "--max-runs is", "over is longer"))
    assert sentence.count("Nothing was changed.") == 1


def test_a_zone_that_is_not_known_is_one_fault(ready: Shell) -> None:
    options = ("--every", "day", "--starting", "2031-01-01 10:00", "--until", "2031-02-01 10:00", "--zone", "Berln")
    sentence = ready.refusal(*CREATE, *options, code=2, stdin=b"1\n")
    assert sentence == "--zone 'Berln' is not a known time zone; did you mean Europe/Berlin? Nothing was stored."


# Edits.


def edited(shell: Shell, *options: str) -> dict[str, Any]:
    """The campaign as it is shown after an edit."""
    shell.ok("edit", "1", *options)
    shown: dict[str, Any] = shell.ok("show", "1")
    return shown


def test_an_edit_changes_what_it_names(ready: Shell) -> None:
    before = made(ready, *STEPS, "--grace", "5m", "--max-runs", "4")["timing"]
    assert edited(ready, "--text", "Hello")["timing"] == before
    assert edited(ready, "--max-runs", "9")["timing"] == {**before, "max_runs": 9}
    assert edited(ready, "--zone", "Asia/Tokyo")["timing"] == {**before, "max_runs": 9, "zone": "Asia/Tokyo"}


def test_one_kind_of_schedule_takes_the_place_of_another(ready: Shell) -> None:
    made(ready, "--at", "2031-01-01 10:00", *BERLIN)
    shown = edited(ready, "--cron", "0 18 * * FRI", "--grace", "5m")
    assert shown["starts_at"] is None
    assert shown["timing"] == {"cron": "0 18 * * FRI", "zone": "Europe/Berlin", "grace_seconds": 300.0}
    shown = edited(ready, "--every", "week", "--starting", "2031-01-01 10:00")
    assert shown["timing"].keys() == {"every", "starting", "zone", "grace_seconds"}
    assert edited(ready, "--starting", "2031-01-02 10:00")["timing"]["every"] == "week"
    shown = edited(ready, "--at", "2031-06-01 10:00")
    assert shown["starts_at"] == "2031-06-01T08:00:00+00:00"
    assert shown["timing"] == {"grace_seconds": 300.0}


def test_what_is_cleared_is_gone(ready: Shell) -> None:
    made(ready, *FRIDAYS, "--max-runs", "4", "--jitter", "5m", "--handoff")
    shown = edited(ready, "--clear", "max-runs", "--clear", "jitter", "--clear", "handoff")
    assert shown["timing"] == {"cron": "0 18 * * FRI", "zone": "Europe/Berlin"}
    shown = edited(ready, "--clear", "cron")
    assert (shown["schedule"], shown["timing"]) == ("when it is launched", {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--clear", "starting"), "every needs starting"),
        (("--clear", "every"), "starting is the first time of every, but there is no every"),
        (("--max-runs", "0"), "--max-runs is 0"),
        (("--at", "2031-01-01 10:00"), "--max-runs are for a schedule that recurs"),
        (("--grace", "1h", "--clear", "grace"), "--grace is both given and cleared"),
        (("--zone", "Berln"), "did you mean Europe/Berlin"),
    ],
)
def test_an_edit_that_cannot_stand_changes_nothing(ready: Shell, options: tuple[str, ...], said: str) -> None:
    made(ready, *STEPS, "--max-runs", "4")
    sentence = ready.refusal("edit", "1", *options, code=2)
    assert said in sentence
    assert ready.ok("show", "1")["revision"] == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("15m", 900.0), ("6h30m", 23400.0), ("1d", 86400.0), (" 1D2H3M4.5S ", 93784.5), ("0s", 0.0)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert gather({"grace_seconds": text}, None).values == {"grace_seconds": seconds}


def test_an_archived_campaign_has_no_next_runs(ready: Shell) -> None:
    made(ready, *FRIDAYS)
    ready.ok("archive", "1", "--yes")
    assert ready.ok("show", "1")["next_runs"] == []


def test_an_armed_schedule_that_is_cleared_waits_for_nothing(ready: Shell) -> None:
    made(ready, *FRIDAYS)
    assert ready.ok("launch", "--yes", "1")["state"] == "scheduled"
    assert ready.ok("show", "1")["due_at"] is not None
    shown = edited(ready, "--clear", "cron")
    assert (shown["due_at"], shown["next_runs"]) == (None, [])
