"""`who`, `why-not` and `audit list`, as people read them."""

from __future__ import annotations

from tests.cli.conftest import Shell, talk
from tests.world import REJECTED, World


def test_who_and_why_not_name_suppressions_and_reasons(shell: Shell, world: World) -> None:
    campaign_id = shell.campaign("--batch-size", "2")
    shell.ok("suppress", "add", "5", "--reason", "asked us to stop")
    shell.ok("launch", "--yes", str(campaign_id))
    world.gateway.script = [REJECTED]
    world.serve()

    assert "batch 1, rejected (refused)." in shell.run("why-not", "1", "1").stdout
    assert "batch 2, the vendor took the message as message acct_one-2." in shell.run("why-not", "3", "1").stdout
    assert "not in its audience." in shell.run("why-not", "77", "1").stdout
    left_out = shell.run("why-not", "5", "1")
    assert "left out by the plan (suppressed)." in left_out.stdout
    assert "User 5 is suppressed on all accounts by operator:" in talk(left_out)

    said = shell.run("who", "5").stdout
    assert said.startswith("User 5 is suppressed on all accounts by operator:")
    assert ": asked us to stop\n" in said
    assert "left_out" in said
    assert shell.ok("who", "3", "--account", "acct_one")[0]["account"] == "acct_one"
    assert shell.ok("who", "3", "--since", "2100-01-01T00:00:00Z") == []
    assert "not known here" in shell.refusal("who", "3", "--account", "acct_none", code=3)
    assert "There is no campaign c9" in shell.refusal("who", "3", "--campaign", "9", code=3)
    assert "There is no run r9" in shell.refusal("why-not", "3", "9", code=3)


def test_audit_list_shows_the_newest_first_to_people_alone(shell: Shell) -> None:
    for account in ("acct_a", "acct_b", "acct_c"):
        shell.ok("accounts", "add", account)

    def events(*options: str) -> list[str]:
        return [line.split()[0] for line in shell.run("audit", "list", *options).stdout.splitlines()[1:]]

    assert events() == ["3", "2", "1"]
    newest = shell.run("audit", "list", "--limit", "2")
    assert [line.split()[0] for line in newest.stdout.splitlines()[1:]] == ["3", "2"]
    assert "There are older ones" in talk(newest)
    assert events("--after", "1") == ["2", "3"]
    assert [event["id"] for event in shell.ok("audit", "list", "--limit", "2")] == [1, 2]
