"""The pages of suppressions: lists in pages, files that are read before anybody is asked, and exports."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import httpx
import pytest
from pyroaring import BitMap64

from campaigns.flow.audience.suppress import Suppressed, suppress
from campaigns.store.views.suppressions import suppressions
from campaigns.web.pages.audience import imports
from campaigns.web.pages.audience import suppressions as pages
from campaigns.web.pages.audience.running_imports import RunningImports
from tests.web.pages.reading import OTHER, field_of, key_of, next_page, of_one
from tests.web.served import VIEWER, served
from tests.workbooks import workbook
from tests.world import ACCOUNT, ANNA, World

TWO_SHEETS = workbook({"Fans": [["user_id"], [7]], "Old fans": [["user_id"], [9]]})


def test_pages_neither_skip_nor_repeat_while_users_are_added(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHOWN", 3)
    world.account()
    keep(world, [10, 20, 30, 40, 50], None)
    keep(world, [10, 60], ACCOUNT)

    seen: list[str] = []
    address: str | None = "/suppressions"
    while address is not None:
        page = desk.get(address).text
        seen += users_on(page)
        keep(world, [5, 25, 45], None)  # before, among and after what was shown
        address = next_page(page)

    assert seen == ["10", "20", "30", "40", "45", "50", "10", "60"]


def test_the_list_of_one_account_is_shown_alone(world: World, desk: httpx.Client) -> None:
    world.account()
    keep(world, [1], None)
    keep(world, [2], ACCOUNT, reason="<b>\u202egone</b>")

    own, for_all, every = (desk.get("/suppressions", params={"account": each}).text for each in (ACCOUNT, "all", ""))

    assert [users_on(page) for page in (own, for_all, every)] == [["2"], ["1"], ["1", "2"]]
    assert "&lt;b&gt;\\u202egone&lt;/b&gt;" in own
    assert desk.get("/suppressions", params={"account": "acct_nobody"}).status_code == 404


def test_a_cursor_of_another_list_is_refused(world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SHOWN", 1)
    world.account()
    keep(world, [1, 2], None)
    more = next_page(desk.get("/suppressions").text)
    assert more is not None

    assert desk.get(more).status_code == 200
    assert desk.get(f"{more}&account=all").status_code == 422


def test_typed_users_are_counted_then_asked_about_then_suppressed(world: World, desk: httpx.Client) -> None:
    world.launched(users=[1, 2, 3])
    keep(world, [1], None)

    question = desk.post("/suppressions/add", data={"users": "1, 2\n3", "account": ""}).text
    assert "to 2 of these 3 users; 1 are suppressed already" in question
    assert world.events().count("suppressions_added") == 1

    form = {"users": field_of(question, "users"), "account": "", "key": key_of(question), "reason": "asked"}
    first, second = (desk.post("/suppressions/add", data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert world.events().count("suppressions_added") == 2
    world.serve_out()
    assert world.requests_by_user() == {}

    gone = desk.post("/suppressions/remove", data={**form, "key": "the key of another form", "users": "2"})
    assert gone.status_code == 303
    assert kept(world) == [("1", None), ("3", None)]


def test_what_names_nobody_is_shown_beside_its_field(world: World, desk: httpx.Client) -> None:
    page = desk.post("/suppressions/add", data={"users": "12 <i>x</i>", "account": ""})

    assert page.status_code == 422
    assert "&lt;i&gt;x&lt;/i&gt;&#39; is not a valid user ID" in page.text
    assert "12 &lt;i&gt;x&lt;/i&gt;</textarea>" in page.text
    assert kept(world) == []


def test_a_file_is_counted_first_and_imported_after_a_yes(world: World, desk: httpx.Client) -> None:
    world.account()
    keep(world, [7], ACCOUNT)
    file = {"file": ("<b>fans.csv", b"name,user_id\nAnn,7\nBob,8\nBob,8\nEve,none\n", "text/csv")}

    question = desk.post("/suppressions/import", data={"account": ACCOUNT, "skip_bad": "1"}, files=file).text

    assert "Read 2 user IDs, dropped 1 duplicate, skipped 1 bad line (line 5 &#39;none&#39;)" in question
    assert "to 1 of these 2 users; 1 are suppressed already" in question
    assert "&lt;b&gt;fans.csv" in question
    assert kept(world) == [("7", ACCOUNT)]
    form = {name: field_of(question, name) for name in ("key", "held", "account")} | {"reason": "from the old tool"}
    first, second = (desk.post("/suppressions/import", data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert kept(world) == [("7", ACCOUNT), ("8", ACCOUNT)]
    assert world.events().count("suppressions_added") == 2


def test_a_large_file_is_imported_beside_the_request(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def gated(*arguments: Any, **named: Any) -> Suppressed:
        go_on.wait(30)
        return suppress(*arguments, **named)

    monkeypatch.setattr(imports, "RUNNING", RunningImports())
    monkeypatch.setattr(imports, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(imports, "suppress", gated)
    world.account()
    file = {"file": ("fans.csv", b"user_id\n7\n8\n9\n")}
    question = desk.post("/suppressions/import", data={"account": ACCOUNT}, files=file).text
    form = {name: field_of(question, name) for name in ("key", "held", "account", "large")} | {"reason": "x"}
    try:
        assert desk.post("/suppressions/import", data={**form, "reason": " "}).status_code == 400
        statuses = [desk.post("/suppressions/import", data=form).status_code for _ in range(2)]
        other = desk.post("/suppressions/import", data={**form, "key": "the key of another form"})
        page = desk.get("/suppressions/import")
        assert kept(world) == []
    finally:
        go_on.set()
    for thread in [each for each in threading.enumerate() if each.name == "import"]:
        thread.join(30)

    assert statuses == [303, 303]
    assert other.status_code == 409
    assert "are being suppressed since" in page.text
    assert page.headers["refresh"] == "3"
    assert kept(world) == [("7", ACCOUNT), ("8", ACCOUNT), ("9", ACCOUNT)]
    assert world.events().count("suppressions_added") == 1
    ended = desk.get("/suppressions/import")
    assert "3 were suppressed, ended at" in ended.text
    assert "refresh" not in ended.headers


def test_a_file_that_is_not_held_any_longer_imports_nothing(world: World, desk: httpx.Client) -> None:
    world.account()
    form = {"key": "the key of one form", "held": "of another process", "account": ACCOUNT, "reason": "x"}

    refused = desk.post("/suppressions/import", data=form)

    assert refused.status_code == 404
    assert "Choose it again" in refused.text
    assert kept(world) == []


@pytest.mark.parametrize(
    ("name", "content", "sheet", "sentence"),
    [
        ("fans.csv", b"user_id\n7\nnone\n", "", "line 3 &#39;none&#39; holds no user ID"),
        ("fans.csv", b"name\nAnn\n", "", "fans.csv"),
        ("fans.csv", b"", "", "names no user"),
        ("fans.xlsx", TWO_SHEETS, "", "has 2 sheets (&#39;Fans&#39;, &#39;Old fans&#39;)"),
        ("fans.xlsx", TWO_SHEETS, "Fans <3", "has no sheet &#39;Fans &lt;3&#39;"),
        ("fans.xlsx", b"PK\x03\x04 no workbook", "", "fans.xlsx"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_the_words_of_the_reader(
    world: World, desk: httpx.Client, *, name: str, content: bytes, sheet: str, sentence: str
) -> None:
    page = desk.post("/suppressions/import", data={"account": "", "sheet": sheet}, files={"file": (name, content)})

    assert page.status_code == 422
    assert sentence in page.text
    assert kept(world) == []


def test_a_form_without_a_file_says_so(world: World, desk: httpx.Client) -> None:
    page = desk.post("/suppressions/import", data={"account": ""}, files={"file": ("", b"")})

    assert page.status_code == 422
    assert "No file is chosen." in page.text


def test_an_export_has_every_row_of_the_list(world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS_AT_ONCE", 2)
    world.account()
    keep(world, [1, 2, 3, 4, 5], None, reason="=SUM(A1)")
    keep(world, [9], ACCOUNT)

    as_csv = desk.get("/suppressions/export", params={"account": "all"})
    as_lines = desk.get("/suppressions/export", params={"form": "jsonl"})

    assert as_csv.text.splitlines()[0] == "user_id,account,reason,actor,created_at"
    assert [line.split(",")[0] for line in as_csv.text.splitlines()[1:]] == ["1", "2", "3", "4", "5"]
    assert ",'=SUM(A1)," in as_csv.text
    assert [json.loads(line)["user_id"] for line in as_lines.text.splitlines()] == ["1", "2", "3", "4", "5", "9"]
    assert "attachment" in as_csv.headers["content-disposition"]


def test_rights_on_one_account_show_and_change_no_other_list(world: World) -> None:
    world.account()
    world.account(OTHER)
    keep(world, [1], None)
    keep(world, [2], ACCOUNT)
    keep(world, [3], OTHER)
    with served(world.store, of_one()) as desk:
        page, export = desk.get("/suppressions").text, desk.get("/suppressions/export").text
        hidden = [desk.get(f"/suppressions{at}", params={"account": OTHER}).status_code for at in ("", "/export")]
        acts = [
            desk.post("/suppressions/add", data={"users": "5", "account": account}).status_code
            for account in (OTHER, "", ACCOUNT)
        ]
        file = {"file": ("fans.csv", b"user_id\n5\n")}
        imported = desk.post("/suppressions/import", data={"account": OTHER}, files=file).status_code

    assert users_on(page) == ["1", "2"]
    assert [line.split(",")[0] for line in export.splitlines()[1:]] == ["1", "2"]
    assert OTHER not in page
    assert hidden == [404, 404]
    assert acts == [404, 403, 200]
    assert imported == 404


def test_a_viewer_changes_nothing(world: World) -> None:
    world.account()
    with served(world.store, VIEWER) as desk:
        page = desk.get("/suppressions")
        posts = [
            desk.post("/suppressions/add", data={"users": "5"}),
            desk.post("/suppressions/remove", data={"users": "5"}),
            desk.post("/suppressions/import", files={"file": ("fans.csv", b"user_id\n5\n")}),
        ]

    assert page.status_code == 200
    assert "Import a file" not in page.text
    assert [each.status_code for each in posts] == [403, 403, 403]


def keep(world: World, users: list[int], account_id: str | None, reason: str = "asked") -> None:
    suppress(world.store, BitMap64(users), account_id=account_id, reason=reason, actor=ANNA)


def kept(world: World) -> list[tuple[str, str | None]]:
    with world.store.read() as connection:
        return [(each.user_id, each.account) for each in suppressions(connection)]


def users_on(page: str) -> list[str]:
    return re.findall(r'href="/fans/(\d+)"', page)
