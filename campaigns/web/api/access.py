"""Who may do what: `/api/v1/me`, `/api/v1/operators` and `/api/v1/tokens`.

What is made here holds a secret, so its answer is kept for no idempotency key: a key would keep the secret in a row. A
request that is repeated makes another token, or is refused for the name that is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from campaigns.domain.access.rights import Right
from campaigns.domain.access.typed import LONGEST_NAME, LONGEST_TOKEN_AGE, chosen_rights
from campaigns.flow.access.four_eyes import FourEyes, choose_four_eyes
from campaigns.flow.access.login_links import LinkMade, make_link
from campaigns.flow.access.operators import (
    Added,
    add_operator,
    disable_operator,
    enable_operator,
    end_every_session,
    set_operator,
)
from campaigns.flow.access.tokens import TokenMade, Wanted, make_token, revoke_token
from campaigns.store.views.people.operators import OperatorView, People, TokenView, operator_view, people, tokens
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.access.people import NAME, AdminOfAll, Number, OperatorName
from campaigns.web.kit.answers import answer

routes = APIRouter(tags=["access"])

OPERATOR = "/operators/{name}"


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, and what they may do with this token or session."""

    name: str
    rights: list[Right]
    accounts: list[str] | None  # null: every account
    token: str | None  # its name; null: a session


@dataclass(frozen=True, slots=True)
class NewOperator:
    """Somebody to be added."""

    name: str
    rights: list[str]
    accounts: list[str] | None = None  # null: every account
    has_login: bool = True  # false: a program, which has tokens only


@dataclass(frozen=True, slots=True)
class ChangedOperator:
    """What somebody may do from now on; all of it."""

    rights: list[str]
    accounts: list[str] | None = None  # null: every account


@dataclass(frozen=True, slots=True)
class WithReason:
    """Why somebody acts; the audit keeps it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions there were."""

    sessions: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether the rule of four eyes is on."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class TokenWanted:
    """A token to be made."""

    name: str
    rights: list[str]
    operator: str | None = None  # null: who asks
    accounts: list[str] | None = None  # null: every account of its operator
    days: Annotated[int, Field(ge=1, le=LONGEST_TOKEN_AGE.days)] | None = None  # null: 90


@routes.get("/me", response_model=Me)
def me(by: Viewer) -> Response:
    """Who asks, and what they may do."""
    return answer(Me(by.name, sorted(by.rights), None if by.accounts is None else sorted(by.accounts), by.token))


@routes.get("/operators", response_model=People)
def list_operators(desk: Here, by: AdminOfAll) -> Response:  # noqa: ARG001 - its right
    """Every operator, and the rule of four eyes."""
    with desk.store.read() as connection:
        return answer(people(connection))


@routes.post("/operators", response_model=Added, status_code=201)
def add(desk: Here, by: AdminOfAll, body: NewOperator) -> Response:
    """Add an operator. The code of the login link is in this answer and nowhere else: `/welcome?code=...` takes it."""
    accounts = None if body.accounts is None else frozenset(body.accounts)
    rights = chosen_rights(body.rights)
    added = add_operator(desk.store, body.name, rights, accounts, actor=by.actor, has_link=body.has_login)
    return answer(added, status=201)


@routes.get(OPERATOR, response_model=OperatorView)
def show(desk: Here, by: AdminOfAll, name: OperatorName) -> Response:  # noqa: ARG001 - its right
    """One operator."""
    with desk.store.read() as connection:
        return answer(operator_view(connection, name))


@routes.put(f"{OPERATOR}/rights", response_model=OperatorView)
def change(desk: Here, by: AdminOfAll, name: OperatorName, body: ChangedOperator) -> Response:
    """Change what an operator may do. More of it ends their sessions."""
    accounts = None if body.accounts is None else frozenset(body.accounts)
    rights = chosen_rights(body.rights)
    changed = set_operator(
        desk.store, name, rights=rights, accounts=accounts, every_account=accounts is None, actor=by.actor
    )
    return answer(changed)


@routes.post(f"{OPERATOR}/link", response_model=LinkMade, status_code=201)
def link(desk: Here, by: AdminOfAll, name: OperatorName) -> Response:
    """Make a login link for an operator. Its code is in this answer and nowhere else."""
    return answer(make_link(desk.store, name, actor=by.actor), status=201)


@routes.post(f"{OPERATOR}/disable", response_model=OperatorView)
def disable(desk: Here, by: AdminOfAll, name: OperatorName, body: WithReason) -> Response:
    """Let an operator do nothing more."""
    return answer(disable_operator(desk.store, name, reason=body.reason, actor=by.actor))


@routes.post(f"{OPERATOR}/enable", response_model=OperatorView)
def enable(desk: Here, by: AdminOfAll, name: OperatorName) -> Response:
    """Let a disabled operator log in again."""
    return answer(enable_operator(desk.store, name, actor=by.actor))


@routes.post(f"{OPERATOR}/sessions/end", response_model=Ended)
def end_sessions(desk: Here, by: AdminOfAll, name: OperatorName) -> Response:
    """End every session of an operator."""
    return answer(Ended(end_every_session(desk.store, name, actor=by.actor)))


@routes.put("/rules/four-eyes", response_model=FourEyes)
def four_eyes(desk: Here, by: AdminOfAll, body: Rule) -> Response:
    """Turn the rule of four eyes on or off."""
    return answer(choose_four_eyes(desk.store, is_on=body.is_on, actor=by.actor))


@routes.get("/tokens", response_model=list[TokenView])
def list_tokens(
    desk: Here, by: Viewer, operator: Annotated[str | None, Query(max_length=LONGEST_NAME, pattern=NAME)] = None
) -> Response:
    """Tokens, the newest first. Who is not an admin of every account sees their own."""
    sees_all = by.may(frozenset({Right.ADMIN})) and by.accounts is None
    with desk.store.read() as connection:
        return answer(tokens(connection, now=desk.store.now(connection), operator=operator if sees_all else by.name))


@routes.post("/tokens", response_model=TokenMade, status_code=201)
def create_token(desk: Here, by: Viewer, body: TokenWanted) -> Response:
    """Make a token of one's own; an admin, of anybody. Its text is in this answer and nowhere else."""
    wanted = Wanted(
        body.name,
        body.operator or by.name,
        chosen_rights(body.rights),
        None if body.accounts is None else frozenset(body.accounts),
        None if body.days is None else timedelta(days=body.days),
    )
    made = make_token(desk.store, wanted, is_live=desk.parts.settings.is_live, actor=by.actor, by=by)
    return answer(made, status=201)


@routes.post("/tokens/{token_id}/revoke", response_model=TokenView)
def revoke(desk: Here, by: Viewer, token_id: Number) -> Response:
    """Revoke a token; who is not an admin has only their own."""
    return answer(revoke_token(desk.store, token_id, actor=by.actor, by=by))
