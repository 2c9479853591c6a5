"""The acts that may message fans: send again, and decide what became of the unknown. Two tabs do nothing twice."""

from __future__ import annotations

import httpx
from pyroaring import BitMap64

from campaigns.flow.audience.suppress import suppress
from campaigns.flow.reconcile.decide import decide
from tests.web.pages.reading import act, read, send
from tests.world import ACCOUNT, ANNA, REJECTED, UNKNOWN, World


def rejected_run(world: World) -> int:
    """A run with one batch that the vendor rejected."""
    world.gateway.script = [REJECTED]
    run_id = world.launched(users=range(1, 6))
    world.serve_out()
    return run_id


def unknown_run(world: World, name: str = "Friday") -> int:
    """A run with two batches that nobody searches for any more."""
    world.gateway.script = [UNKNOWN, UNKNOWN]
    run_id = world.launched(users=range(1, 6), name=name)
    world.serve_out()
    assert world.states(run_id).count("unknown") == 2
    return run_id


def test_two_forms_of_two_tabs_open_one_rerun(world: World, desk: httpx.Client) -> None:
    run_id = rejected_run(world)
    address = f"/runs/{run_id}/rerun?rejected=1"
    tabs = [read(desk, address) for _ in range(2)]
    assert tabs[0].fields["key"] != tabs[1].fields["key"]

    first = send(desk, address, tabs[0], reason="again")
    again = send(desk, address, tabs[0], reason="again")
    other = send(desk, address, tabs[1], reason="again")
    world.serve()

    assert "Run r2 sends again to 2 recipients of run r1." in first.text
    assert (again.status, again.text) == (200, first.text)
    assert other.status == 409
    assert "nobody to send to again" in other.text
    assert world.events().count("run_opened") == 2
    assert max(world.requests_by_user().values()) == 2  # the refused request, and the rerun


def test_a_rerun_shows_whom_it_leaves_out_and_sends_to_as_many_as_it_showed(world: World, desk: httpx.Client) -> None:
    run_id = rejected_run(world)
    address = f"/runs/{run_id}/rerun?rejected=on&batches=1"
    asked = read(desk, address)
    suppress(world.store, BitMap64([1]), account_id=ACCOUNT, reason="asked to", actor=ANNA)

    late = send(desk, address, asked, reason="again")
    now = read(desk, address)
    done = send(desk, address, now, reason="again")

    assert 'again to 2 recipients of run r1 of "Friday"' in asked.text
    assert "in batches 1?" in asked.text
    assert late.status == 412
    assert "The page showed 2 recipients" in late.text
    assert "now there are 1" in late.text
    assert "1 are left out: suppressed on account." in now.text
    assert "sends again to 1 recipient of" in done.text
    assert world.users(2, 1) == {2}


def test_a_rerun_is_chosen_first(world: World, desk: httpx.Client) -> None:
    run_id = rejected_run(world)

    choice = read(desk, f"/runs/{run_id}/rerun")

    assert "The 2 who were rejected" in choice.text
    assert "key" not in choice.fields
    assert read(desk, f"/runs/{run_id}/rerun?cancelled=1").status == 409
    assert read(desk, f"/runs/{run_id}/rerun?rejected=1&batches=x").status == 422
    assert read(desk, f"/runs/{run_id}/rerun?rejected=1&batches=77").status == 404


def test_sending_again_what_is_unknown_needs_the_name_typed(world: World, desk: httpx.Client) -> None:
    run_id = unknown_run(world)
    address = f"/runs/{run_id}/decide?verdict=resend"
    asked = read(desk, address)

    wrong = send(desk, address, asked, reason="they ask for it", typed="friday")
    before = world.states(run_id)
    done = send(desk, address, asked, reason="they ask for it", typed="Friday")
    world.serve()

    assert "those who have it get it twice" in asked.text
    assert "2 batches with 4 recipients of run r1" in asked.text
    assert wrong.status == 422
    assert before.count("unknown") == 2
    assert "Decided as resend: 2 batches of run r1." in done.text
    assert world.states(run_id) == ["accepted"] * 3


def test_what_a_search_proved_meanwhile_is_not_overruled_by_an_old_page(world: World, desk: httpx.Client) -> None:
    run_id = unknown_run(world)
    address = f"/runs/{run_id}/decide?verdict=not-sent"
    asked = read(desk, address)
    decide(world.store, run_id, seqs=[1], verdict="accepted", message_id="777", reason="it is there", actor=ANNA)

    late = send(desk, address, asked, reason="not there")

    assert asked.fields["batches"] == "1-2"
    assert late.status == 412
    assert "The page showed 2 unknown batches of run 1, and now there are 1." in late.text
    assert world.states(run_id) == ["accepted", "unknown", "accepted"]


def test_a_decision_is_about_the_batches_that_were_shown(world: World, desk: httpx.Client) -> None:
    run_id = unknown_run(world)

    accepted = act(
        desk, f"/runs/{run_id}/decide?verdict=accepted&batches=2&message_id=4711", reason="the vendor shows it"
    )
    not_sent = act(desk, f"/runs/{run_id}/decide?verdict=not-sent", reason="the vendor does not show it")

    assert "Decided as accepted: 1 batch of run r1." in accepted.text
    assert "Decided as not-sent: 1 batch of run r1." in not_sent.text
    assert world.states(run_id) == ["cancelled", "accepted", "accepted"]
    assert world.batches(run_id)[1]["message_id"] == "4711"
    assert "nobody knows whether 0 batches (0 recipients)" in read(desk, f"/runs/{run_id}/decide").text
    assert read(desk, f"/runs/{run_id}/decide?verdict=accepted&batches=9").status == 404


def test_a_batch_that_is_named_may_be_overruled_and_the_question_says_so(world: World, desk: httpx.Client) -> None:
    run_id = unknown_run(world)
    decide(world.store, run_id, seqs=[1], verdict="accepted", message_id="777", reason="it is there", actor=ANNA)
    address = f"/runs/{run_id}/decide?verdict=not-sent&batches=1&despite=777"

    asked = read(desk, address)
    done = send(desk, address, asked, reason="that was another one")
    proved = act(desk, f"/runs/{run_id}/decide?verdict=not-sent&batches=3", reason="no")

    assert "Batch 1 is accepted: this overrules it." in asked.text
    assert "Decided as not-sent: 1 batch of run r1." in done.text
    assert proved.status == 409
    assert world.states(run_id) == ["cancelled", "unknown", "accepted"]
