"""`copy`, `archive` and `unarchive`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from campaigns.cli.main import cli
from tests.cli.conftest import Shell


def test_an_archive_needs_a_yes_where_nobody_can_be_asked(shell: Shell) -> None:
    campaign = str(shell.campaign())

    assert "--yes" in shell.refusal("archive", campaign, code=2)

    assert shell.ok("show", campaign)["state"] == "draft"
    assert shell.ok("archive", campaign, "--yes") == {"id": 1, "name": "Hi", "state": "archived"}


def test_nobody_is_asked_about_an_archive_that_is_refused(shell: Shell) -> None:
    campaign = str(shell.campaign())
    shell.ok("launch", campaign, "--yes")

    assert "has an open run (r1)" in shell.refusal("archive", campaign, code=4)
    shell.ok("runs", "cancel", "1", "--reason", "over")
    shell.ok("archive", campaign, "--yes")
    assert "is archived already" in shell.refusal("archive", campaign, code=4)


def test_what_was_archived_comes_back(shell: Shell) -> None:
    campaign = str(shell.campaign())
    assert "is not archived; it is draft" in shell.refusal("unarchive", campaign, code=4)
    shell.ok("archive", campaign, "--yes")
    assert "`campaigns unarchive c1`" in shell.refusal("edit", campaign, "--text", "Ho", code=4)

    assert shell.run("unarchive", "c1").stdout == "Campaign c1 is back; it is draft, and nothing of it is scheduled.\n"

    assert shell.ok("launch", campaign, "--yes")["run_id"] == 1


def test_a_copy_is_a_draft_of_its_own(shell: Shell) -> None:
    shell.campaign("--cron", "0 18 * * FRI", "--zone", "UTC", "--name", "Fridays")

    told = shell.run("copy", "c1").stdout

    assert told == "Campaign c2 'Fridays (copy)' is a copy of c1; `campaigns edit c2` changes it.\n"
    one, two = shell.ok("show", "1"), shell.ok("show", "2")
    assert {name for name in one if one[name] != two[name]} == {"id", "name"}
    assert shell.ok("copy", "1", "--name", "Saturdays")["name"] == "Saturdays"
    assert "--name" not in shell.refusal("copy", "1", "--name", " ", code=2)


@pytest.mark.parametrize(("answer", "state"), [("y\n", "archived"), ("n\n", "scheduled")])
def test_a_person_sees_what_an_archive_takes_away(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, state: str
) -> None:
    campaign = str(shell.campaign("--at", "2031-01-01 10:00", "--zone", "UTC"))
    shell.ok("launch", campaign, "--yes")
    screen = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("campaigns.cli.kit.agree.sys", SimpleNamespace(stdin=screen, stderr=screen))

    result = CliRunner().invoke(cli, ["archive", campaign], input=answer)

    assert "It is armed; its next run at 2031-01-01 10:00:00+00:00 will not come." in result.stderr
    assert "Archive campaign c1? [y/N]" in result.stderr
    assert shell.ok("show", campaign)["state"] == state
