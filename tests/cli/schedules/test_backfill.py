"""`schedule backfill`: what it shows, and what it asks before it does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from campaigns.domain.schedules.timing import Timing
from campaigns.store.database.engine import open_store
from tests.cli.conftest import Shell
from tests.clock import DrivenClock
from tests.world import World

A_DAY = timedelta(days=1)
A_MONTH = timedelta(days=28)


@pytest.fixture
def missed(shell: Shell) -> tuple[str, ...]:
    """The words that backfill campaign c1, written two months ago: its four Fridays of the last month were missed."""
    return _missed(shell, written_ago=2 * A_MONTH)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person can be asked."""
    stream = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("campaigns.cli.kit.agree.sys", SimpleNamespace(stdin=stream, stderr=stream))


def _missed(shell: Shell, *, written_ago: timedelta) -> tuple[str, ...]:
    shell.ok("accounts", "add", "acct_one")
    clock = DrivenClock(datetime.now(UTC) - written_ago)
    store = open_store(shell.database_url, clock=clock)
    fridays = Timing(cron="0 18 * * FRI", zone="Europe/Berlin")
    campaign_id = World(store, clock).campaign(message={"text": "Happy Friday!"}, timing=fridays, often=False)
    store.close()
    shell.ok("launch", "--yes", str(campaign_id))
    now = datetime.now(UTC)
    return ("schedule", "backfill", str(campaign_id), "--from", (now - A_MONTH).isoformat(), "--to", now.isoformat())


def test_a_backfill_is_looked_at_and_then_done(shell: Shell, missed: tuple[str, ...]) -> None:
    shell.ok("edit", "1", "--often")
    tried = shell.run(*missed, "--dry-run")
    assert tried.stdout.count("missing") == 4
    assert tried.stdout.count("Europe/Berlin") == 4
    assert "4 runs would be opened" in tried.stderr
    assert shell.ok("runs", "list") == []

    done = shell.run(*missed, "--reason", "new here", "--yes")
    again = shell.run(*missed)

    assert "4 runs opened" in done.stderr
    assert "nothing to backfill" in again.stderr
    assert {row["state"] for row in shell.ok("runs", "list")} == {"due"}


def test_off_a_terminal_a_backfill_needs_a_word_and_nothing_is_done_without(
    shell: Shell, missed: tuple[str, ...]
) -> None:
    shell.ok("edit", "1", "--often")

    sentence = shell.refusal(*missed, code=2)

    assert sentence == (
        "Send 4 runs to 5 fans of acct_one, 20 messages in all? "
        "Nobody can be asked here, and nothing was done. Pass --yes to agree."
    )
    assert shell.ok("runs", "list") == []


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "opened"), [(b"y\n", 4), (b"n\n", 0)])
def test_a_person_is_shown_what_will_be_sent_and_is_asked_once(
    shell: Shell, missed: tuple[str, ...], answer: bytes, opened: int
) -> None:
    shell.ok("edit", "1", "--often")

    asked = shell.run(*missed, stdin=answer)

    assert "everything goes to the local sandbox" in asked.stderr
    assert "Campaign c1 of acct_one, for " in asked.stderr
    assert "The first one says: Happy Friday!" in asked.stderr
    assert asked.stderr.count("[y/N]") == 1
    assert len(shell.ok("runs", "list")) == opened


def test_more_than_one_run_in_a_day_must_be_allowed(shell: Shell, missed: tuple[str, ...]) -> None:
    looked = shell.run(*missed, "--dry-run")
    refused = shell.refusal(*missed, "--yes", code=4)

    assert "does not allow more than one run in 24 hours. `campaigns edit c1 --often` allows it." in looked.stderr
    assert "would send 4 runs to the same people within 24 hours" in refused
    assert refused.endswith("`campaigns edit c1 --often` allows it.")
    assert shell.ok("runs", "list") == []
    day = datetime.now(UTC) - 7 * A_DAY
    one = ("--from", day.isoformat(), "--to", datetime.now(UTC).isoformat())
    assert len(shell.ok("schedule", "backfill", "1", *one, "--yes")["runs"]) == 1


def test_times_before_the_campaign_was_written_need_a_word_of_their_own(
    shell: Shell,
) -> None:
    missed = _missed(shell, written_ago=10 * A_DAY)
    shell.ok("edit", "1", "--often")

    before = shell.ok(*missed, "--dry-run")["before_created"]
    sentence = shell.refusal(*missed, "--yes", code=2)

    assert before in {2, 3}
    assert sentence.endswith("nothing was done. Pass --before-created to agree.")
    assert shell.ok("runs", "list") == []
    assert len(shell.ok(*missed, "--yes", "--before-created")["runs"]) == 4


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "opened"), [(b"y\ny\n", 4), (b"n\n", 0), (b"y\nn\n", 0)])
def test_a_person_is_asked_for_those_times_by_themselves(shell: Shell, answer: bytes, opened: int) -> None:
    missed = _missed(shell, written_ago=10 * A_DAY)
    shell.ok("edit", "1", "--often")

    asked = shell.run(*missed, stdin=answer)

    assert "before campaign c1 was written? [y/N]" in asked.stderr
    assert len(shell.ok("runs", "list")) == opened


@pytest.mark.usefixtures("terminal")
def test_what_changed_while_a_person_was_asked_is_not_sent(
    shell: Shell, missed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.ok("edit", "1", "--often")

    def edits_meanwhile(*_: object, **__: object) -> bool:
        shell.ok("edit", "1", "--text", "Something else")
        return True

    monkeypatch.setattr("campaigns.cli.kit.agree.click.confirm", edits_meanwhile)

    refused = shell.run(*missed)

    assert refused.exit_code == 4
    assert "has changed since it was shown" in refused.stderr
    assert shell.ok("runs", "list") == []
