"""`copy`, `archive` and `unarchive`."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_an_archive_needs_a_yes_where_nobody_can_be_asked(shell: Shell) -> None:
    campaign = str(shell.campaign())

    assert "--yes" in shell.refusal("archive", campaign, code=2)

    assert shell.ok("show", campaign)["state"] == "draft"
    assert shell.ok("archive", campaign, "--yes") == {"id": 1, "name": "Hi", "state": "archived"}


def test_what_was_archived_comes_back(shell: Shell) -> None:
    campaign = str(shell.campaign())
    assert "is not archived; it is draft" in shell.refusal("unarchive", campaign, code=4)
    shell.ok("archive", campaign, "--yes")
    assert "`campaigns unarchive 1`" in shell.refusal("edit", campaign, "--text", "Ho", code=4)

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
