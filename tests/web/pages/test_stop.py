"""Stop everything or one account, what that cannot stop, and go."""

from __future__ import annotations

import httpx

from campaigns.store.views.progress.batch_list import BatchFilter, batch_lines
from tests.web.pages.reading import act, read, send
from tests.world import ACCOUNT, World, accepted


def test_everything_is_stopped_and_let_go_on(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 6))

    asked = read(desk, "/stop")
    stopped = act(desk, "/stop", reason="wrong price everywhere")
    world.serve()
    after = world.run(run_id)["accepted"]
    question = read(desk, "/go")
    going = send(desk, "/go", question, reason="fixed")
    world.serve()

    assert "Stop everything? Nothing more is sent or handed over" in asked.text
    assert f"/stop?account={ACCOUNT}" in asked.links
    assert "Everything is stopped" in stopped.text
    assert "wrong price everywhere" in stopped.text
    assert "/go" in stopped.links
    assert after == 0
    assert "1 run then send to 5 recipients" in question.text
    assert "Run r1 of Friday on acct_one: 5 recipients left." in question.text
    assert "Everything goes on." in going.text
    assert world.run(run_id)["accepted"] == 5


def test_a_stop_lists_what_is_in_flight(world: World, desk: httpx.Client) -> None:
    pages = []

    def meanwhile() -> object:
        pages.append(act(desk, f"/stop?account={ACCOUNT}", reason="now"))
        return accepted("1")

    world.gateway.script = [meanwhile]  # type: ignore[list-item]
    run_id = world.launched(users=range(1, 6))
    world.serve()

    assert f"In flight: batch 1 of run r{run_id} on {ACCOUNT}, 2 recipients" in pages[0].text
    assert "1 requests in flight" in pages[0].text
    assert [len(world.gateway.received), world.run(run_id)["waiting"]] == [1, 3]


def test_an_account_is_stopped_alone(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2])
    world.account("acct_two")
    other = world.launch(world.campaign([3, 4], account_id="acct_two"))

    act(desk, f"/stop?account={ACCOUNT}", reason="wrong price")
    world.serve()
    world.serve("acct_two")

    assert f"Account {ACCOUNT} is stopped" in read(desk, f"/runs/{other}").text  # the bar of every page
    assert world.gateway.accounts_seen == ["acct_two"]
    assert read(desk, "/go").status == 409
    assert f"Let account {ACCOUNT} go on?" in read(desk, f"/go?account={ACCOUNT}").text
    assert read(desk, "/stop?account=acct_none").status == 404


def test_go_is_refused_when_more_would_go_on_than_was_shown(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2])
    act(desk, "/stop", reason="wrong price")
    asked = read(desk, "/go")
    second = world.launched(users=[5, 6])

    late = send(desk, "/go", asked, reason="fixed")

    assert late.status == 412
    assert "This has changed since you looked: it would concern 2 runs to 4 recipients" in late.text
    world.serve()
    assert not world.gateway.received
    with world.store.read() as connection:
        assert [each.state for each in batch_lines(connection, BatchFilter(second))] == ["ready"]
