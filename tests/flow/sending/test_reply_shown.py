"""Every recorded field of the vendor's replies can be read without SQL."""

from __future__ import annotations

from dataclasses import fields, replace

from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.domain.upstream.reply import VendorReport
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.recall.recall import recall_run
from campaigns.store.views.recalls import requests_to_unsend
from tests.world import ANNA, NOT_SENT, THROTTLED, World

DATA = {"id": 7, "date": "2026-11-01T10:00:00+00:00", "isReady": True, "total": -1, "canUnsend": True}
REPORT = VendorReport(
    credits_used=1,
    credits_balance=967,
    credits_note="Always",
    is_cached=False,
    cache_note="Cache disabled",
    limit_minute=1000,
    remaining_minute=999,
    limit_day=5000,
    remaining_day=4999,
    limits_notice="Slow down soon",
    cached_at="then",
    date="2026-11-01T10:00:01+00:00",
    data=DATA,
)
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, http_status=200, message_id="7", report=REPORT, response='{"data":{"id":7}}')


def test_every_field_of_a_reply_is_shown_with_its_attempt(world: World) -> None:
    run_id = world.launched([1, 2])
    world.gateway.script = [NOT_SENT, replace(THROTTLED, report=REPORT), ACCEPTED]
    for _ in range(3):
        world.serve()
        world.clock.advance(60)

    without, throttled, accepted = [one["reply"] for one in world.attempts(run_id)]
    assert without is None
    assert throttled["retry_at"] is not None
    assert accepted["response"] == ACCEPTED.response
    assert accepted["http_status"] == 200
    for field in fields(VendorReport):
        value = getattr(REPORT, field.name)
        assert value is not None, f"{field.name} is not played here"
        assert accepted[field.name] == throttled[field.name] == value


def test_the_message_is_shown_with_its_batch_as_the_vendor_showed_it(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [ACCEPTED]
    world.serve(turns=1)

    first, second = world.batches(run_id)
    assert (first["message_id"], first["message"]) == ("7", DATA)
    assert (second["state"], second["message"]) == ("ready", None)
    world.serve()


def test_the_reply_to_a_request_to_take_it_back_is_shown_too(world: World) -> None:
    run_id = world.launched([1, 2])
    world.serve()
    world.gateway.deleting = [UnsendOutcome(UnsendKind.UNSENT, http_status=200, report=REPORT, response="gone")]
    recall_run(world.store, run_id, reason="a slip", actor=ANNA)
    world.serve()

    with world.store.read() as connection:
        (request,) = requests_to_unsend(connection, run_id)
    assert request.reply is not None
    assert (request.reply.response, request.reply.credits_balance) == ("gone", 967)
