"""Who gets through which door: every route of the application x every right, made from the routes themselves."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.sse import EventSourceResponse

from campaigns.domain.access.rights import Principal, Right
from campaigns.settings import load_settings
from campaigns.store.database.engine import Store, open_store
from campaigns.web.app import desk_app
from campaigns.web.desk import Desk, May
from campaigns.wiring import Parts
from tests.clock import DrivenClock
from tests.web.pages.access.doors import operator, trail
from tests.web.served import SECRET, running
from tests.world import ACCOUNT, World

OPEN = frozenset(
    {
        *("GET /login", "POST /login", "GET /welcome", "POST /welcome", "GET /static"),
        *("GET /livez", "GET /readyz", "GET /metrics", "GET /.well-known/security.txt", "GET /api/v1/openapi.json"),
    }
)
"""Routes for whoever is not known yet. A new route is not among them unless somebody writes it here."""

OTHER = "acct_other"

OF_ONES_OWN: dict[str, Any] = {"session_id": 1, "address": "127.0.0.1"}

PEOPLE = {
    **{str(right): Principal("anna", frozenset({right}), None, **OF_ONES_OWN) for right in Right},
    "stranger": Principal("ben", frozenset(Right), frozenset({OTHER}), **OF_ONES_OWN),
}
"""A principal of each right, and one who has all of them on another account."""

SAFE = {"GET", "HEAD"}

VALUES = {"account": ACCOUNT, "account_id": ACCOUNT, "name": "anna", "user_id": "1", "user": "1"}
"""What stands in a path; whatever is not here is a number."""

WHAT_WAS_ASKED = re.compile(f'Account {ACCOUNT} is not known here|There is no account {ACCOUNT}|value="{ACCOUNT}"')
"""A refusal and a search repeat what somebody typed."""

OF_ANY_NUMBER = {
    *("GET /api/v1/fans/{user}", "GET /fans/{user}"),  # a fan of hidden accounts looks like a fan of nobody
    "GET /api/v1/campaigns/{campaign_id}/backfill",  # refused before that, since no range is given
}

WORDS = {"rights": ["viewer"], "accounts": "", "expires": "90", "is_on": "yes"}


@dataclasses.dataclass(frozen=True)
class Door:
    """One method of one route."""

    method: str
    path: str
    may: May | None
    dependant: Dependant | None
    is_stream: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_for_programs(self) -> bool:
        return self.path.startswith(("/api/", "/events"))

    @property
    def address(self) -> str:
        address = self.path
        for part in address.split("/"):
            if part.startswith("{"):
                address = address.replace(part, VALUES.get(part.strip("{}").partition(":")[0], "1"))
        return address


@pytest.fixture(scope="module")
def store(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A run of one account that waits to be sent, and another account; shared by these tests."""
    clock = DrivenClock()
    path = tmp_path_factory.mktemp("doors") / "campaigns.db"
    opened = open_store(f"sqlite:///{shutil.copy(sqlite_template, path)}", clock=clock)
    world = World(opened, clock)
    world.launched(users=[1, 2, 3])
    world.account(OTHER)
    operator(opened, "anna", Right.ADMIN)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def desk(store: Store) -> Iterator[httpx.Client]:
    """A desk that takes everybody at their word: the name in a header."""

    def identify(request: Request) -> Principal | None:
        return PEOPLE.get(request.headers.get("x-who", ""))

    with (
        running(Desk(Parts(load_settings(), store), SECRET, identify)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def doors(store: Store) -> list[Door]:
    app = desk_app(Desk(Parts(load_settings(), store), SECRET, lambda request: None))
    return [door for context in iter_route_contexts(app.routes) for door in _doors(context)]


def test_every_route_names_the_right_that_it_needs(doors: list[Door]) -> None:
    assert len(doors) > len(OPEN)
    unguarded = {door.name for door in doors if door.may is None}
    assert unguarded <= OPEN, "a new route needs a parameter such as `by: Viewer`"
    assert not [door.name for door in doors if door.may is not None and door.name in OPEN]


def test_a_request_of_nobody_is_refused_on_every_route(desk: httpx.Client, doors: list[Door], store: Store) -> None:
    before = len(trail(store))
    faults = []
    for door in guarded(doors):
        reply = send(desk, door, "nobody")
        is_refused = (
            reply.status_code == 401 if door.is_for_programs else reply.headers.get("location", "").startswith("/login")
        )
        faults += [] if is_refused else [f"{door.name}: {reply.status_code}"]
    assert faults == []
    assert len(trail(store)) == before


@pytest.mark.parametrize("who", [str(right) for right in Right])
def test_each_right_gets_through_where_it_is_enough_and_nowhere_else(
    who: str, desk: httpx.Client, doors: list[Door], store: Store
) -> None:
    by = PEOPLE[who]
    faults = []
    before = len(trail(store))
    for door in guarded(doors):
        assert door.may is not None
        if by.may(door.may.any_of):
            continue
        reply = send(desk, door, who, filled=True)
        faults += [] if reply.status_code == 403 else [f"{who} at {door.name}: {reply.status_code}, not 403"]
    assert len(trail(store)) == before
    for door in guarded(doors):
        assert door.may is not None
        if not by.may(door.may.any_of) or door.is_stream:
            continue
        reply = send(desk, door, who)
        is_through = reply.status_code not in {401, 403} and not reply.headers.get("location", "").startswith("/login?")
        faults += [] if is_through or door.path == "/logout" else [f"{who} at {door.name}: {reply.status_code}"]
        is_fault = reply.status_code >= 500 and '"pacer_away"' not in reply.text  # this desk has no Redis
        faults += [f"{who} at {door.name}: {reply.status_code} {reply.text}"] if is_fault else []
    assert faults == []


def test_a_forged_form_is_refused_on_every_route_that_changes_something(
    desk: httpx.Client, doors: list[Door], store: Store
) -> None:
    """By Fetch Metadata; the routes take turns with the other marks: the origin, and neither without a token."""
    others: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ]
    before = len(trail(store))
    faults = [
        f"{door.name} with {mark}: {reply.status_code}"
        for number, door in enumerate(door for door in doors if door.method not in SAFE)
        for mark in ({"Sec-Fetch-Site": "cross-site"}, others[number % len(others)])
        if (reply := send(desk, door, "admin", filled=True, marks=mark)).status_code != 403
        or reply.json()["code"] != "forged"
    ]
    assert faults == []
    assert len(trail(store)) == before


def test_who_has_rights_on_another_account_sees_and_changes_nothing_of_this_one(
    desk: httpx.Client, doors: list[Door], store: Store
) -> None:
    before = len(trail(store))
    faults = []
    for door in guarded(doors):
        if door.is_stream or door.path.startswith(("/me", "/logout")):
            continue
        reply = send(desk, door, "stranger", filled=True)
        if ACCOUNT in WHAT_WAS_ASKED.sub("", reply.text.replace(door.address, "")):
            faults.append(f"{door.name} shows {ACCOUNT}: {reply.status_code}")
        if reply.status_code >= 500 and '"pacer_away"' not in reply.text:
            faults.append(f"{door.name}: {reply.status_code} {reply.text}")
        is_about_one = "{" in door.path and door.method in SAFE and door.name not in OF_ANY_NUMBER
        if is_about_one and reply.status_code not in {403, 404}:
            faults.append(f"{door.name}: {reply.status_code}, not 404")
    changed = [(each.kind, each.account) for each in trail(store)[before:] if each.account != OTHER]
    assert faults == []
    assert changed == []


def guarded(doors: list[Door]) -> list[Door]:
    return [door for door in doors if door.may is not None]


def send(desk: httpx.Client, door: Door, who: str, *, filled: bool = False, marks: dict[str, str] | None = None) -> Any:
    """Ask at a door; `filled`: with fields that are not refused for their types."""
    headers = {"x-who": who, **({"Sec-Fetch-Site": "same-origin"} if marks is None else marks)}
    given: dict[str, Any] = {}
    if door.method not in SAFE and filled and door.dependant is not None:
        given = _body(door)
        headers["Idempotency-Key"] = f"{who} {door.name}"[:255]
    return desk.request(door.method, door.address, headers=headers, **given)


def _doors(context: RouteContext) -> Iterator[Door]:
    dependant = getattr(context, "dependant", None)
    is_stream = isinstance(dependant, Dependant) and context.response_class is EventSourceResponse
    for method in sorted((context.methods or {"GET"}) - {"HEAD"}):
        yield Door(method, str(context.path), _may(dependant), dependant, is_stream)


def _may(dependant: Dependant | None) -> May | None:
    if dependant is None:
        return None
    if isinstance(dependant.call, May):
        return dependant.call
    return next((found for each in dependant.dependencies if (found := _may(each)) is not None), None)


def _body(door: Door) -> dict[str, Any]:
    """Fields of the right types. What they hold may be refused; it is not what is asked here."""
    params = [each for one in _flat(door.dependant) for each in one.body_params]
    if any(type(each.field_info).__name__ == "Form" for each in params):
        return {"data": {each.name: WORDS.get(each.name, "a text of some length") for each in params}}
    if not params:
        return {}
    values = {each.name: _value(each.name, each.field_info.annotation) for each in params}
    return {"json": next(iter(values.values())) if len(values) == 1 else values}


def _flat(dependant: Dependant | None) -> Iterator[Dependant]:
    if dependant is not None:
        yield dependant
        for each in dependant.dependencies:
            yield from _flat(each)


def _value(name: str, kind: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        hints = {each.name: each.type for each in dataclasses.fields(kind) if _is_required(each)}
        return {each: _value(each, hint) for each, hint in hints.items()}
    of = {*get_args(kind), kind}
    if int in of or "int" in str(kind):
        return 1
    return WORDS.get(name, "a text of some length")


def _is_required(each: dataclasses.Field[Any]) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
