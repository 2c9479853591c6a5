"""The description of the API: valid, complete, and a promise that no release breaks."""

from __future__ import annotations

import copy
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from campaigns.web.openapi import Operation, operations
from campaigns.web.problem_codes import MEANINGS
from tests.web.contract import broken

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def now() -> Json:
    described: Json = json.loads(runpy.run_path(str(ROOT / "docs/generate.py"))["description"]())
    return described


def every(described: Json) -> list[Operation]:
    listed = list(operations(described))
    assert len(listed) > 15
    return listed


def test_it_is_valid(now: Json) -> None:
    validate(now)
    assert now["openapi"].startswith("3.1")


def test_every_route_says_what_it_does_what_it_returns_and_how_it_refuses(now: Json) -> None:
    names = [each.described["operationId"] for each in every(now)]
    assert len(set(names)) == len(names)
    for each in every(now):
        place, responses = f"{each.method} {each.path}", each.described["responses"]
        assert each.described["tags"], place
        assert each.described["summary"].endswith((".", ":")), f"{place}: {each.described['summary']}"
        good = [reply for status, reply in responses.items() if status.startswith("2")]
        assert good, place
        assert all(reply.get("content") for reply in good), place
        assert all(
            schema != {} for reply in good for schema in (one.get("schema", 1) for one in reply["content"].values())
        )
        for status in ("401", "403", "404", "409", "422", "503"):
            assert list(responses[status]["content"]) == ["application/problem+json"], place


def test_ids_of_users_and_messages_are_text(now: Json) -> None:
    name = re.compile(r"(^|_)(message_id|user|user_id|users)$")
    for shape, schema in now["components"]["schemas"].items():
        for field, each in schema.get("properties", {}).items():
            if name.search(field):
                assert "integer" not in json.dumps(each), f"{shape}.{field}"


def test_nothing_that_was_promised_is_gone(now: Json) -> None:
    promised = json.loads((ROOT / "docs/openapi.json").read_text())
    assert broken(promised, now) == [], "if it is meant: python docs/generate.py openapi > docs/openapi.json"


def _drop_a_route(described: Json) -> None:
    del described["paths"]["/api/v1/schedules"]


def _drop_a_field(described: Json) -> None:
    del described["components"]["schemas"]["CampaignLine"]["properties"]["revision"]


def _let_a_field_be_null(described: Json) -> None:
    described["components"]["schemas"]["CampaignLine"]["properties"]["name"] = {"type": ["string", "null"]}


def _need_a_field(described: Json) -> None:
    described["components"]["schemas"]["Launch"]["required"] = ["plan"]


def _take_fewer_kinds(described: Json) -> None:
    body = described["paths"]["/api/v1/campaigns"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"]["properties"]["price"]["type"] = ["string"]


def _take_fewer_rows(described: Json) -> None:
    for each in described["paths"]["/api/v1/campaigns"]["get"]["parameters"]:
        if each["name"] == "limit":
            each["schema"]["maximum"] = 100


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_drop_a_route, "GET /api/v1/schedules is gone"),
        (_drop_a_field, "items[].revision is gone"),
        (_let_a_field_be_null, "items[].name may be null now"),
        (_need_a_field, "body.plan is needed now"),
        (_take_fewer_kinds, "body.price no longer takes null, number"),
        (_take_fewer_rows, "query limit has a tighter maximum"),
    ],
)
def test_a_broken_promise_is_seen(now: Json, change: Callable[[Json], None], fault: str) -> None:
    other = copy.deepcopy(now)
    change(other)
    assert any(fault in each for each in broken(now, other))
    assert broken(now, now) == []


def test_every_code_has_a_meaning_and_a_page(desk: httpx.Client) -> None:
    of_class, given = r'^    code(?:: str)? = "(\w+)"|^TOO_OFTEN = "(\w+)"', r'code="(\w+)"'
    of_edge = r'return \d+, "(\w+)",|^    4\d\d: "(\w+)",'
    code = re.compile(f"{of_class}|{given}|{of_edge}", re.MULTILINE)
    layers = ("domain", "flow", "store", "web")
    texts = [path.read_text() for layer in layers for path in (ROOT / "campaigns" / layer).rglob("*.py")]
    codes = {next(filter(None, each)) for text in texts for each in code.findall(text)}
    assert {"invalid_input", "too_often", "forged", "too_slow", "plan_missing"} <= codes
    assert codes - set(MEANINGS) == set()
    listed = desk.get("/problems").text
    for each in sorted(MEANINGS):
        assert f'href="/problems/{each}"' in listed
    assert "If-Match" in desk.get("/problems/revision_missing").text
    assert desk.get("/problems/nothing").status_code == 404


def test_the_reference_has_every_route(now: Json, desk: httpx.Client) -> None:
    shown = desk.get("/api/docs")
    assert shown.status_code == 200
    for each in every(now):
        assert f"{each.method.upper()} {each.path}" in shown.text
    assert "Needed" in shown.text
    assert desk.get("/api/v1/openapi.json").json()["openapi"] == now["openapi"]
