"""The list of campaigns and the page of one: filters, pages of the list, acts by state and right, hidden accounts."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.web.pages.campaigns import listed
from tests.web.pages.forms import confirmed
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, ANNA, World

FRIDAYS = Timing(cron="0 21 * * 5", zone="Europe/Berlin")


def rows(page: httpx.Response) -> list[str]:
    """The names in the list, as they are shown."""
    return re.findall(r"<bdi>(.*?)</bdi>", page.text)


def test_the_list_is_filtered_by_state_account_and_name_and_says_so_in_its_address(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    world.account("acct_two")
    world.campaign(name="Friday offer")
    world.launch(world.campaign(name="Monday"))
    world.campaign(name="Friday two", account_id="acct_two")
    archived = world.campaign(name="Old Friday")
    archive_campaign(world.store, archived, actor=ANNA)

    assert rows(desk.get("/campaigns")) == ["Friday two", "Monday", "Friday offer"]
    assert rows(desk.get("/campaigns?state=launched")) == ["Monday"]
    assert rows(desk.get("/campaigns?account=acct_two")) == ["Friday two"]
    assert rows(desk.get("/campaigns?name=FRIDAY&state=all")) == ["Old Friday", "Friday two", "Friday offer"]
    filtered = desk.get("/campaigns?name=friday&state=archived&account=")
    assert rows(filtered) == ["Old Friday"]
    assert 'value="friday"' in filtered.text
    assert '<option value="archived" selected>' in filtered.text


def test_the_next_page_begins_after_the_last_row_and_keeps_the_filter(world: World, desk: httpx.Client) -> None:
    world.account()
    count = listed.ON_A_PAGE + 2
    for number in range(count):
        world.campaign(name=f"Offer {number:02}")

    first = desk.get("/campaigns?name=offer")
    address = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert address is not None
    world.campaign(name="Offer that came later")
    second = desk.get(address[1].replace("&amp;", "&"))

    assert rows(first) + rows(second) == [f"Offer {number:02}" for number in reversed(range(count))]
    assert 'value="offer"' in second.text
    assert 'rel="next"' not in second.text
    assert desk.get(address[1].replace("&amp;", "&").replace("name=offer", "name=x")).status_code == 422


def test_a_campaign_shows_its_revision_its_schedule_and_the_days_on_which_clocks_change(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    campaign_id = world.campaign(
        name="<script>alert(1)</script>",
        message={"text": "Hi <b>you</b>\u202e &", "price": "5", "media_files": ["1234567"]},
        timing=Timing(cron="0 21 * * 0", zone="Europe/Berlin"),
        zone="Europe/Berlin",
    )
    shown = desk.get(f"/campaigns/{campaign_id}").text

    assert "every Sunday at 21:00 Europe/Berlin" in shown
    assert "5 user IDs" in shown
    assert "clocks go forward 1 h at 02:00" in shown
    assert "$5" in shown
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "Hi &lt;b&gt;you&lt;/b&gt;" in shown


def test_acts_are_those_of_the_state_and_of_the_right(world: World) -> None:
    world.account()
    draft, armed = world.campaign(), world.campaign(timing=FRIDAYS, zone="Europe/Berlin")
    with served(world.store, _with(Right.SENDER)) as desk:
        page = desk.get(f"/campaigns/{armed}/launch")
        assert page.status_code == 200
        key = re.search(r'name="key" value="([^"]+)"', page.text)
        plan = re.search(r'name="plan" value="([^"]+)"', page.text)
        assert key is not None
        assert plan is not None
        desk.post(f"/campaigns/{armed}/launch", data={"key": key[1], "plan": plan[1], "revision": "1"})
        assert _acts(desk, draft) == ["launch", "plan"]
        assert _acts(desk, armed) == ["launch?now=1", "backfill", "pause", "skip-next", "plan"]
    with served(world.store, _with(Right.EDITOR)) as desk:
        assert _acts(desk, draft) == ["edit", "copy", "archive", "plan"]
        assert _acts(desk, armed) == ["pause", "skip-next", "edit", "copy", "archive", "plan"]
    with served(world.store, VIEWER) as desk:
        assert _acts(desk, armed) == ["plan"]


def test_what_is_hidden_is_in_no_list_no_filter_and_on_no_page(world: World) -> None:
    world.account()
    world.account("acct_hidden")
    world.campaign(name="Seen")
    hidden = world.campaign(name="Hidden", account_id="acct_hidden")
    only = Principal("olga", frozenset({Right.ADMIN}), accounts=frozenset({ACCOUNT}))
    with served(world.store, only) as desk:
        listing = desk.get("/campaigns?state=all")
        assert rows(listing) == ["Seen"]
        assert "acct_hidden" not in listing.text
        for path in (
            "",
            "/edit",
            "/plan",
            "/launch",
            "/copy",
            "/archive",
            "/pause",
            "/resume",
            "/skip-next",
            "/backfill",
        ):
            assert desk.get(f"/campaigns/{hidden}{path}").status_code == 404, path
    assert "campaign_archived" not in world.events()


def test_a_schedule_is_paused_skipped_and_resumed_and_the_page_goes_back_to_where_one_was(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    campaign_id = _armed(world, desk)
    asked = desk.get(f"/campaigns/{campaign_id}/pause?back=/campaigns%3Fname%3DFri")
    done = confirmed(desk, asked, reason="holiday")

    assert "Friday" in asked.text
    assert done.headers["location"].startswith("/campaigns?name=Fri&notice=")
    assert "by anna: holiday" in desk.get(f"/campaigns/{campaign_id}").text
    confirmed(desk, desk.get(f"/campaigns/{campaign_id}/resume"), reason="back again")
    confirmed(desk, desk.get(f"/campaigns/{campaign_id}/skip-next"), reason="Good Friday")
    assert world.events()[-3:] == ["schedule_paused", "schedule_resumed", "run_skipped"]
    elsewhere = desk.get(f"/campaigns/{campaign_id}/archive?back=//evil.example/")
    assert f'href="/campaigns/{campaign_id}"' in elsewhere.text
    assert 'href="//evil.example' not in elsewhere.text


def test_only_the_run_that_was_shown_is_skipped(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = _armed(world, desk)
    asked = desk.get(f"/campaigns/{campaign_id}/skip-next")
    assert '<time datetime="2026-03-06T20:00:00+00:00">06 Mar 2026, 21:00:00 CET</time> is skipped' in asked.text
    world.clock.advance(timedelta(days=7).total_seconds())  # the run that the page shows has come due
    refused = confirmed(desk, asked, reason="")

    assert refused.status_code == 412
    assert "no longer waits for the run at 2026-03-06 21:00+01:00 Europe/Berlin" in refused.text


def test_a_copy_is_written_once_and_archived_and_brought_back(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign()
    asked = desk.get(f"/campaigns/{campaign_id}/copy")
    named = world.campaign(name="<b>Bold</b>")
    assert "&lt;b&gt;Bold&lt;/b&gt;" in desk.get(f"/campaigns/{named}/archive").text
    first, second = (confirmed(desk, asked, name="Second") for _ in range(2))

    assert first.headers["location"].partition("?")[0] == second.headers["location"].partition("?")[0] == "/campaigns/3"
    assert rows(desk.get("/campaigns"))[0] == "Second"
    confirmed(desk, desk.get("/campaigns/3/archive"))
    assert rows(desk.get("/campaigns?state=archived")) == ["Second"]
    confirmed(desk, desk.get("/campaigns/3/unarchive"))
    assert rows(desk.get("/campaigns?state=archived")) == []


def _with(right: Right) -> Principal:
    return Principal("olga", frozenset({right}), address="127.0.0.1")


def _acts(desk: httpx.Client, campaign_id: int) -> list[str]:
    """The last parts of the addresses of the acts on a campaign's page."""
    nav = re.search(r'<nav class="acts".*?</nav>', desk.get(f"/campaigns/{campaign_id}").text, re.DOTALL)
    assert nav is not None
    return re.findall(rf'href="/campaigns/{campaign_id}/([^"]+)"', nav[0])


def _armed(world: World, desk: httpx.Client) -> int:
    campaign_id = world.campaign(timing=FRIDAYS, zone="Europe/Berlin")
    assert confirmed(desk, desk.get(f"/campaigns/{campaign_id}/launch")).status_code == 303
    return campaign_id
