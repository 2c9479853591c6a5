"""Drafts and their edits: all of a fault is named, nothing is half written, no revision is ever changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.as_json import plain
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.messages.list_checks import EXCLUSION_UNSURE
from campaigns.domain.messages.message import make_message
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, Draft, create_campaign, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.store.views import campaigns as campaign_views
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, UPSTREAM, World

pytestmark = on_both


def test_a_draft_keeps_what_was_written(world: World) -> None:
    world.account()
    campaign_id = world.campaign([3, 1, 2], name="Monday", audience_source="fans.csv", on_unknown="resend")

    kept = _campaign(world, campaign_id)

    assert (kept["name"], kept["state"], kept["revision"], kept["on_unknown"]) == ("Monday", "draft", 1, "resend")
    assert kept["message"]["text"] == "Hello"
    assert (kept["audience"]["size"], kept["audience"]["source"]) == (3, "fans.csv")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"users": []}, "there are no recipients"),
        ({"batch_size": 0}, "batch_size is 0, but a request takes"),
        ({"batch_size": -1}, "batch_size is -1, but a request takes"),
        ({"message": {"media_files": ["ofapi_media_1"]}}, "can be used once, but this takes 3 requests"),
    ],
)
def test_a_draft_that_cannot_be_sent_is_not_kept(world: World, changes: dict[str, object], told: str) -> None:
    world.account()

    with pytest.raises(UsageError, match=told):
        world.campaign(**changes)  # type: ignore[arg-type]

    assert _rows(world, "campaign") == _rows(world, "audience_version") == _rows(world, "revision") == 0


def test_every_fault_is_named_at_once(world: World) -> None:
    world.account()

    with pytest.raises(UsageError) as refused:
        world.campaign([], batch_size=0, starts_at=world.clock.now)

    assert all(words in str(refused.value) for words in ("no recipients", "batch_size is 0", "has passed"))


def test_a_campaign_of_an_unknown_account_is_refused(world: World) -> None:
    with pytest.raises(NotFound, match="acct_one"):
        world.campaign()


def test_an_edit_adds_a_revision_and_leaves_the_rest_as_it_is(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1, 2])

    told = edit_campaign(world.store, campaign_id, Changes(batch_size=1), actor=ANNA)

    assert (told.revision, told.note, told.state) == (2, None, "draft")
    kept = _campaign(world, campaign_id)
    assert (kept["batch_size"], kept["message"]["text"], kept["audience"]["size"]) == (1, "Hello", 2)
    assert _rows(world, "revision") == 2
    assert _rows(world, "audience_version") == 1


def test_an_edit_may_bring_another_audience(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1, 2])
    reading = Reading(users=BitMap64([7, 8, 9]))

    edit_campaign(world.store, campaign_id, Changes(audience=reading, name="Others"), actor=ANNA)
    run_id = world.launch(campaign_id)

    assert world.run(run_id)["planned"] == 3
    assert _campaign(world, campaign_id)["name"] == "Others"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (Changes(batch_size=0), "batch_size is 0, but a request takes"),
        (Changes(message=make_message({"text": "x", "user_lists": ["fans"]})), "these 5 user IDs take 3"),
        (Changes(drop_audience=True), "no recipients"),
    ],
)
def test_an_edit_that_cannot_be_sent_changes_nothing(world: World, changes: Changes, told: str) -> None:
    world.account()
    campaign_id = world.campaign()

    with pytest.raises(UsageError, match=told):
        edit_campaign(world.store, campaign_id, changes, actor=ANNA)

    assert _campaign(world, campaign_id)["revision"] == 1
    assert _rows(world, "revision") == 1


@pytest.mark.parametrize(
    ("lists", "warnings"),
    [
        ({"excluded_lists": ["vips"]}, [EXCLUSION_UNSURE]),
        ({"excluded_lists": ["vips"], "user_lists": ["fans"]}, []),
        ({}, []),
    ],
)
def test_a_list_that_may_not_be_left_out_is_warned_of_wherever_it_is_written(
    world: World, lists: dict[str, Any], warnings: list[str]
) -> None:
    world.account()
    message = make_message({"text": "Hello", **lists})
    audience = None if "user_lists" in lists else Reading(users=BitMap64([1]))
    draft = Draft(name="Friday", account_id=ACCOUNT, message=message, audience=audience, batch_size=5)

    created = create_campaign(world.store, draft, actor=ANNA)
    edited = edit_campaign(world.store, created.id, Changes(name="Monday"), actor=ANNA)
    launched = launch(world.store, created.id, upstream=UPSTREAM, actor=ANNA)

    assert [created.warnings, edited.warnings, launched.warnings] == [warnings] * 3


def test_a_campaign_with_an_open_run_is_not_archived(world: World) -> None:
    run_id = world.launched()
    campaign_id = world.run(run_id)["campaign_id"]

    with pytest.raises(NotAllowed, match="has an open run") as refused:
        archive_campaign(world.store, campaign_id, actor=ANNA)
    assert refused.value.remedies == (Remedy(Do.CANCEL_RUN, run=run_id),)
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)
    assert archive_campaign(world.store, campaign_id, actor=ANNA).state == "archived"
    with pytest.raises(NotAllowed, match="archived already"):
        archive_campaign(world.store, campaign_id, actor=ANNA)
    with pytest.raises(NotAllowed, match="cannot be edited"):
        edit_campaign(world.store, campaign_id, Changes(name="New"), actor=ANNA)


def test_a_past_time_is_refused_when_it_is_written(world: World) -> None:
    world.account()
    campaign_id = world.campaign()

    with pytest.raises(UsageError, match="has passed"):
        edit_campaign(world.store, campaign_id, Changes(starts_at=world.clock.now - timedelta(1)), actor=ANNA)


def _campaign(world: World, campaign_id: int) -> dict[str, Any]:
    with world.store.read() as connection:
        view: dict[str, Any] = plain(campaign_views.campaign_of(connection, campaign_id))
    return view


def _rows(world: World, table: str) -> int:
    with world.store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
