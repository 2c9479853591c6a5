"""A probe against the sandbox over real sockets, both by one driven clock, under each assumption about the vendor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.messages.text_modes import TextAs
from campaigns.domain.probe.reading import ProbeReading
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.planning.preview import preview
from campaigns.flow.probe.ask import ask_probe
from campaigns.sandbox.items import QueueItem
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from campaigns.store.probe.results import latest_probe
from campaigns.store.views.probes import ProbeView, probe_view
from tests.world import ACCOUNT, ANNA, LIMITS, UPSTREAM, World

USER = 4242

LOOKS_AFTER_THE_END = 3
"""A probe that is over does nothing more."""


@contextmanager
def probed(world: World, **setup: Any) -> Iterator[tuple[ProbeView, list[QueueItem]]]:
    """How a probe of such a vendor ends, and what the vendor has then."""
    world.account()
    with probed_again(world, **setup) as found:
        yield found


@contextmanager
def probed_again(world: World, **setup: Any) -> Iterator[tuple[ProbeView, list[QueueItem]]]:
    """The same, of an account that stands."""
    sandbox = Sandbox("127.0.0.1", 0, setup=Setup.model_validate(setup), ledger_file=None)
    sandbox.vendor.clock = lambda: world.clock().timestamp()
    sandbox.start()
    try:
        probe = ask_probe(world.store, ACCOUNT, USER, upstream=UPSTREAM, actor=ANNA)
        with closing(HttpGateway(sandbox.url, "sandbox")) as gateway:
            looks_left = 60
            while looks_left:
                serve_lane(replace(world.sender(), gateway=gateway), ACCOUNT, lambda: True)
                world.clock.advance(5)
                is_over = _view(world, probe.probe_id).ended is not None
                looks_left = min(looks_left - 1, LOOKS_AFTER_THE_END) if is_over else looks_left - 1
        yield _view(world, probe.probe_id), sandbox.vendor.world.book.accepted()
    finally:
        sandbox.stop()


def _view(world: World, probe_id: int) -> ProbeView:
    with world.store.read() as connection:
        return probe_view(connection, probe_id)


def reading(world: World) -> ProbeReading:
    with world.store.read() as connection:
        found = latest_probe(connection, ACCOUNT)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("setup", "learned"),
    [
        ({}, (True, "kept", "kept")),
        ({"echo_marks": "stripped"}, (False, "kept", "kept")),
        ({"echo_line_breaks": "br"}, (True, "br", "kept")),
        ({"echo_line_breaks": "paragraph"}, (True, "paragraph", "kept")),
        ({"echo_line_breaks": "space"}, (True, "space", "kept")),
        ({"echo_line_breaks": "lost"}, (True, "lost", "kept")),
        ({"echo_escapes": "escaped"}, (True, "kept", "escaped")),
        ({"echo_escapes": "stripped"}, (True, "kept", "changed")),
    ],
)
def test_it_learns_how_the_vendor_shows_a_text_and_leaves_nothing(
    world: World, setup: dict[str, str], learned: tuple[bool, str, str]
) -> None:
    with probed(world, **setup) as (ended, (item,)):
        text = reading(world).text
        assert (text.mark, text.line_breaks, text.escapes) == learned
        assert (ended.ended, item.cancelled_at is not None, list(item.users)) == ("gone", True, [USER])
        assert item.delivered_count(world.clock.now.timestamp()) == 0
        assert reading(world).clock_skew_seconds == pytest.approx(0, abs=1)


def test_a_late_date_that_is_refused_ends_it_with_nothing_at_the_vendor(world: World) -> None:
    with probed(world, latest_schedule_days=90) as (ended, items):
        assert (ended.ended, items) == ("refused", [])
        assert ended.words is not None
        assert "within 90 days" in ended.words


def test_a_late_list_and_a_short_one_are_measured(world: World) -> None:
    with probed(world, late_in_list_seconds=7, list_depth=1) as (ended, _):
        assert reading(world).list_lag_seconds == pytest.approx(10, abs=3)
        assert (reading(world).list_size, ended.ended) == (0, "gone")


@pytest.mark.parametrize("fault", ["delete_ignored", "lost_answer", "dropped_before_acting", "html_502"])
def test_a_delete_that_is_not_confirmed_is_made_again(world: World, fault: str) -> None:
    script = [{"fault": fault, "request": "delete", "times": 2}]
    with probed(world, script=script, delete_again="same_answer") as (ended, (item,)):
        assert (ended.ended, item.cancelled_at is not None) == ("gone", True)


@pytest.mark.parametrize("fault", ["lost_answer", "answer_502_after_accepting", "accepted_without_id"])
def test_an_answer_that_is_lost_is_searched_and_one_message_was_made(world: World, fault: str) -> None:
    before = [{"fault": "foreign_item", "nth": 1}, {"fault": fault, "nth": 1}]
    with probed(world, script=before) as (ended, items):
        assert len(items) == 1
        assert ended.state in {"unknown", "cancelled"}, "found and deleted, or left to a person; never sent again"


@pytest.mark.parametrize(
    ("setup", "otherwise", "travels"),
    [
        ({}, "unchanged", "<p>One &amp; two<br>three</p>"),
        ({"echo_escapes": "escaped"}, "html", "One & two\nthree"),
        ({"echo_escapes": "escaped", "echo_line_breaks": "br"}, "html", "One & two\nthree"),
        ({"echo_line_breaks": "lost"}, "unchanged", "<p>One &amp; two<br>three</p>"),
    ],
)
def test_what_it_learned_decides_how_plain_text_travels(
    world: World, setup: dict[str, str], otherwise: TextAs, travels: str
) -> None:
    with probed(world, **setup):
        campaign_id = world.campaign([1], message={"text": "One & two\nthree", "text_mode": "plain"}, mark=False)
        plan = preview(world.store, campaign_id, LIMITS, text_as=otherwise)
        world.launch(campaign_id, plan_hash=plan.hash)
        world.serve()
    (shown,) = plan.texts
    assert (shown.text, shown.sent, shown.seen) == ("One & two\nthree", travels, "One & two\nthree")
    assert shown.request == {"text": travels}
    assert [body["text"] for body in world.gateway.received] == [travels]
    world.prove()


def test_a_probe_changes_the_plan_of_a_plain_text(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1], message={"text": "Hello", "text_mode": "plain"})
    before = preview(world.store, campaign_id, LIMITS).hash
    with probed_again(world):
        assert preview(world.store, campaign_id, LIMITS).hash != before
