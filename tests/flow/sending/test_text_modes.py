"""Plain text, HTML and what was stored before there were modes: what leaves us, what is proved of it, what is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed
from campaigns.domain.messages.message import make_message
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import BatchState
from campaigns.flow.campaigns.drafts import Changes, Edited, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.backfill import backfill
from campaigns.flow.schedules.due import open_due_runs
from campaigns.flow.schedules.gaps import Period
from campaigns.store.proof.bodies import Bodies
from campaigns.store.proof.verify import verify
from tests.flow.reconcile.lost_answers import look, old_item, shows
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World

PLAIN: dict[str, Any] = {"text": "One & two\nThree <3", "text_mode": "plain"}
TRAVELS = "<p>One &amp; two<br>Three &lt;3</p>"
DAILY = Timing(cron="0 18 * * *", zone="UTC")


def sent(world: World) -> list[str]:
    return [body["text"] for body in world.gateway.received]


def edited(world: World, campaign_id: int, **changes: Any) -> Edited:
    return edit_campaign(world.store, campaign_id, Changes(**changes), actor=ANNA)


def test_plain_text_is_escaped_and_its_lines_are_broken_and_the_body_is_proved(world: World) -> None:
    run_id = world.launched([1], message=PLAIN, mark=False)
    world.serve()

    assert sent(world) == [TRAVELS]
    assert world.run(run_id)["text"] == PLAIN["text"]
    with world.store.read() as connection:
        (form,) = connection.scalars(text("SELECT form FROM attempt")).all()
        found = verify(connection)
    assert (json.loads(form) if isinstance(form, str) else form)["text_mode"] == "escaped"
    assert (found.ok, found.bodies) == (True, Bodies(1, 0))


@pytest.mark.parametrize("mode", [{"text_mode": "html"}, {}])
def test_html_and_a_text_from_before_go_out_as_written(world: World, mode: dict[str, Any]) -> None:
    world.launched([1], message={"text": "<b>One</b> &amp;\ntwo", **mode})
    world.serve()

    assert sent(world) == ["<b>One</b> &amp;\ntwo"]


def test_the_setting_decides_where_nothing_was_measured(world: World) -> None:
    world.launched([1], message=PLAIN)
    serve_lane(replace(world.sender(), text_as="unchanged"), ACCOUNT, lambda: True)

    assert sent(world) == [PLAIN["text"]]
    world.prove()


def test_a_lost_answer_to_a_plain_text_is_found_by_its_echo(world: World) -> None:
    """The text is compared as it travelled: what looks like a tag in it was none on its way."""
    message = {"text": "Press <b> & win\nThree <3", "text_mode": "plain"}
    run_id = world.launched([1, 2], message=message, mark=False, as_written=True)
    world.gateway.script = [UNKNOWN]
    world.serve()
    old_item(world)
    shows(world, "m9", text="<p>Press &lt;b&gt; &amp; win<br />Three &lt;3</p>")

    look(world)

    assert [(batch["state"], batch["message_id"]) for batch in world.batches(run_id)] == [("accepted", "m9")]


def test_a_rerun_and_an_edit_of_something_else_keep_the_mode(world: World) -> None:
    run_id = world.launched([1], message=PLAIN)
    world.gateway.script = [REJECTED]
    world.serve()
    campaign_id = world.run(run_id)["campaign_id"]
    edited(world, campaign_id, name="Other", batch_size=7)

    for current in (False, True):
        rerun(world.store, run_id, upstream=UPSTREAM, current=current, reason="again", actor=ANNA)
        world.gateway.script = [REJECTED]
        world.serve()

    assert sent(world) == [TRAVELS] * 3


def test_runs_of_a_schedule_and_backfills_of_it_keep_the_mode(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message={**PLAIN, "text": "{n} & more"}, timing=DAILY)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(2 * 24 * 3600)
    for run_id in open_due_runs(world.store, actor="worker:beat"):
        plan_run(world.store, run_id, actor="worker:one")
    world.serve()
    end = world.clock()
    backfill(world.store, campaign_id, Period(end - timedelta(days=2), end), upstream=UPSTREAM, reason=None, actor=ANNA)
    with world.store.read() as connection:
        due = connection.scalars(text("SELECT id FROM run WHERE state = 'due' ORDER BY id")).all()
    for run_id in due:
        plan_run(world.store, run_id, actor="worker:one")
        world.serve()

    assert len(sent(world)) > 1
    assert set(sent(world)) == {f"<p>{n} &amp; more</p>" for n in range(1, len(sent(world)) + 1)}


def test_a_plan_shows_the_source_what_is_sent_and_what_fans_see(world: World) -> None:
    world.account()
    found = preview(world.store, world.campaign([1], message=PLAIN), LIMITS)
    (said,) = found.texts
    assert (said.text, said.sent, said.seen) == (PLAIN["text"], TRAVELS, PLAIN["text"])
    assert found.text_mode == "plain"

    before = preview(world.store, world.campaign([1], message={"text": "One\n<b>two</b>"}), LIMITS)
    assert (before.texts[0].seen, before.text_mode) == ("One two", "as_written")

    unchanged = preview(world.store, world.campaign([1], message=PLAIN), LIMITS, text_as="unchanged")
    assert (unchanged.texts[0].sent, unchanged.texts[0].seen) == (PLAIN["text"], PLAIN["text"])


@pytest.mark.parametrize(
    ("message", "ways"),
    [
        ({"text": "<b>Hi</b>", "text_mode": "plain"}, [Do.CONFIRM_TEXT_AT_LAUNCH, Do.TEXT_IS_HTML]),
        ({"text": "Hi {name}", "text_mode": "html"}, [Do.CONFIRM_TEXT_AT_LAUNCH]),
        ({"text": "Hi %name%"}, [Do.CONFIRM_TEXT_AT_LAUNCH]),
    ],
)
def test_a_doubtful_text_waits_for_a_confirmation(world: World, message: dict[str, Any], ways: list[Do]) -> None:
    world.account()
    campaign_id = world.campaign([1], message=message)

    with pytest.raises(NotAllowed) as refused:
        world.launch(campaign_id)
    assert [remedy.do for remedy in refused.value.remedies] == ways
    assert world.serve() == 0
    assert preview(world.store, campaign_id, LIMITS).warnings

    world.launch(campaign_id, as_written=True)
    world.serve()
    assert len(sent(world)) == 1
    with world.store.read() as connection:
        told = connection.scalars(text("SELECT detail FROM event WHERE kind = 'run_opened'")).all()
    assert "as_written" in str(told)


def test_a_word_given_with_the_campaign_holds_until_its_text_changes(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message={"text": "Hi {name}", "text_mode": "plain"}, as_written=True)
    edited(world, campaign_id, name="Other")
    world.launch(campaign_id)

    changed = edited(world, campaign_id, message=make_message({"text": "Hi {other}", "text_mode": "plain"}))

    assert "{other}" in changed.warnings[0]
    with pytest.raises(NotAllowed, match="is not a variable"):
        world.launch(campaign_id, again_reason="more")


def test_an_armed_campaign_takes_no_doubtful_text_without_that_word(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message=PLAIN, timing=DAILY)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    doubtful = make_message({"text": "Hi {name}", "text_mode": "plain"})

    with pytest.raises(NotAllowed, match="armed, and its new text would go out without a launch"):
        edited(world, campaign_id, message=doubtful)

    assert edited(world, campaign_id, message=doubtful, as_written=True).state == "scheduled"
    edited(world, campaign_id, batch_size=3)


def test_a_rerun_takes_no_doubtful_text_of_an_edit_without_that_word(world: World) -> None:
    run_id = world.launched([1], message=PLAIN)
    world.gateway.script = [REJECTED]
    world.serve()
    edited(world, world.run(run_id)["campaign_id"], message=make_message({"text": "<i>x</i>", "text_mode": "plain"}))

    with pytest.raises(NotAllowed) as refused:
        rerun(world.store, run_id, upstream=UPSTREAM, current=True, reason="again", actor=ANNA)
    assert refused.value.remedies[0] == Remedy(Do.CONFIRM_TEXT_IN_EDIT, campaign=1)
    rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA)


def test_a_message_that_says_the_same_and_is_escaped_by_the_vendor_is_never_called_absent(world: World) -> None:
    """Policy resend acts on absence: a text that the vendor shows otherwise may be ours, so nothing is sent again."""
    run_id = world.launched([1, 2], message=PLAIN, mark=False, on_unknown="resend")
    world.gateway.script = [UNKNOWN]
    world.serve()
    old_item(world)
    shows(world, "m9", text="&lt;p&gt;One &amp;amp; two&lt;br&gt;Three &amp;lt;3&lt;/p&gt;")

    world.serve_out()

    assert [batch["state"] for batch in world.batches(run_id)] == [BatchState.UNKNOWN.value]
    assert len(sent(world)) == 1
