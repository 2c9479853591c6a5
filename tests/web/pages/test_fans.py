"""The pages of fans: what somebody sees of one fan, and that a suppression at the desk keeps them out."""

from __future__ import annotations

import httpx
import pytest

from campaigns.store.views.suppressions import SuppressionView, suppressions
from tests.web.pages.reading import OTHER, key_of, of_one
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, World


def test_a_search_leads_to_the_fan_or_says_what_is_wrong(world: World, desk: httpx.Client) -> None:
    world.account()

    found, wrong = desk.get("/fans", params={"user": " 123 "}), desk.get("/fans", params={"user": "<b>anna</b>"})

    assert (found.status_code, found.headers["location"]) == (303, "/fans/123")
    assert wrong.status_code == 422
    assert "&#39;&lt;b&gt;anna&lt;/b&gt;&#39; is not a valid user ID" in wrong.text


def test_a_fan_is_shown_with_runs_that_sent_and_that_left_them_out(world: World, desk: httpx.Client) -> None:
    reached = world.launched(users=[1, 2, 3], name="Friday <script>")
    world.serve_out()
    key = {"key": "the key of one form", "reason": "asked \u202e me"}
    assert desk.post("/fans/2/suppress", data=key).status_code == 303
    left_out = world.launched(users=[1, 2, 3])
    world.serve_out()

    page = desk.get("/fans/2").text

    assert f"/runs/{reached}/batches/1" in page
    assert "acct_one-1" in page
    assert "left out" in page
    assert f"/fans/2?run={left_out}" in page
    assert "Suppressed on all accounts since" in page
    assert "asked \\u202e me" in page
    assert "Friday &lt;script&gt;" in page
    assert "only the vendor knows who is on its lists" in page
    verdict = desk.get("/fans/2", params={"run": left_out}).text
    assert f"of account {ACCOUNT}: left out by the plan (suppressed)" in verdict
    assert 2 not in world.requests_by_user() or world.requests_by_user()[2] == 1


def test_a_suppression_is_asked_once_and_kept_with_its_reason(world: World, desk: httpx.Client) -> None:
    world.account()

    question = desk.get("/fans/7/suppress", params={"account": ACCOUNT}).text
    form = {"key": key_of(question), "account": ACCOUNT, "reason": "asked by mail"}
    first, second = (desk.post("/fans/7/suppress", data=form) for _ in range(2))

    assert f"Sandbox: Nothing more is sent to fan 7 from account {ACCOUNT}" in question
    assert (first.status_code, second.status_code) == (303, 303)
    assert "Fan 7 is suppressed on account acct_one" in desk.get(second.headers["location"]).text
    assert [(each.user_id, each.account, each.actor) for each in listed(world)] == [("7", ACCOUNT, "operator:anna")]
    assert world.events().count("suppressions_added") == 1

    gone = desk.post("/fans/7/unsuppress", data={**form, "key": "the key of another form"})
    assert gone.status_code == 303
    assert "Not suppressed." in desk.get("/fans/7").text
    assert listed(world) == []


def test_a_viewer_sees_no_act_and_may_do_none(world: World) -> None:
    world.account()
    with served(world.store, VIEWER) as desk:
        page = desk.get("/fans/7")
        asked = desk.get("/fans/7/suppress")
        act = desk.post("/fans/7/suppress", data={"key": "the key of one form", "reason": "x"})

    assert page.status_code == 200
    assert "/suppress" not in page.text.replace("/suppressions", "")
    assert (asked.status_code, act.status_code) == (403, 403)
    assert listed(world) == []


@pytest.mark.parametrize("address", ["/fans/7/suppress", "/fans/7/unsuppress"])
def test_who_has_rights_on_one_account_acts_on_no_other(world: World, address: str) -> None:
    world.account()
    world.account(OTHER)
    with served(world.store, of_one()) as desk:
        for account, status in ((OTHER, 404), ("", 403)):
            assert desk.get(address, params={"account": account}).status_code == status
            form = {"key": f"the key for {account}", "reason": "x", "account": account}
            assert desk.post(address, data=form).status_code == status
    assert world.events().count("suppressions_added") == 0


def test_runs_of_a_hidden_account_are_not_shown(world: World) -> None:
    world.account()
    world.account(OTHER)
    hidden = world.launch(world.campaign(users=[7], account_id=OTHER, name="Hidden"))
    shown = world.launched(users=[7], name="Shown")
    world.serve_out()
    world.serve_out(OTHER)
    with served(world.store, of_one()) as desk:
        page = desk.get("/fans/7").text
        assert desk.get("/fans/7", params={"run": hidden}).status_code == 404

    assert "Shown" in page
    assert f"r{shown}" in page
    assert "Hidden" not in page
    assert OTHER not in page


def listed(world: World) -> list[SuppressionView]:
    with world.store.read() as connection:
        return list(suppressions(connection))
