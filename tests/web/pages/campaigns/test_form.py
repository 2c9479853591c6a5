"""New and Edit: every field, every fault beside its field, and nothing that was typed is lost."""

from __future__ import annotations

import re
from datetime import datetime

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.messages.contents import OF_A_CONTENT
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.forms import typed_of_campaign
from campaigns.store.campaigns.campaigns import RevisionRow, find_campaign, find_revision
from campaigns.store.views.campaigns import campaign_of
from campaigns.web.pages.campaigns.form.controls import GROUPS
from tests.web.pages.forms import confirmed, fault, fields_of
from tests.web.served import VIEWER, served
from tests.workbooks import workbook
from tests.world import ACCOUNT, ANNA, World

FILES = {
    "fans.csv": b"name;user_id\nAnn;11\nBob;12\nBob;12\n",
    "fans.jsonl": b'{"user_id": "11"}\n{"user_id": 12}\n',
    "fans.txt": b"11\n12\n",
}


def newest(world: World, campaign_id: int = 1) -> RevisionRow:
    with world.store.read() as connection:
        return find_revision(connection, campaign_id, find_campaign(connection, campaign_id).revision)


def count(world: World) -> int:
    return world.events().count("campaign_created")


def test_the_form_has_a_control_for_each_field_and_no_other(world: World, desk: httpx.Client) -> None:
    grouped = [key for group in GROUPS for key in (*group.keys, *group.rare)]
    assert sorted(grouped) == sorted(each.key for each in FIELDS)

    page = desk.get("/campaigns/new").text
    for each in FIELDS:
        if each.key != "contents":
            assert f'name="{each.key}"' in page, each.key
            assert f'for="field-{each.key}"' in page, each.key


@pytest.mark.parametrize("name", FILES)
def test_a_campaign_is_written_from_a_file_of_recipients(world: World, desk: httpx.Client, name: str) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT, "text": "Hello\r\nyou", "name": "One"}
    first, second = (desk.post("/campaigns/new", data=form, files={"file": (name, FILES[name])}) for _ in range(2))

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"].partition("?")[0] == "/campaigns/1"
    assert count(world) == 1
    shown = desk.get(first.headers["location"]).text
    assert "2 user IDs from" in shown
    assert "Campaign c1 is written" in shown
    assert newest(world).message["text"] == "Hello\nyou"


def test_a_workbook_with_two_sheets_asks_which_one(world: World, desk: httpx.Client) -> None:
    world.account()
    data = workbook({"Fans": [["user_id"], [11], [12]], "Old": [["user_id"], [13]]})
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT, "text": "Hello"}
    asked = desk.post("/campaigns/new", data=form, files={"file": ("fans.xlsx", data)})

    assert asked.status_code == 422
    assert "Fans" in str(fault(asked, "sheet"))
    assert "Choose the file of recipients again" in asked.text
    done = desk.post("/campaigns/new", data=fields_of(asked) | {"sheet": "Fans"}, files={"file": ("fans.xlsx", data)})
    assert done.status_code == 303, fault(done, "users")


def test_all_faults_are_beside_their_fields_and_everything_typed_is_still_there(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    typed = {
        "account_id": ACCOUNT,
        "name": "<i>Bad</i> & \u202e",
        "text": "Hi <script>alert(1)</script> \u202e {name}",
        "price": "5",
        "batch_size": "many",
        "jitter_seconds": "soon",
        "users": "11\nnobody\n",
        "cron": "0 21 * * 5",
        "zone": "Europe/Berlin",
        "locked_text": "yes",
        "content-1-text": "First",
        "content-1-price": "free",
    }
    refused = desk.post("/campaigns/new", data=fields_of(desk.get("/campaigns/new")) | typed)

    assert refused.status_code == 422
    assert fault(refused, "batch_size") == "Batch size is 'many', not a whole number."
    assert fault(refused, "jitter_seconds") == "Jitter is 'soon', not a length of time; write 90s, 15m, 6h30m or 1d."
    assert str(fault(refused, "price")).startswith("Price needs media, since only media can be sold")
    assert "line 2 'nobody'" in str(fault(refused, "users"))
    assert "Leave such lines" not in str(fault(refused, "text"))
    held = fields_of(refused)
    for name, text in typed.items():
        assert held[name].strip() == text.strip(), name
    assert "<script>alert" not in refused.text
    assert count(world) == 0
    mended = held | {
        "price": "",
        "batch_size": "",
        "jitter_seconds": "",
        "users": "11",
        "content-1-price": "",
        "name": "Fine",
    }
    mended |= {"text": "Hi {date}", "key": held["key"], "often": "yes"}
    done = desk.post("/campaigns/new", data=mended)
    assert done.status_code == 303, re.findall(r'class="fault"[^>]*>(.*?)</p>', done.text)
    assert newest(world).contents == [{"text": "First"}]


def test_faults_of_the_store_too_are_beside_their_fields(world: World, desk: httpx.Client) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT, "text": "Hello", "name": "x\u200f"}
    form |= {
        "max_runs": "3",
        "on_unknown": "hold",
        "batch_size": "9999999",
        "begins": "2026-04-01 10:00",
        "zone": "UTC",
    }
    refused = desk.post("/campaigns/new", data=form | {"at": "2026-04-01 09:00"})

    assert str(fault(refused, "users")).startswith("There are no recipients: give user IDs or a list")
    assert "9,999,999" in str(fault(refused, "batch_size"))
    assert "U+200F" in str(fault(refused, "name"))
    assert str(fault(refused, "begins")).startswith("Begins and max-runs are for a schedule that recurs")


