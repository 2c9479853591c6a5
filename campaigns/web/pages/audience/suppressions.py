"""The pages of suppressions: the lists, their export, and adding to and removing from them by ID."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pyroaring import BitMap64
from starlette.responses import Response

from campaigns.as_lines import Form as FileForm
from campaigns.domain.access.rights import LOOK, Principal, Right
from campaigns.domain.errors import InvalidInput
from campaigns.flow.access.allow import allow_account
from campaigns.flow.audience.suppress import preview_suppress, preview_unsuppress, suppress, unsuppress
from campaigns.store.database.engine import Store
from campaigns.store.views.accounts import AccountView, accounts
from campaigns.store.views.suppressions import SuppressionView, suppressions_after
from campaigns.web.desk import Desk, Editor, Here, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.addresses import address
from campaigns.web.kit.lists import After, paged, place
from campaigns.web.kit.pages import page
from campaigns.web.kit.pieces import ROWS_AT_ONCE, in_pieces
from campaigns.web.pages.audience.users import MOST_TYPED, WHAT_IT_REACHES, typed_users, where

routes = APIRouter(prefix="/suppressions")

SHOWN = 100
"""Rows of one page."""

FOR_ALL = "all"
"""The list for all accounts, as the filter names it; the ID of an account begins otherwise."""

EDIT = frozenset({Right.EDITOR})

Text = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed about users; without a key, nobody was asked yet."""

    users: str = ""
    account: str = ""
    reason: str = ""
    key: str = ""


NOTHING = Typed()


@routes.get("")
def show(request: Request, desk: Here, by: Viewer, account: str = "", cursor: After = None) -> Response:
    """Who must not be sent to, by list and user ID."""
    at = place(desk, "page of suppressions", {"account": account, "of": by.accounts and sorted(by.accounts)}, cursor)
    rows = _rows(desk.store, by, account, at.after, SHOWN + 1)
    shown = paged(at, rows, SHOWN, _position)
    known = visible_accounts(desk, by)
    return page(
        request,
        "suppressions/list.html",
        by=by,
        rows=shown.items,
        account=account,
        accounts=known,
        zones={each.id: each.zone for each in known},
        most=SHOWN,
        is_first=cursor is None,
        more=None if shown.cursor is None else address("/suppressions", account=account, cursor=shown.cursor),
        exports={form: address("/suppressions/export", account=account, form=form) for form in ("csv", "jsonl")},
        may_edit=by.may(EDIT),
    )


@routes.get("/export")
def export(desk: Here, by: Viewer, form: FileForm = "csv", account: str = "") -> Response:
    """The same lists as a file."""

    def next_rows(last: SuppressionView | None) -> list[SuppressionView]:
        return _rows(desk.store, by, account, None if last is None else _position(last), ROWS_AT_ONCE)

    return in_pieces("suppressions", form, SuppressionView, next_rows)


@routes.get("/add")
def show_add(request: Request, desk: Here, by: Editor) -> Response:
    """The form for user IDs that must not be sent to."""
    return _form(request, desk, by, is_add=True)


@routes.post("/add")
def add(
    request: Request, desk: Here, by: Editor, users: Text, account: Text = "", reason: Text = "", key: Text = ""
) -> Response:
    """Ask whether these users are to get nothing more; with the key of that question, suppress them."""
    return _change(request, desk, by, Typed(users, account, reason, key), is_add=True)


@routes.get("/remove")
def show_remove(request: Request, desk: Here, by: Editor) -> Response:
    """The form for user IDs that may be sent to again."""
    return _form(request, desk, by, is_add=False)


@routes.post("/remove")
def remove(
    request: Request, desk: Here, by: Editor, users: Text, account: Text = "", reason: Text = "", key: Text = ""
) -> Response:
    """Ask whether these users may be sent to again; with the key of that question, let them."""
    return _change(request, desk, by, Typed(users, account, reason, key), is_add=False)


def visible_accounts(desk: Desk, by: Principal) -> list[AccountView]:
    """The accounts that somebody may see, by ID."""
    with desk.store.read() as connection:
        return [each for each in accounts(connection) if by.sees(each.id)]


def _rows(
    store: Store, by: Principal, account: str, after: Sequence[str | int] | None, limit: int
) -> list[SuppressionView]:
    """The next rows after a position of the list that a filter names; of those that `by` may see."""
    if account and account != FOR_ALL:
        allow_account(by, LOOK, account)
    lists: set[str | None] | None = None if by.accounts is None else {None, *by.accounts}
    if account:
        lists = {None if account == FOR_ALL else account}
    place_after = None if after is None else (str(after[0]), int(after[1]))
    with store.read() as connection:
        return suppressions_after(connection, lists, place_after, limit=limit)


def _position(row: SuppressionView) -> list[str | int]:
    return [row.account or "", int(row.user_id)]


def _change(request: Request, desk: Desk, by: Principal, typed: Typed, *, is_add: bool) -> Response:
    account_id = typed.account or None
    allow_account(by, EDIT, account_id)
    try:
        users = typed_users(typed.users)
    except InvalidInput as refusal:
        return _form(request, desk, by, typed, is_add=is_add, refusal=refusal)
    many = f"{len(users):,} {'user' if len(users) == 1 else 'users'}"
    if not typed.key:
        title = f"Suppress {many}" if is_add else f"Let {many} be sent to"
        sentence = _to_be_asked(desk.store, users, typed.account, is_add=is_add)
        fields = {"users": typed.users, "account": typed.account}
        act = "Suppress" if is_add else "Let them be sent to"
        return ask(request, by, Question(title, sentence, act, "/suppressions", fields=fields))
    change = suppress if is_add else unsuppress
    outcome = "suppressed" if is_add else "not suppressed"
    return act_once(
        request,
        desk.store,
        by,
        asdict(typed),
        lambda store: change(store, users, account_id=account_id, reason=typed.reason, actor=by.actor),
        to=address("/suppressions", account=typed.account or FOR_ALL),
        sentence=f"Now {outcome} on {where(typed.account)}: {many}.",
    )


def _to_be_asked(store: Store, users: BitMap64, account: str, *, is_add: bool) -> str:
    if is_add:
        new = preview_suppress(store, users, account_id=account or None)
        return (
            f"Nothing more is sent from {where(account)} to {new.added:,} of these {len(users):,} users; "
            f"{new.already:,} are suppressed already. {WHAT_IT_REACHES}"
        )
    gone = preview_unsuppress(store, users, account_id=account or None)
    return (
        f"{gone.removed:,} of these {len(users):,} users may be sent to again from {where(account)}, from the next "
        f"plan on; {gone.absent:,} are not suppressed there."
    )


def _form(
    request: Request,
    desk: Desk,
    by: Principal,
    typed: Typed = NOTHING,
    *,
    is_add: bool,
    refusal: InvalidInput | None = None,
) -> Response:
    return page(
        request,
        "suppressions/users.html",
        by=by,
        is_add=is_add,
        users=typed.users,
        account=typed.account,
        accounts=visible_accounts(desk, by),
        most=MOST_TYPED,
        fault=None if refusal is None else refusal.faults[0].text,
        status_code=200 if refusal is None else 422,
    )
