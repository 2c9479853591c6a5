"""Campaigns in the API: written from JSON, changed and launched by whoever read them, and refused with the place."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from tests.web.served import served
from tests.workbooks import workbook
from tests.world import ACCOUNT, World

CAMPAIGNS = "/api/v1/campaigns"
NEW = {"account": ACCOUNT, "text": "Hello", "users": ["1", "2", "3"]}
EDITOR = Principal("erik", frozenset({Right.EDITOR}))
LARGEST = str(2**63 - 1)


@pytest.fixture
def campaign(world: World) -> int:
    world.account()
    return world.campaign(users=[1, 2, 3])


def match(desk: httpx.Client, campaign: int) -> dict[str, str]:
    return {"If-Match": desk.get(f"{CAMPAIGNS}/{campaign}").headers["etag"]}


def edit(desk: httpx.Client, campaign: int, body: dict[str, Any], **headers: str) -> httpx.Response:
    return desk.patch(f"{CAMPAIGNS}/{campaign}", json=body, headers={**match(desk, campaign), **headers})


def pointers(refusal: httpx.Response) -> dict[str, str]:
    assert refusal.headers["content-type"] == "application/problem+json"
    return {each["pointer"]: each["detail"] for each in refusal.json()["errors"]}


def test_a_campaign_is_written_with_the_names_of_a_campaign_file(world: World, desk: httpx.Client) -> None:
    world.account()
    body = {
        **NEW,
        "users": ["1", LARGEST, "1"],
        "price": 5.5,
        "media": ["71"],
        "batch-size": 200,
        "cron": "0 18 * * 5",
        "zone": "Europe/Berlin",
        "jitter": "15m",
        "content": [{"text": "One"}, {"text": "Two", "price": 4}],
    }
    made = desk.post(CAMPAIGNS, json=body)
    assert made.status_code == 201, made.text
    shown = desk.get(f"{CAMPAIGNS}/{made.json()['id']}").json()

    assert (made.status_code, made.json()["state"], made.json()["revision"]) == (201, "draft", 1)
    assert (made.json()["file"]["ids"], made.json()["file"]["duplicates"]) == (2, 1)
    assert (shown["audience"]["size"], shown["batch_size"], shown["timing"]["jitter_seconds"]) == (2, 200, 900)
    assert (shown["message"]["price"], shown["contents"][1]["price"]) == ("5.50", "4")
    assert shown["schedule"].startswith("every Friday") or "Friday" in shown["schedule"]
    assert made.headers["etag"] == match(desk, made.json()["id"])["If-Match"]


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"pirce": 5}, "/pirce", "is not a field of a campaign (did you mean 'price'?)"),
        ({"a/b~c": 5}, "/a~1b~0c", "is not a field of a campaign"),
        ({"users": [1]}, "/users", "must be a list of user IDs, each as text"),
        ({"users": "fans.csv"}, "/users", "must be a list of user IDs, each as text"),
        ({"media": [7]}, "/media", "must be a list of texts"),
        ({"text": True}, "/text", "must be a text"),
        ({"mark": "yes"}, "/mark", "must be true or false"),
        ({"batch_size": -4}, "/batch_size", "is '-4', not a whole number"),
        ({"jitter": "soon"}, "/jitter", "is 'soon', not a length of time; write 90s, 15m, 6h30m or 1d"),
        ({"at": "2026-12-24 18:00"}, "/at", "'2026-12-24 18:00' does not say in which zone"),
        ({"content": [{"text": "One"}, {"prise": 4}]}, "/content/1", "'prise' is not a field of a content"),
        ({"content": [{"text": 5}]}, "/content/0", "text must be one value"),
        ({"batch-size": 5, "batch_size": 5}, "/batch_size", "is batch-size, which is given twice"),
        ({"skip_bad": True, "users": None, "list": ["1"]}, "/skip_bad", "is about bad lines of the users"),
        ({"account": None}, "/account", "is missing"),
    ],
)
def test_a_fault_names_its_place(
    world: World, desk: httpx.Client, change: dict[str, Any], pointer: str, words: str
) -> None:
    world.account()
    refusal = desk.post(CAMPAIGNS, json={**NEW, **change})

    assert (refusal.status_code, refusal.json()["code"]) == (422, "invalid_input")
    assert pointers(refusal)[pointer].startswith(words)
    assert desk.get(CAMPAIGNS).json()["items"] == []


@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [
        (b"{", 400, "is not valid JSON"),
        (b"[1]", 400, "must be a JSON object"),
        (b'{"text": NaN}', 400, "NaN is not a number"),
        (b'{"text": "a", "text": "b"}', 400, "an object has a name twice"),
        (b'{"text": "a\\u0000"}', 400, "a character that is not text"),
        (b'{"\\ud800": 1}', 400, "a character that is not text"),
        (b"[" * 100_000, 400, "is not valid JSON"),
        (b'{"price": ' + b"9" * 5000 + b"}", 400, "is not valid JSON"),
        (b'{"price": 1e999999999}', 422, "account"),
        (b" " * (1 << 20) + b" {}", 413, "larger than"),
    ],
)
def test_a_body_that_is_no_campaign_is_one_problem(desk: httpx.Client, raw: bytes, status: int, words: str) -> None:
    refusal = desk.post(CAMPAIGNS, content=raw, headers={"Content-Type": "application/json"})

    assert refusal.status_code == status, refusal.text
    assert words in refusal.json()["detail"]


def test_a_body_of_another_kind_is_refused(desk: httpx.Client) -> None:
    refusal = desk.post(CAMPAIGNS, content=b"text: Hello", headers={"Content-Type": "application/yaml"})
    assert (refusal.status_code, refusal.json()["code"]) == (415, "unsupported_media_type")


def test_an_edit_changes_what_it_names_and_null_takes_away(campaign: int, desk: httpx.Client) -> None:
    first = edit(desk, campaign, {"price": 5, "media": ["71"], "users": ["7"]})
    assert first.status_code == 200, first.text
    second = edit(desk, campaign, {"price": None, "name": "New"})
    shown = desk.get(f"{CAMPAIGNS}/{campaign}").json()

    assert (first.status_code, first.json()["revision"], second.json()["revision"]) == (200, 2, 3)
    assert (shown["message"]["price"], shown["message"]["media_files"], shown["audience"]["size"]) == (None, ["71"], 1)
    assert shown["name"] == "New"
    assert second.headers["etag"] == match(desk, campaign)["If-Match"]


def test_an_edit_of_nothing_of_the_account_or_of_a_needed_field_is_refused(campaign: int, desk: httpx.Client) -> None:
    assert "nothing to change" in edit(desk, campaign, {}).json()["detail"]
    assert "/account" in pointers(edit(desk, campaign, {"account": "acct_two"}))
    assert "/clear" in pointers(edit(desk, campaign, {"text": None}))
    assert desk.get(f"{CAMPAIGNS}/{campaign}").json()["revision"] == 1


def test_an_edit_says_which_revision_it_is_about(campaign: int, desk: httpx.Client) -> None:
    seen = match(desk, campaign)
    address, body = f"{CAMPAIGNS}/{campaign}", {"text": "Mine"}

    without = desk.patch(address, json=body)
    first = desk.patch(address, json=body, headers=seen)
    late = desk.patch(address, json={"text": "Late"}, headers=seen)
    anything = desk.patch(address, json={"text": "Late"}, headers={"If-Match": "*"})

    assert (without.status_code, without.json()["code"]) == (428, "revision_missing")
    assert first.status_code == 200
    assert (late.status_code, late.json()["code"], late.json()["revision"]) == (412, "outdated", 2)
    assert anything.status_code == 412
    assert desk.get(address).json()["message"]["text"] == "Mine"


def test_an_edit_with_its_key_again_returns_the_first_answer(campaign: int, desk: httpx.Client) -> None:
    headers = {**match(desk, campaign), "Idempotency-Key": "one key of an edit"}
    first, second = (desk.patch(f"{CAMPAIGNS}/{campaign}", json={"text": "Mine"}, headers=headers) for _ in range(2))

    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.headers["etag"] == second.headers["etag"]
    assert desk.get(f"{CAMPAIGNS}/{campaign}").json()["revision"] == 2


def test_a_create_with_its_key_again_writes_one(world: World, desk: httpx.Client) -> None:
    world.account()
    key = {"Idempotency-Key": "one key of a creation"}
    parts = {"campaign": json.dumps({"account": ACCOUNT, "text": "Hi"})}

    def create(ids: bytes) -> httpx.Response:
        return desk.post(CAMPAIGNS, data=parts, files={"users": ("fans.csv", ids)}, headers=key)

    first, second, other = create(b"user_id\n1\n2\n"), create(b"2\n1\n"), create(b"2\n")

    assert (first.status_code, second.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(desk.get(CAMPAIGNS).json()["items"]) == 1


def test_a_file_of_recipients_comes_with_the_campaign(campaign: int, desk: httpx.Client) -> None:
    book = workbook({"Fans": [["name", "User ID"], ["Ann", 7]], "Old": [["user_id"], [8], [9]]})
    parts = {"campaign": json.dumps({"sheet": "Old"})}
    made = desk.patch(
        f"{CAMPAIGNS}/{campaign}", data=parts, files={"users": ("fans.xlsx", book)}, headers=match(desk, campaign)
    )
    audience = desk.get(f"{CAMPAIGNS}/{campaign}").json()["audience"]

    assert (made.status_code, made.json()["file"]["kind"], made.json()["file"]["sheet"]) == (200, "workbook", "Old")
    assert (audience["size"], audience["source"]) == (2, "fans.xlsx")


def test_a_bad_file_is_refused_with_the_sentences_of_the_command_line(campaign: int, desk: httpx.Client) -> None:
    seen, address = match(desk, campaign), f"{CAMPAIGNS}/{campaign}"

    def send(name: str, content: bytes, **fields: Any) -> httpx.Response:
        parts = {"campaign": json.dumps(fields)}
        return desk.patch(address, data=parts, files={"users": (name, content)}, headers=seen)

    book = workbook({"Fans": [["user_id"], [7]], "Old": [["user_id"], [8]]})
    bad = send("fans.csv", b"user_id\n1\nxyz\n")
    both = send("fans.csv", b"1\n", users=["2"])
    sheets = send("fans.xlsx", book)
    marks = send("a\u202eb\x1b.csv", b"user_id\nx\n")

    assert (bad.status_code, "line 3" in bad.json()["detail"], "'fans.csv'" in bad.json()["detail"]) == (
        400,
        True,
        True,
    )
    assert pointers(both)["/users"] == "are given in the JSON and as a file; keep one"
    assert "has 2 sheets ('Fans', 'Old'); say which one" in pointers(sheets)["/sheet"]
    assert "\u202e" not in marks.text
    assert "\x1b" not in marks.text
    assert desk.get(address).json()["revision"] == 1


def test_a_multipart_body_that_ends_early_imports_nothing(campaign: int, desk: httpx.Client) -> None:
    cut = b'--x\r\nContent-Disposition: form-data; name="users"; filename="fans.csv"\r\n\r\n1\r\n2\r\n3'
    headers = {**match(desk, campaign), "Content-Type": "multipart/form-data; boundary=x"}
    refusal = desk.patch(f"{CAMPAIGNS}/{campaign}", content=cut, headers=headers)

    assert (refusal.status_code, "ends before its last part does" in refusal.json()["detail"]) == (400, True)


def test_a_list_is_read_page_by_page_and_its_cursor_fits_no_other_filter(world: World, desk: httpx.Client) -> None:
    world.account()
    made = [world.campaign(name=f"Number {number}") for number in range(5)]
    seen: list[int] = []
    cursor: str | None = None
    while not seen or cursor is not None:
        page = desk.get(CAMPAIGNS, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["cursor"]
        if len(seen) == 2:
            other = desk.get(CAMPAIGNS, params={"limit": 2, "state": "launched", "cursor": cursor or ""})
            assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/cursor")

    assert seen == made[::-1]
    assert [each["id"] for each in desk.get(CAMPAIGNS, params={"name": "number 3"}).json()["items"]] == [made[3]]
    assert desk.get(CAMPAIGNS, params={"limit": 201}).status_code == 422


def test_whoever_has_other_accounts_sees_and_changes_nothing_here(world: World) -> None:
    campaign = world.account() and world.campaign()
    other = Principal("olga", frozenset({Right.ADMIN}), accounts=frozenset({"acct_two"}))
    with served(world.store, other) as desk:
        replies = [
            desk.get(f"{CAMPAIGNS}/{campaign}"),
            desk.get(f"{CAMPAIGNS}/{campaign}/plan"),
            desk.patch(f"{CAMPAIGNS}/{campaign}", json={"text": "Mine"}, headers={"If-Match": "x"}),
            desk.post(f"{CAMPAIGNS}/{campaign}/archive"),
            desk.post(CAMPAIGNS, json=NEW),
            desk.get(CAMPAIGNS, params={"account": ACCOUNT}),
        ]
        assert [reply.status_code for reply in replies] == [404] * 6
        assert desk.get(CAMPAIGNS).json()["items"] == []
    assert world.events().count("campaign_created") == 1


def test_a_campaign_is_copied_archived_and_brought_back(campaign: int, world: World) -> None:
    with served(world.store, EDITOR) as desk:
        copied = desk.post(f"{CAMPAIGNS}/{campaign}/copy", json={"name": "Twin"})
        archived = desk.post(f"{CAMPAIGNS}/{campaign}/archive")
        again = desk.post(f"{CAMPAIGNS}/{campaign}/archive")
        listed = desk.get(CAMPAIGNS).json()["items"]
        back = desk.post(f"{CAMPAIGNS}/{campaign}/unarchive")
        unknown = desk.post(f"{CAMPAIGNS}/{campaign}/copy", json={"nmae": "Twin"})

    assert (copied.status_code, copied.json()["name"]) == (201, "Twin")
    assert (archived.json()["state"], again.status_code) == ("archived", 409)
    assert [each["id"] for each in listed] == [copied.json()["id"]]
    assert back.json()["state"] == "draft"
    assert unknown.status_code == 422