def test_an_account_that_is_hidden_is_unknown_and_a_viewer_has_no_form(world: World) -> None:
    world.account()
    world.account("acct_hidden")
    only = Principal("olga", frozenset({Right.EDITOR}), accounts=frozenset({ACCOUNT}))
    with served(world.store, only) as desk:
        page = desk.get("/campaigns/new")
        assert "acct_hidden" not in page.text
        sentences = []
        for account in ("acct_hidden", "acct_nowhere"):
            form = fields_of(page) | {"account_id": account, "text": "Hello", "users": "1"}
            refused = desk.post("/campaigns/new", data=form)
            assert refused.status_code == 422
            sentences.append(str(fault(refused, "account_id")).replace(account, "it"))
        assert sentences[0] == sentences[1]
    with served(world.store, VIEWER) as desk:
        assert desk.get("/campaigns/new").status_code == 403
        assert desk.post("/campaigns/new", data={"text": "x"}).status_code == 403
        assert desk.post("/campaigns/preview", data={"text": "x"}).status_code == 403
    assert count(world) == 0


def test_an_edit_that_changes_nothing_else_stores_one_field(world: World, desk: httpx.Client) -> None:
    campaign_id = _full(world)
    before = newest(world)
    page = desk.get(f"/campaigns/{campaign_id}/edit")
    nothing = _store(desk, campaign_id, fields_of(page))
    done = _store(desk, campaign_id, fields_of(page) | {"price": "7"})

    assert nothing.status_code == 422
    assert "No field was changed" in nothing.text
    assert done.status_code == 303, re.findall(r'class="fault"[^>]*>(.*?)</p>', done.text)
    after = newest(world)
    assert after.message == {**before.message, "price": "7"}
    assert (after.timing, after.contents, after.zone, after.often, after.mark, after.audience_version_id) == (
        before.timing,
        before.contents,
        before.zone,
        before.often,
        before.mark,
        before.audience_version_id,
    )


def test_an_edit_takes_fields_away_and_keeps_html_as_html(world: World, desk: httpx.Client) -> None:
    campaign_id = _full(world)
    page = fields_of(desk.get(f"/campaigns/{campaign_id}/edit"))
    emptied = {
        "price": "",
        "cron": "",
        "hours": "",
        "until": "",
        "media_files": "",
        "content-1-text": "",
        "locked_text": "",
    }
    emptied |= {"content-1-media_files": "", "content-2-text": "", "expires_seconds": "", "overlap": "skip"}
    done = _store(desk, campaign_id, page | emptied | {"text": "<b>New</b>", "users": "21\n22"})

    assert done.status_code == 303, re.findall(r'class="fault"[^>]*>(.*?)</p>', done.text)
    after = newest(world)
    assert (after.message["price"], after.message["media_files"], after.message["locked_text"]) == (None, [], None)
    assert (after.message["text"], after.message["text_mode"]) == ("<b>New</b>", "html")
    assert (after.timing, after.contents) == (None, None)
    with world.store.read() as connection:
        audience = campaign_of(connection, campaign_id).audience
    assert audience is not None
    assert (audience.size, audience.source) == (2, "typed recipients")


