"""`audit verify`: what an operator sees of the sealed trail, and of one that was changed."""

from __future__ import annotations

import json

import pytest
from click.testing import Result

from campaigns.flow.audit.seal import seal_events
from tests.cli.conftest import Shell, talk
from tests.store.forger import Forger
from tests.world import World


@pytest.fixture
def trail(shell: Shell, world: World) -> Shell:
    """An installation with two accounts, whose events are sealed."""
    shell.ok("accounts", "add", "acct_one")
    shell.ok("accounts", "add", "acct_two")
    assert seal_events(world.store) == 2
    return shell


def faults(result: Result) -> list[str]:
    assert result.exit_code == 1, result.output
    assert talk(result) == ""
    listed: list[str] = json.loads(result.stdout)["faults"]
    return listed


def test_the_head_of_the_trail_is_told_to_be_kept(trail: Shell) -> None:
    found = trail.ok("audit", "verify")
    assert (found["ok"], found["unsealed"], list(found["heads"])) == (True, 0, ["trail"])
    assert found["heads"]["trail"]["position"] == 2
    every = trail.ok("audit", "verify", "--every-chain")["heads"]
    assert set(every) == {"trail", "account:acct_one", "account:acct_two"}
    said = trail.run("audit", "verify").stdout.splitlines()
    assert said == [
        "2 events, 0 runs: the books balance, and the log is whole.",
        f"head of trail: 2 {found['heads']['trail']['sha256']}",
    ]


def test_what_is_not_sealed_yet_is_counted(trail: Shell) -> None:
    trail.ok("accounts", "add", "acct_three")

    assert trail.ok("audit", "verify")["unsealed"] == 1
    assert trail.run("audit", "verify").stdout.startswith("3 events (1 not sealed yet), 0 runs: the books balance")


def test_a_change_ends_with_1_and_names_the_row(trail: Shell, world: World) -> None:
    Forger(world.store).does("UPDATE event SET actor = 'operator:ben' WHERE id = 2")

    (fault,) = faults(trail.run("audit", "verify", "--json"))
    assert fault.startswith("account:acct_two: event 2 (account_added)")
    result = trail.run("audit", "verify")
    assert (result.exit_code, talk(result)) == (1, "")
    assert fault in result.stdout


def test_a_trail_that_was_cut_off_is_seen_by_who_kept_its_head(trail: Shell, world: World) -> None:
    kept = trail.file("heads.json", trail.run("audit", "verify", "--json").stdout)
    assert trail.ok("audit", "verify", "--heads", kept)["ok"]
    Forger(world.store).does("DELETE FROM seal WHERE number = 2", "DELETE FROM event WHERE id = 2")

    assert trail.ok("audit", "verify")["ok"], "nobody can know without a head"
    cut = faults(trail.run("audit", "verify", "--heads", kept, "--json"))
    assert cut == ["the audit log is cut off: it ends with seal 1, but seal 2 was kept"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event SET detail = '{broken' WHERE id = 1",
        "UPDATE event SET at = 'yesterday' WHERE id = 1",
        "UPDATE event SET reason = CAST(x'ff' AS TEXT) WHERE id = 1",
        "UPDATE seal SET position = 'first' WHERE number = 1",
    ],
)
def test_a_trail_that_cannot_be_read_ends_with_1_and_a_sentence(trail: Shell, world: World, damage: str) -> None:
    Forger(world.store).does(damage)

    assert faults(trail.run("audit", "verify", "--json"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        ("[]", 'holds no "heads"'),
        ('{"heads": {}}', 'holds no "heads"'),
        ('{"heads": {"trail": 7}}', '"trail" is not a valid head'),
        ('{"heads": {"trail": {"position": -1, "sha256": "0"}}}', '"trail" is not a valid head'),
        ('{"heads": {"trail": {"position": true, "sha256": "' + "0" * 64 + '"}}}', '"trail" is not a valid head'),
        ('{"heads": {"trail": {"position": 1, "sha256": "' + "G" * 64 + '"}}}', '"trail" is not a valid head'),
    ],
)
def test_a_file_of_heads_that_is_none_is_refused(trail: Shell, content: str | bytes, words: str) -> None:
    assert words in trail.refusal("audit", "verify", "--heads", trail.file("heads.json", content), code=2)


def test_a_file_of_heads_that_is_not_there_is_refused(trail: Shell) -> None:
    assert "there is no such file" in trail.refusal("audit", "verify", "--heads", "nowhere.json", code=2)
    assert "it is a folder" in trail.refusal("audit", "verify", "--heads", ".", code=2)
