"""Users who must not be sent to: `/api/v1/suppressions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from pyroaring import BitMap64
from starlette.responses import Response

from campaigns.adapters.disk.recipients import read_recipients
from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.audience.user_sets import LARGEST_USER_ID, pack, parse_user
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.flow.access.allow import allow_account
from campaigns.flow.audience.suppress import Suppressed, Unsuppressed, suppress, unsuppress
from campaigns.store.database.engine import Store
from campaigns.store.views.suppressions import SuppressionView, suppressions_after
from campaigns.web.desk import Editor, Here, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT
from campaigns.web.kit.sent.recipients import FileRead
from campaigns.web.kit.sent.uploads import SentFile

routes = APIRouter(prefix="/suppressions", tags=["suppressions"])

EDIT = frozenset({Right.EDITOR})

MOST_USERS = 10_000
"""At most this many users in one request; a file may have any number."""


FILE = {"type": "string", "format": "binary"}

BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": FILE}, "text/csv": {"schema": FILE}},
    }
}


@dataclass(frozen=True, slots=True)
class UsersBody:
    """The users, by their IDs as strings, and why."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    users: Annotated[list[str], Field(min_length=1, max_length=MOST_USERS)]
    reason: str
    account: str | None = None  # null: on all accounts


@dataclass(frozen=True, slots=True)
class Imported:
    """How many users are suppressed now, how many were before, and how their file was understood."""

    account: str | None  # null: on all accounts
    added: int
    already: int
    file: FileRead


@routes.get("", response_model=Page[SuppressionView])
def list_suppressed(
    desk: Here, by: Viewer, *, account: str | None = None, limit: Limit = 50, cursor: After = None
) -> Response:
    """Suppressed users: on an account's own list, or on all lists."""
    if account is not None:
        allow_account(by, by.rights, account)
    of = None if by.accounts is None else sorted(by.accounts)
    lists = [account] if account is not None else None if of is None else [None, *of]
    at = place(desk, "suppressions", {"account": account, "of": of}, cursor)
    with desk.store.read() as connection:
        rows = suppressions_after(connection, lists, at.after, limit=limit + 1)
    return answer(paged(at, rows, limit, lambda row: [row.account, int(row.user_id)]))


@routes.post("", response_model=Suppressed)
def add(request: Request, desk: Here, by: Editor, body: UsersBody, key: IdempotencyKey = None) -> Response:
    """Suppress users. From now on no request names them; they are taken out of batches that were not sent yet."""
    _allow(by, body)
    users = _users(body.users)

    def verb(store: Store) -> Suppressed:
        return suppress(store, users, account_id=body.account, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/import", response_model=Imported, openapi_extra=BODY)
def import_file(
    request: Request,
    desk: Here,
    by: Editor,
    file: SentFile,
    *,
    reason: Annotated[str, Query(max_length=1000)],
    account: str | None = None,
    sheet: Annotated[str | None, Query(max_length=200, description="The sheet of a workbook with several.")] = None,
    skip_bad: Annotated[bool, Query(description="Leave bad lines out.")] = False,
    key: IdempotencyKey = None,
) -> Response:
    """Suppress everybody in a file: CSV or .xlsx with a user_id column, JSON Lines, or one ID a line."""
    allow_account(by, EDIT, account)
    reading = read_recipients(file.stream, name=file.name, skip_bad=skip_bad, sheet=sheet)
    read = FileRead.of(reading)
    assert read is not None

    def verb(store: Store) -> Imported:
        made = suppress(store, reading.users, account_id=account, reason=reason, actor=by.actor)
        return Imported(made.account, made.added, made.already, read)

    body = {"users": pack(reading.users).sha256 if reading.users else "", "file": read}
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
