"""The vendor accounts that campaigns send from: `/api/v1/accounts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK, Right
from campaigns.domain.errors import InputFault, InvalidInput, NotFound
from campaigns.domain.probe.reading import ProbeReading
from campaigns.flow.access.allow import allow_account
from campaigns.flow.accounts.accounts import (
    AccountHours,
    Added,
    Renamed,
    add_account,
    set_account,
    set_name,
)
from campaigns.flow.accounts.release import Released, ReleasePreview, preview_release, release_account
from campaigns.flow.accounts.remove import Removed, remove_account
from campaigns.inputs.times import parse_zone
from campaigns.store.database.engine import Store
from campaigns.store.database.parts import Part
from campaigns.store.probe.results import latest_probe
from campaigns.store.views.accounts import AccountView, accounts
from campaigns.store.views.pages.account_now import account_now
from campaigns.web.desk import Admin, Here, Sender, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.seen import require_seen, seen
from campaigns.web.kit.sent.bodies import STRICT, WithReason

routes = APIRouter(prefix="/accounts", tags=["accounts"])

ADMIN = frozenset({Right.ADMIN})
SEND = frozenset({Right.SENDER})


@dataclass(frozen=True, slots=True)
class AddBody:
    """An account to send from. The vendor is not asked about it: its first request shows whether the key sees it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: str
    name: str | None = None
    zone: str | None = None
    hours: str | None = None


@dataclass(frozen=True, slots=True)
class HoursBody:
    """When an account may send; what is not given stays."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    hours: str | None = None
    zone: str | None = None
    clear: Annotated[list[str], Field(max_length=1)] = ()  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class NameBody:
    """What people call an account; an empty name removes it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str


@dataclass(frozen=True, slots=True)
class ReleaseBody:
    """What was corrected. `seen` is from the reply that showed what goes on, so that nothing else is released."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    seen: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """What a release of the account would lift, on its team too, and the runs that go on then."""

    seen: str  # names exactly this; send it back to let it happen
    follows: ReleasePreview


@routes.get("", response_model=Page[AccountView])
def list_accounts(desk: Here, by: Viewer, *, limit: Limit = 50, cursor: After = None) -> Response:
    """The accounts, by ID, with what each waits for and what holds it."""
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "accounts", {"of": of}, cursor)
    with desk.store.read() as connection:
        rows = accounts(connection, by.accounts, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: row.id))


@routes.post("", response_model=Added, status_code=201)
def add(request: Request, desk: Here, by: Admin, body: AddBody, key: IdempotencyKey = None) -> Response:
    """Let campaigns send from an account, or bring back one that was removed."""
    allow_account(by, ADMIN, body.id)
    _refuse_zone(body.zone)

    def verb(store: Store) -> Added:
        upstream, of_it = desk.parts.upstream_name, {"name": body.name, "zone": body.zone, "hours": body.hours}
        return add_account(store, body.id, upstream=upstream, team=None, actor=by.actor, **of_it)

    return done_once(request, desk.store, by, key, body, verb, status=201, required=False)


@routes.post("/{account}/hours", response_model=AccountHours)
def set_hours(
    request: Request, desk: Here, by: Admin, account: str, body: HoursBody, key: IdempotencyKey = None
) -> Response:
    """Change when an account may send. Its open runs follow it from their next send on."""
    allow_account(by, ADMIN, account)
    _refuse_zone(body.zone)
    if any(each != "hours" for each in body.clear):
        raise InvalidInput(InputFault("can name hours only", "clear"))

    def verb(store: Store) -> AccountHours:
        clear = bool(body.clear)
        return set_account(store, account, hours=body.hours, zone=body.zone, clear_hours=clear, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/{account}/name", response_model=Renamed)
def rename(
    request: Request, desk: Here, by: Admin, account: str, body: NameBody, key: IdempotencyKey = None
) -> Response:
    """Change what people call an account, and nothing else."""
    allow_account(by, ADMIN, account)

    def verb(store: Store) -> Renamed:
        return set_name(store, account, body.name, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/{account}/remove", response_model=Removed)
def remove(
    request: Request, desk: Here, by: Admin, account: str, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Hide an account from which nothing is sent any longer. No row is deleted; adding it again brings it back."""
    allow_account(by, ADMIN, account)

    def verb(store: Store) -> Removed:
        return remove_account(store, account, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.get("/{account}/release", response_model=ReleaseSeen)
def show_release(desk: Here, by: Sender, account: str) -> Response:
    """What a release of the account would lift, on its team too. Changes nothing."""
    allow_account(by, SEND, account)
    follows = preview_release(desk.store, account)
    return answer(ReleaseSeen(seen(follows), follows))


@routes.post("/{account}/release", response_model=Released)
def release(
    request: Request, desk: Here, by: Sender, account: str, body: ReleaseBody, key: IdempotencyKey = None
) -> Response:
    """Lift the holds on an account, and those on its team, if they are those that the caller saw. A stop stays."""
    allow_account(by, SEND, account)

    def verb(store: Store) -> Released:
        follows = preview_release(store, account)
        if follows.accounts:
            allow_account(by, SEND, None)  # the whole team sends again
        require_seen(follows, body.seen, now=follows.in_numbers)
        return release_account(store, account, reason=body.reason, actor=by.actor, shown=follows)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.get("/{account}/probe", response_model=ProbeReading)
def show_probe(desk: Here, by: Viewer, account: str) -> Response:
    """What the newest probe of an account learned about the vendor."""
    allow_account(by, LOOK, account)
    with desk.store.read() as connection:
        account_now(connection, account)  # raises NotFound for an account that does not exist
        reading = latest_probe(connection, account)
    if reading is None:
        raise NotFound(f"No probe of account {account} was read yet.")
    return answer(reading)


def _refuse_zone(zone: str | None) -> None:
    if zone is not None:
        parse_zone(zone)
