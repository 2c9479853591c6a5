"""`plan`: everything of the request, for people and for programs."""

from __future__ import annotations

from tests.cli.conftest import Shell
from tests.world import World

EVERYTHING = (
    *("--price", "9.99", "--media", "11", "--media", "12", "--preview", "11", "--locked-text"),
    *("--exclude-list", "muted", "--block-banned-words", "risky", "--rf-tag", "5", "--batch-size", "2"),
)


def test_a_plan_shows_every_field_of_the_request_that_leaves(shell: Shell, world: World) -> None:
    campaign_id = str(shell.campaign(*EVERYTHING))
    (text,) = shell.ok("plan", campaign_id)["texts"]
    shown = shell.run("plan", campaign_id).stdout

    shell.ok("launch", "--yes", campaign_id)
    world.serve()

    sent = [{**body} for body in world.gateway.received]
    assert [body.pop("userIds") for body in sent] == [["1", "2"], ["3", "4"], ["5"]]
    assert sent == [text["request"]] * 3
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for line in (
        "account         acct_one",
        "vendor          sandbox",
        "recipients      5",
        "requests        3 of up to 2 users",
        "price           $9.99",
        "media           11, 12",
        "previews        11",
        "text is locked  yes",
        "lists left out  muted",
        "banned words    risky",
        "tagged creators 5",
    ):
        assert " ".join(line.split()) in lines


def test_each_content_shows_what_its_own_request_holds(shell: Shell) -> None:
    cheap = shell.file("cheap.yaml", "text: Cheap\nprice: 3\n")
    dear = shell.file("dear.yaml", "text: Dear\nprice: 200\n")
    options = ("--text", "Hi", "--media", "11", "--content", cheap, "--content", dear, "--cron", "0 18 * * FRI")
    campaign_id = str(shell.campaign(*options, "--zone", "Europe/Berlin"))

    texts = shell.ok("plan", campaign_id)["texts"]
    shown = shell.run("plan", campaign_id).stdout

    assert [(text["content"], text["request"]["price"]) for text in texts] == [(1, 3), (2, 200), (1, 3)]
    assert "price, text 1" in shown
    assert "$200.00" in shown


def test_warnings_are_sentences_with_what_to_do_and_codes_for_programs(shell: Shell) -> None:
    campaign_id = str(shell.campaign("--cron", "0 * * * *", "--zone", "UTC"))

    planned = shell.ok("plan", campaign_id)

    assert planned["warning_codes"] == ["often"]
    (sentence,) = planned["warnings"]
    assert sentence.endswith(f"`campaigns edit c{campaign_id} --often` allows it.")
    assert f"Note: {sentence}" in shell.run("plan", campaign_id).stderr
    shell.ok("edit", campaign_id, "--often")
    assert shell.ok("plan", campaign_id)["warnings"] == []
    assert shell.ok("show", campaign_id)["warnings"] == []
