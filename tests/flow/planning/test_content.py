"""Runs take a campaign's contents in turn, with variables filled in, whoever opens them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.message import make_message
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.planning.preview import preview
from campaigns.flow.runs.rerun import rerun
from campaigns.store.views.events import events
from tests.world import ANNA, LIMITS, REJECTED, UPSTREAM, World

CONTENTS: tuple[dict[str, Any], ...] = ({"text": "One {n}"}, {"price": "7", "media_files": ["22"]}, {"text": "Three"})


def launched_again(world: World, campaign_id: int) -> int:
    return world.launch(campaign_id, again_reason="the next one")


def test_launches_take_the_contents_in_turn_and_say_which(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], contents=CONTENTS)
    runs = [launched_again(world, campaign_id) for _ in range(4)]

    shown = [world.run(run_id) for run_id in runs]
    assert [(run["occurrence"], run["content"], run["text"]) for run in shown] == [
        (1, 1, "One 1"),
        (2, 2, "Hello"),
        (3, 3, "Three"),
        (4, 1, "One 4"),
    ]
    world.serve()
    assert [(body["text"], body.get("price")) for body in world.gateway.received] == [
        ("One 1", None),
        ("Hello", 7),
        ("Three", None),
        ("One 4", None),
    ]


def test_the_event_that_opens_a_run_names_revision_and_content(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], contents=CONTENTS)
    edit_campaign(world.store, campaign_id, Changes(batch_size=1), actor=ANNA)
    launched_again(world, campaign_id)
    run_id = launched_again(world, campaign_id)

    with world.store.read() as connection:
        opened = [each for each in events(connection, run_id=run_id) if each.kind == "run_opened"]
    assert [each.detail for each in opened] == [{"kind": "launch", "revision": 2, "occurrence": 2, "content": 2}]


def test_a_run_that_says_what_its_campaign_says_keeps_no_message_of_its_own(world: World) -> None:
    run_id = world.launched(message={"text": "Hello {name}"}, as_written=True)

    with world.store.read() as connection:
        kept = connection.execute(text("SELECT message, content FROM run WHERE id = :run"), {"run": run_id}).one()
    assert tuple(kept) == (None, None)
    assert (world.run(run_id)["occurrence"], world.run(run_id)["text"]) == (1, "Hello {name}")


def test_a_rerun_keeps_what_its_parent_said_and_takes_no_turn(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], contents=CONTENTS)
    world.gateway.script = [REJECTED]
    parent = launched_again(world, campaign_id)
    world.serve()
    child = rerun(world.store, parent, upstream=UPSTREAM, reason="again", actor=ANNA).child

    assert world.run(child)["text"] == "One 1"
    assert world.run(child)["occurrence"] is None
    assert world.run(launched_again(world, campaign_id))["content"] == 2


def test_a_plan_shows_what_the_next_runs_would_say(world: World) -> None:
    world.account()
    weekly = Timing(cron="0 18 * * 5", zone="Europe/Berlin")
    fields = {"text": "{weekday} {n} {name}"}
    campaign_id = world.campaign([1], contents=(CONTENTS[0], {"price": "0"}), timing=weekly, message=fields)

    told = preview(world.store, campaign_id, LIMITS)

    assert [(each.content, each.text) for each in told.texts] == [
        (1, "One 1"),
        (2, "Friday 2 {name}"),
        (1, "One 3"),
    ]
    assert tuple(each.at for each in told.texts) == told.next_runs[:3]
    assert len(told.next_runs) == 10
    assert [warning.fact for warning in told.warnings if "not a variable" in warning.fact] == [
        "{name} in the text is not a variable and goes out as written; variables are {date}, {weekday}, {n}"
    ]


def test_a_plan_of_a_campaign_without_schedule_shows_what_a_launch_would_say_now(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message={"text": "{date}"})

    told = preview(world.store, campaign_id, LIMITS)

    assert told.next_runs == ()
    run_id = world.launch(campaign_id, plan_hash=told.hash)
    assert [each.text for each in told.texts] == [world.run(run_id)["text"]]
    assert world.run(run_id)["text"] == f"{world.clock.now.day} {world.clock.now:%B %Y}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contents": ({"price": "5"},)}, "content 1: price needs media_files"),
        ({"contents": ({"text": "a"}, {"media_files": ["ofapi_media_1"]})}, "content 2 has an ofapi_media_ ID"),
        ({"timing": Timing(cron="0 0 * * *", zone="UTC"), "message": {"media_files": ["ofapi_media_1"]}}, "first run"),
    ],
)
def test_contents_that_cannot_be_sent_are_not_kept(world: World, changes: dict[str, Any], said: str) -> None:
    world.account()
    with pytest.raises(UsageError, match=said):
        world.campaign([1], **changes)


def test_an_edit_of_the_campaign_must_leave_its_contents_whole(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message={"media_files": ["1"]}, contents=({"price": "5"}, {"text": "Two"}))

    with pytest.raises(UsageError, match="content 1: price needs media_files"):
        edit_campaign(world.store, campaign_id, Changes(message=make_message({"text": "Bare"})), actor=ANNA)

    edit_campaign(world.store, campaign_id, Changes(contents=()), actor=ANNA)
    edit_campaign(world.store, campaign_id, Changes(message=make_message({"text": "Bare"})), actor=ANNA)
    assert world.run(world.launch(campaign_id))["text"] == "Bare"


def test_a_rerun_with_the_newest_words_takes_its_parents_turn(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], contents=CONTENTS)
    world.gateway.script = [REJECTED, REJECTED]
    launched_again(world, campaign_id)
    parent = launched_again(world, campaign_id)
    world.serve()
    edit_campaign(world.store, campaign_id, Changes(contents=({"text": "a"}, {"text": "Edited {n}"})), actor=ANNA)

    child = rerun(world.store, parent, upstream=UPSTREAM, current=True, reason="again", actor=ANNA).child

    assert (world.run(child)["content"], world.run(child)["text"]) == (2, "Edited 2")
