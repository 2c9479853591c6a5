"""Users who must not be sent to: `/api/v1/suppressions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from pyroaring import BitMap64
from starlette.responses import Response

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.flow.access.allow import allow_account
from campaigns.flow.audience.suppress import Suppressed, Unsuppressed, suppress, unsuppress
from campaigns.store.database.engine import Store
from campaigns.store.database.parts import Part
from campaigns.store.views.suppressions import SuppressionView, position_of, suppressions_seen
from campaigns.web.desk import Editor, Here, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.bodies import STRICT
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once

routes = APIRouter(prefix="/suppressions", tags=["suppressions"])

EDIT = frozenset({Right.EDITOR})

MOST_USERS = 10_000
"""At most this many users in one request; a file may have any number."""


@dataclass(frozen=True, slots=True)
class UsersBody:
    """The users, by their IDs as strings, and why."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    users: Annotated[list[str], Field(min_length=1, max_length=MOST_USERS)]
    reason: str
    account: str | None = None  # null: on all accounts


@routes.get("", response_model=Page[SuppressionView])
def list_suppressed(
    desk: Here, by: Viewer, *, account: str | None = None, limit: Limit = 50, cursor: After = None
) -> Response:
    """Suppressed users: on an account's own list, or on all lists."""
    if account is not None:
        allow_account(by, by.rights, account)
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "suppressions", {"account": account, "of": of}, cursor)
    with desk.store.read() as connection:
        rows = suppressions_seen(connection, account, by.accounts, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, position_of))


@routes.post("", response_model=Suppressed)
def add(request: Request, desk: Here, by: Editor, body: UsersBody, key: IdempotencyKey = None) -> Response:
    """Suppress users. From now on no request names them; they are taken out of batches that were not sent yet."""
    _allow(by, body)
    users = _users(body.users)

    def verb(store: Store) -> Suppressed:
        return suppress(store, users, account_id=body.account, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/remove", response_model=Unsuppressed)
def remove(request: Request, desk: Here, by: Editor, body: UsersBody, key: IdempotencyKey = None) -> Response:
    """Let users be sent to again, from the next plan on."""
    _allow(by, body)
    users = _users(body.users)

    def verb(store: Store) -> Unsuppressed:
        return unsuppress(store, users, account_id=body.account, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


def _allow(by: Principal, body: UsersBody) -> None:
    allow_account(by, EDIT, body.account)


def _users(texts: list[str]) -> BitMap64:
    """The users. Raises InvalidInput for an ID that is not one."""
    bad = [text for text in texts if parse_user(text) is None]
    if bad:
        listed = ", ".join(f"'{text[:40]}'" for text in bad[:5])
        what = "which is not a valid user ID" if len(bad) == 1 else "which are not valid user IDs"
        raise InvalidInput(
            InputFault(f"has {listed}, {what} (a whole number from 1 to {LARGEST_USER_ID})", "users"),
            closing="Nothing was changed.",
        )
    return BitMap64([int(text) for text in texts])
