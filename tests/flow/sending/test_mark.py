"""The mark of each request: in the text that the vendor gets, beside the attempt, under its digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.messages.marks import new_mark, read_marks, with_mark, without_marks
from campaigns.domain.messages.message import make_message, marked, request_body
from campaigns.domain.states import BatchState
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.planning.preview import preview
from campaigns.flow.runs.rerun import rerun
from campaigns.store.proof import verify
from campaigns.store.proof.bodies import Bodies
from tests.flow.reconcile.lost_answers import look, lost_answer, shows
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, THROTTLED, UPSTREAM, World


def test_each_request_carries_a_mark_of_its_own_that_stands_with_its_attempt(world: World) -> None:
    run_id = world.launched(mark=True)
    world.gateway.script = [THROTTLED]
    world.serve()
    world.clock.advance(30)

    world.serve()

    attempts, sent = world.attempts(run_id), texts(world)
    assert len(attempts) == 4, "the first batch was sent again"
    assert [read_marks(each) for each in sent] == [(each["mark"],) for each in attempts]
    assert len({each["mark"] for each in attempts}) == 4
    assert {without_marks(each) for each in sent} == {"Hello"}


def test_the_digest_of_an_attempt_covers_its_mark(world: World) -> None:
    run_id = world.launched([1, 2], mark=True)
    world.serve()

    (attempt,) = world.attempts(run_id)
    body = request_body(marked(make_message({"text": "Hello"}), attempt["mark"]), [1, 2])
    assert hashlib.sha256(body).hexdigest() == attempt["request_sha256"]


def test_the_body_of_a_marked_request_can_be_built_again_from_the_record(world: World) -> None:
    world.launched(mark=True)
    world.serve()

    with world.store.read() as connection:
        assert verify.verify(connection).bodies == Bodies(3, 0)


def test_a_mark_is_made_of_chance_that_no_restored_database_repeats(world: World) -> None:
    """Its account, fence and time may come again after a restore, as of a clock that was put back."""
    world.launched([1, 2], mark=True)
    asked: list[int] = []

    def chance(count: int) -> bytes:
        asked.append(count)
        return b"7" * count

    serve_lane(replace(world.sender(), random_bytes=chance), ACCOUNT, lambda: True)

    with world.store.read() as connection:
        made = connection.execute(text("SELECT fence, mark FROM attempt")).one()
    drawn = {"account_id": ACCOUNT, "fence": made.fence, "at": world.clock.now}
    assert asked == [16]
    assert made.mark == new_mark(**drawn, chance=b"7" * 16) != new_mark(**drawn, chance=b"8" * 16)


def test_without_the_choice_and_in_revisions_from_before_there_is_none(world: World) -> None:
    run_id = world.launched([1, 2])
    before = world.launched([3], mark=True)
    with world.store.write() as connection:  # as the previous release has written it
        where = "(SELECT campaign_id FROM run WHERE id = :run)"
        connection.execute(text(f"INSERT INTO revision ({COLUMNS}) SELECT {MOVED} {where}"), {"run": before})
        connection.execute(text("UPDATE run SET revision = 2 WHERE id = :run"), {"run": before})

    world.serve()

    assert texts(world) == ["Hello", "Hello"]
    assert [row["mark"] for each in (run_id, before) for row in world.attempts(each)] == [None, None]


def test_an_edit_that_does_not_name_it_keeps_the_choice_and_open_runs_keep_theirs(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1, 2], mark=True)
    first = world.launch(campaign_id)
    edit_campaign(world.store, campaign_id, Changes(name="other"), actor=ANNA)
    assert choices(world, campaign_id) == [True, True]
    edit_campaign(world.store, campaign_id, Changes(mark=False), actor=ANNA)
    edit_campaign(world.store, campaign_id, Changes(message=make_message({"text": "Bye"})), actor=ANNA)
    assert choices(world, campaign_id) == [True, True, False, False]

    world.serve()
    second = world.launch(campaign_id, again_reason="new words")
    world.serve()

    assert world.attempts(first)[0]["mark"] is not None
    assert world.attempts(second)[0]["mark"] is None
    assert [bool(read_marks(each)) for each in texts(world)] == [True, False]


@pytest.mark.parametrize("mark", [True, False])
def test_a_rerun_keeps_the_choice_of_what_it_sends_again(world: World, *, mark: bool) -> None:
    run_id = world.launched([1, 2], mark=mark)
    world.gateway.script = [REJECTED]
    world.serve()
    how: dict[str, Any] = {"upstream": UPSTREAM, "reason": "mended", "actor": ANNA}

    again = rerun(world.store, run_id, states=frozenset({BatchState.REJECTED}), **how).child
    world.serve()

    marks = [each["mark"] for run in (run_id, again) for each in world.attempts(run)]
    assert [each is not None for each in marks] == [mark, mark]
    assert len(set(marks)) == (2 if mark else 1)


def test_a_plan_shows_the_mark_and_its_hash_stands_for_it(world: World) -> None:
    world.account()
    campaign_id = world.campaign(mark=False)
    without = preview(world.store, campaign_id, LIMITS)
    edit_campaign(world.store, campaign_id, Changes(mark=True), actor=ANNA)
    with_mark = preview(world.store, campaign_id, LIMITS)

    assert (without.mark, with_mark.mark) == (False, True)
    assert without.hash != with_mark.hash


def test_a_lost_answer_of_a_marked_request_is_found_by_its_text(world: World) -> None:
    run_id = lost_answer(world, (1, 2), mark=True)
    shows(world, "777", text=f"<p>{texts(world)[0]}</p>")

    look(world)

    assert (world.states(run_id), world.batches(run_id)[0]["message_id"]) == (["accepted"], "777")
    assert world.gateway.contents["777"].marks == (world.attempts(run_id)[0]["mark"],)


def texts(world: World) -> list[str]:
    return [body["text"] for body in world.gateway.received]


def choices(world: World, campaign_id: int) -> list[bool]:
    asked = text("SELECT mark FROM revision WHERE campaign_id = :campaign ORDER BY number")
    with world.store.read() as connection:
        return [bool(each) for each in connection.scalars(asked, {"campaign": campaign_id})]


KEPT = (
    "message, audience_version_id, batch_size, on_unknown, starts_at, zone, sha256, actor, created_at, timing, contents"
)
COLUMNS = f"campaign_id, number, {KEPT}"
MOVED = f"campaign_id, 2, {KEPT} FROM revision WHERE campaign_id ="


def test_of_two_messages_with_one_text_the_one_with_the_mark_is_its_own(world: World) -> None:
    """Without marks nobody could tell the two apart, and both would wait for an operator."""
    run_id = lost_answer(world, (1, 2), mark=True)
    (attempt,) = world.attempts(run_id)
    shows(world, "777")
    shows(world, "778", text=f"<p>{with_mark('Hello', attempt['mark'])}</p>")

    look(world)

    assert world.states(run_id) == ["accepted"]
    assert world.batches(run_id)[0]["message_id"] == "778"


def test_a_message_with_the_mark_of_nobody_here_is_not_taken(world: World) -> None:
    run_id = lost_answer(world, (1, 2), mark=True)
    shows(world, "777", text=with_mark("Hello", "0123456789abcdef"))

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["unknown"]
