"""The pages of fans: a search, everything about one fan, and why a run did not reach them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from pyroaring import BitMap64
from starlette.responses import RedirectResponse, Response

from campaigns.domain.access.rights import LOOK, Right
from campaigns.domain.errors import InvalidInput
from campaigns.flow.access.allow import allow_account, allow_run
from campaigns.flow.audience.suppress import suppress, unsuppress
from campaigns.flow.audience.why_not_words import why_not_words
from campaigns.store.views.accounts import accounts
from campaigns.store.views.suppressions import suppressions_of
from campaigns.store.views.who import who, why_not
from campaigns.web.desk import Editor, Here, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page
from campaigns.web.pages.audience.users import WHAT_IT_REACHES, UserId, typed_user, where

routes = APIRouter(prefix="/fans")

MOST_SHOWN = 200
"""The page shows at most this many runs of a fan, and says so."""

EDIT = frozenset({Right.EDITOR})

RunNumber = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


@routes.get("")
def search(request: Request, by: Viewer, user: str = "") -> Response:
    """A field for the ID of a fan, which leads to the page of that fan."""
    if not user.strip():
        return page(request, "fans/search.html", by=by, user=user, fault=None)
    try:
        return RedirectResponse(f"/fans/{typed_user(user)}", status_code=303)
    except InvalidInput as refusal:
        return page(request, "fans/search.html", by=by, user=user, fault=refusal.faults[0].text, status_code=422)


@routes.get("/{user}")
def show(request: Request, desk: Here, by: Viewer, user: UserId, run: RunNumber = None) -> Response:
    """Everything about one fan; with `run`, why that run did not reach them."""
    if run is not None:
        allow_run(desk.store, by, LOOK, run)
    with desk.store.read() as connection:
        mentions = [each for each in who(connection, user) if by.sees(each.account)]
        suppressed = [
            each for each in suppressions_of(connection, user) if each.account is None or by.sees(each.account)
        ]
        verdict = None if run is None else why_not(connection, user, run)
        known = [each for each in accounts(connection) if by.sees(each.id)]
    return page(
        request,
        "fans/fan.html",
        by=by,
        user=user,
        mentions=mentions[:MOST_SHOWN],
        most=MOST_SHOWN,
        is_more=len(mentions) > MOST_SHOWN,
        suppressed=suppressed,
        verdict=verdict,
        why="" if verdict is None else why_not_words(verdict),
        accounts=known,
        zones={each.id: each.zone for each in known},
        may_edit=by.may(EDIT),
    )


@routes.get("/{user}/suppress")
def ask_to_suppress(request: Request, by: Editor, user: UserId, account: str = "") -> Response:
    """Ask whether the fan is to get nothing more."""
    allow_account(by, EDIT, account or None)
    sentence = f"Nothing more is sent to fan {user} from {where(account)}. {WHAT_IT_REACHES}"
    question = Question(f"Suppress fan {user}", sentence, "Suppress", f"/fans/{user}", fields={"account": account})
    return ask(request, by, question)


@routes.post("/{user}/suppress")
def suppress_one(
    request: Request,
    desk: Here,
    by: Editor,
    user: UserId,
    reason: Annotated[str, Form()],
    key: Annotated[str, Form()],
    account: Annotated[str, Form()] = "",
) -> Response:
    """Send nothing more to the fan."""
    allow_account(by, EDIT, account or None)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key, "account": account},
        lambda store: suppress(store, BitMap64([user]), account_id=account or None, reason=reason, actor=by.actor),
        to=f"/fans/{user}",
        sentence=f"Fan {user} is suppressed on {where(account)}.",
    )


@routes.get("/{user}/unsuppress")
def ask_to_unsuppress(request: Request, by: Editor, user: UserId, account: str = "") -> Response:
    """Ask whether the fan may be sent to again."""
    allow_account(by, EDIT, account or None)
    sentence = (
        f"Fan {user} is no longer suppressed on {where(account)}, and may be sent to from the next plan on. Plans "
        "made before still leave the fan out."
    )
    question = Question(
        f"Let fan {user} be sent to", sentence, "Let them be sent to", f"/fans/{user}", fields={"account": account}
    )
    return ask(request, by, question)


@routes.post("/{user}/unsuppress")
def unsuppress_one(
    request: Request,
    desk: Here,
    by: Editor,
    user: UserId,
    reason: Annotated[str, Form()],
    key: Annotated[str, Form()],
    account: Annotated[str, Form()] = "",
) -> Response:
    """Let the fan be sent to again."""
    allow_account(by, EDIT, account or None)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key, "account": account},
        lambda store: unsuppress(store, BitMap64([user]), account_id=account or None, reason=reason, actor=by.actor),
        to=f"/fans/{user}",
        sentence=f"Fan {user} may be sent to again on {where(account)}.",
    )
