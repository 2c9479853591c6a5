"""The preview of the plan: who, who not and why, what it costs, what a fan sees, and when; by a button and live."""

from __future__ import annotations

import re

import httpx
import pytest
from pyroaring import BitMap64

from campaigns.flow.audience.suppress import suppress
from campaigns.web.pages.campaigns.form import drafting
from tests.web.pages.forms import fields_of
from tests.world import ACCOUNT, ANNA, World

FORM = {
    "account_id": ACCOUNT,
    "name": "Sunday",
    "text": "Hello <you> on {weekday}",
    "price": "5",
    "media_files": "1234",
    "cron": "0 21 * * 0",
    "zone": "Europe/Berlin",
    "content-1-text": "First & {n}",
    "content-2-text": "Second",
    "content-2-price": "10",
}


def test_the_preview_says_who_what_it_costs_what_fans_see_and_when(world: World, desk: httpx.Client) -> None:
    world.account()
    suppress(world.store, BitMap64([2]), account_id=None, reason="asked", actor=ANNA)
    page = desk.post("/campaigns/preview", data=fields_of(desk.get("/campaigns/new")) | FORM | {"users": "1\n2\n3"})
    shown = page.text

    assert page.status_code == 200
    assert _fact(shown, "Recipients") == "2"
    assert _fact(shown, "Left out") == "1: suppressed on every account"
    assert _fact(shown, "Requests").startswith("1 of up to")
    assert _fact(shown, "Credits") == "1"
    assert _fact(shown, "Exposure") == "$10.00 if each recipient unlocks it at $5.00"
    assert re.findall(r"<pre>(.*?)</pre>", shown)[:2] == [
        "First &amp; 1",
        "<p>First &amp;amp; 1</p>".replace("<", "&lt;").replace(">", "&gt;"),
    ]
    assert "exposure $20.00 if each of 2 recipients unlocks it" in shown
    assert "clocks go forward 1 h at 02:00" in shown
    assert world.events().count("campaign_created") == 0


def test_what_is_missing_yet_is_said_and_the_rest_is_shown(world: World, desk: httpx.Client) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT}
    empty = desk.post("/campaigns/preview", data=form).text
    typed = desk.post("/campaigns/preview", data=form | {"text": "Hello"}).text
    bad = desk.post("/campaigns/preview", data=form | {"text": "Hello", "cron": "at nine"}).text

    assert "Text is missing." in empty
    assert "There are no recipients" in typed
    assert "<pre>Hello</pre>" in typed
    assert 'data-live="preview"' in typed
    assert re.search(r'class="fault">.*at nine', bad)


def test_a_file_is_read_for_the_button_and_never_while_somebody_types(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT, "text": "Hello"}
    file = {"file": ("fans.csv", b"user_id\n1\n2\n3\n")}
    by_button = desk.post("/campaigns/new/preview", data=form, files=file).text
    assert _fact(by_button, "Recipients") == "3"
    assert "data-live" not in by_button[by_button.index("<main") :]

    def fails(*_: object, **__: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr(drafting, "read_recipients", fails)
    live = desk.post("/campaigns/preview", data=form, files=file)
    assert live.status_code == 200
    assert "There are no recipients" in live.text


def test_the_preview_of_an_edit_has_the_stored_audience_and_stores_nothing(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign()
    form = fields_of(desk.get(f"/campaigns/{campaign_id}/edit"))
    same = desk.post("/campaigns/preview", data=form).text
    changed = desk.post("/campaigns/preview", data=form | {"batch_size": "5", "text": "New"}).text

    assert (_fact(same, "Recipients"), _fact(same, "Requests")) == ("5", "3 of up to 2 users")
    assert (_fact(changed, "Recipients"), _fact(changed, "Requests")) == ("5", "1 of up to 5 users")
    assert "<pre>New</pre>" in changed
    assert world.events().count("campaign_edited") == 0


def _fact(page: str, label: str) -> str:
    match = re.search(rf"<dt>{label}</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert match is not None, label
    return re.sub(r"<[^>]+>", "", match[1]).strip()