def test_two_edits_of_one_revision_are_both_shown_and_none_is_lost(world: World, desk: httpx.Client) -> None:
    campaign_id = _full(world)
    page = fields_of(desk.get(f"/campaigns/{campaign_id}/edit"))
    edit_campaign(world.store, campaign_id, Changes(name="Theirs", batch_size=77), actor=ANNA)

    both = _store(desk, campaign_id, page | {"name": "Mine", "price": "9"})
    held = fields_of(both)

    assert both.status_code == 412
    assert newest(world).number == 2
    assert "Theirs" in both.text
    assert (held["name"], held["price"], held["batch_size"], held["revision"]) == ("Mine", "9", "77", "2")
    assert _store(desk, campaign_id, held).status_code == 303
    with world.store.read() as connection:
        stored = campaign_of(connection, campaign_id)
    assert (stored.name, stored.batch_size, stored.message["price"], stored.revision) == ("Mine", 77, "9", 3)


def test_what_an_armed_campaign_needs_is_a_control_of_the_form_and_no_link_away(
    world: World, desk: httpx.Client
) -> None:
    world.account()
    campaign_id = world.campaign(timing=Timing(cron="0 21 * * 5", zone="UTC"), zone="UTC")
    confirmed(desk, desk.get(f"/campaigns/{campaign_id}/launch"))
    page = fields_of(desk.get(f"/campaigns/{campaign_id}/edit")) | {"text": "Hi {name}"}
    refused = _store(desk, campaign_id, page)

    assert refused.status_code == 422
    assert "its new text would go out without a launch" in refused.text
    assert "Tick it to confirm" in str(fault(refused, "as_written"))
    assert f'href="/campaigns/{campaign_id}/edit"' not in refused.text
    assert _store(desk, campaign_id, fields_of(refused) | {"as_written": "yes"}).status_code == 303
    assert newest(world).message["text"] == "Hi {name}"


def test_a_form_of_a_hundred_contents_is_taken(world: World, desk: httpx.Client) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"account_id": ACCOUNT, "users": "1", "text": "Hello"}
    form |= {f"content-{number}-text": f"Text {number}" for number in range(1, 101)}
    form |= {f"content-{number}-{key}": "" for number in range(1, 101) for key in OF_A_CONTENT if key != "text"}
    assert desk.post("/campaigns/new", data=form).status_code == 303
    assert len(newest(world).contents or ()) == 100


def test_a_content_more_keeps_what_was_typed(world: World, desk: httpx.Client) -> None:
    world.account()
    form = fields_of(desk.get("/campaigns/new")) | {"text": "Typed", "content-1-text": "First", "more": "1"}
    page = desk.post("/campaigns/new", data=form)

    assert page.status_code == 200
    assert fields_of(page)["text"] == "Typed"
    assert 'name="content-2-text"' in page.text


def test_the_texts_of_a_form_are_those_of_the_revision(world: World) -> None:
    typed, number = typed_of_campaign(world.store, _full(world))

    assert number == 1
    assert typed.of("until") == "2026-12-31 23:00+01:00"
    assert typed.of("expires_seconds") == "6h30m"
    assert typed.of("html") == "yes"
    assert typed.contents == ({"text": "<i>one</i>", "media_files": "1234\n5678"}, {"text": "two"})


def test_a_file_larger_than_any_other_request_goes_into_an_edit_too(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = world.campaign()
    ids = range(10**12, 10**12 + 100_000)
    data = "user_id\n" + "\n".join(map(str, ids))
    page = desk.get(f"/campaigns/{campaign_id}/edit")
    assert len(data) > 1 << 20
    action = re.search(r'<form class="stack" method="post" action="([^"]+)"', page.text)
    assert action is not None
    done = desk.post(action[1], data=fields_of(page), files={"file": ("fans.csv", data.encode())})

    assert done.status_code == 303
    with world.store.read() as connection:
        audience = campaign_of(connection, campaign_id).audience
    assert audience is not None
    assert (audience.size, audience.source) == (100_000, "fans.csv")
    assert newest(world).number == 2


def _full(world: World) -> int:
    """A campaign with a value in fields of every kind."""
    world.account()
    return world.campaign(
        message={"text": "<b>Hi</b>", "text_mode": "html", "price": "5", "media_files": ["1234"], "locked_text": True},
        timing=Timing(
            cron="0 21 * * 5",
            zone="Europe/Berlin",
            hours="09:00-22:00",
            until=_moment("2026-12-31T22:00:00+00:00"),
            expires_seconds=23400,
            overlap="queue",
        ),
        zone="Europe/Berlin",
        contents=({"text": "<i>one</i>", "media_files": ["1234", "5678"]}, {"text": "two"}),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _store(desk: httpx.Client, campaign_id: int, form: dict[str, str]) -> httpx.Response:
    return desk.post(f"/campaigns/new/revision/{campaign_id}", data=form)
