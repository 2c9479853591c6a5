"""The page that asks before a launch, and launches what it showed: once, by whoever may."""

from __future__ import annotations

import re

import httpx
import pytest
from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.errors import Forbidden
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.web.pages.campaigns import launch
from tests.web.pages.forms import confirmed, hidden
from tests.world import ACCOUNT, ANNA, World


def test_the_plan_is_shown_and_launched_once_by_a_second_click_and_a_second_tab(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    campaign_id = world.campaign(users=[1, 2, 3])
    suppress(world.store, BitMap64([3]), account_id=ACCOUNT, reason="asked", actor=ANNA)
    plan = desk.get(f"/campaigns/{campaign_id}/plan").text
    tab, other_tab = (desk.get(f"/campaigns/{campaign_id}/launch") for _ in range(2))
    first, click = (confirmed(desk, tab) for _ in range(2))
    second = confirmed(desk, other_tab)

    for page in (plan, tab.text):
        assert "1: suppressed on this account" in page
        assert "limited by the" in page
    assert "Send to 2 fans of acct_one?" in tab.text
    assert "The sandbox: no fan gets it" in tab.text
    assert first.headers["location"] == click.headers["location"]
    assert first.headers["location"].startswith("/runs/1?notice=")
    assert second.status_code == 409
    assert "was launched before" in second.text
    assert world.events().count("run_opened") == 1
    assert world.run(1)["planned"] == 2


def test_an_edit_or_a_suppression_after_the_page_was_shown_refuses_the_launch(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign()
    page = desk.get(f"/campaigns/{campaign_id}/launch")
    suppress(world.store, BitMap64([3]), account_id=ACCOUNT, reason="asked", actor=ANNA)
    suppressed = confirmed(desk, page)
    again = desk.get(f"/campaigns/{campaign_id}/launch")
    edit_campaign(world.store, campaign_id, Changes(name="Another name"), actor=ANNA)
    edited = confirmed(desk, again)

    assert suppressed.status_code == 409
    assert hidden(suppressed)["plan"] != hidden(page)["plan"]
    assert edited.status_code == 412
    assert "edited meanwhile" in edited.text
    assert hidden(edited)["revision"] == "2"
    assert "run_opened" not in world.events()


def test_a_large_launch_wants_the_name_typed(world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LARGE_LAUNCH", 5)
    world.account()
    campaign_id = world.campaign(name="Big one")
    page = desk.get(f"/campaigns/{campaign_id}/launch")
    wrong = confirmed(desk, page, typed="big")
    empty = confirmed(desk, page)
    assert (wrong.status_code, empty.status_code) == (422, 422)
    assert "is not the name of the campaign" in wrong.text
    assert "run_opened" not in world.events()
    assert confirmed(desk, page, typed="Big one").status_code == 303


def test_choices_appear_when_a_refusal_names_them(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign(message={"text": "Hi {name}"})
    address = f"/campaigns/{campaign_id}/launch"
    doubtful = desk.get(address)
    assert doubtful.status_code == 409
    assert _choices(doubtful) == [f"{address}?as_written=1"]
    assert "<form" not in doubtful.text[doubtful.text.index("<main") : doubtful.text.index("</main>")]
    assert confirmed(desk, desk.get(f"{address}?as_written=1")).status_code == 303

    again = desk.get(f"{address}?as_written=1")
    assert _choices(again) == [f"{address}?as_written=1&amp;again=1"]
    page = desk.get(f"{address}?again=1&as_written=1")
    without = confirmed(desk, page)
    assert without.status_code == 422
    assert "needs a reason" in without.text
    assert confirmed(desk, page, reason="new fans").status_code == 303
    assert world.events().count("run_opened") == 2


def test_an_armed_campaign_is_run_now_beside_its_schedule(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign(timing=Timing(cron="0 21 * * 5", zone="Europe/Berlin"), zone="Europe/Berlin")
    address = f"/campaigns/{campaign_id}/launch"
    arming = desk.get(address)
    assert "Arm the schedule, which sends to 5 fans of acct_one?" in arming.text
    assert "2026-03-06T20:00:00+00:00" in arming.text
    armed = confirmed(desk, arming)
    assert armed.headers["location"].startswith(f"/campaigns/{campaign_id}?notice=")
    armed_already = desk.get(address)
    assert (armed_already.status_code, _choices(armed_already)) == (409, [f"{address}?now=1"])
    now = desk.get(f"{address}?now=1")
    assert "at once" in now.text
    assert confirmed(desk, now).headers["location"].startswith("/runs/1?")


def test_a_run_that_would_expire_before_its_hours_open_needs_a_choice(world: World, desk: httpx.Client) -> None:
    world.account()
    timing = Timing(hours="20:00-22:00", zone="Europe/Berlin", expires_seconds=3600)
    campaign_id = world.campaign(timing=timing, zone="Europe/Berlin")
    address = f"/campaigns/{campaign_id}/launch"
    page = desk.get(address)
    assert "nobody would be sent to" in page.text
    assert _choices(page) == [f"{address}?although_closed=1"]
    assert "plan" not in hidden(page)
    assert confirmed(desk, desk.get(f"{address}?although_closed=1")).status_code == 303


def test_whole_lists_are_launched_by_their_name_alone(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign(name="Everybody", message={"user_lists": ["fans"]})
    page = desk.get(f"/campaigns/{campaign_id}/launch")
    assert "Send to whole lists of acct_one?" in page.text
    assert confirmed(desk, page).status_code == 422
    assert confirmed(desk, page, typed="Everybody").status_code == 303


def test_whoever_may_not_launch_what_they_wrote_is_refused_on_the_page_and_by_the_form(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.account()
    campaign_id = world.campaign()
    page = desk.get(f"/campaigns/{campaign_id}/launch")

    def refuse(*_: object) -> None:
        raise Forbidden("anna wrote the newest revision.")

    monkeypatch.setattr(launch, "refuse_own_edit", refuse)
    shown, sent = desk.get(f"/campaigns/{campaign_id}/launch"), confirmed(desk, page)
    assert (shown.status_code, sent.status_code) == (403, 403)
    assert "anna wrote the newest revision." in shown.text
    assert "run_opened" not in world.events()


def test_a_backfill_shows_what_it_sends_and_sends_that_once(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign(
        users=[1, 2], timing=Timing(cron="0 13 * * *", zone="UTC"), zone="UTC", audience=Reading(users=BitMap64([1, 2]))
    )
    confirmed(desk, desk.get(f"/campaigns/{campaign_id}/launch"))
    confirmed(desk, desk.get(f"/campaigns/{campaign_id}/skip-next"), reason="holiday")
    world.clock.advance(26 * 3600)
    address = f"/campaigns/{campaign_id}/backfill"
    wrong = desk.get(address, params={"from": "2026-03-02", "to": "2026-03-03 00:00"})
    page = desk.get(address, params={"from": "2026-03-02 12:30", "to": "2026-03-02 14:00"})
    other = desk.get(address, params={"from": "2026-03-02 12:30", "to": "2026-03-02 14:00"})
    first, click = (confirmed(desk, page, reason="send it after all") for _ in range(2))
    second = confirmed(desk, other)

    assert wrong.status_code == 422
    assert "is not a valid time" in wrong.text
    assert "<td>skipped</td>" in page.text
    assert "Send 1 run to 2 fans of acct_one?" in page.text
    assert (first.status_code, click.status_code, second.status_code) == (303, 303, 412)
    assert world.events().count("run_backfilled") == 1


def _choices(page: httpx.Response) -> list[str]:
    nav = re.search(r'<nav class="acts" aria-label="Choices">.*?</nav>', page.text, re.DOTALL)
    return [] if nav is None else re.findall(r'href="([^"]+)"', nav[0])
