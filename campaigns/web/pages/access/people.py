"""Everybody who may use the desk: for admins of every account."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from campaigns.domain.access.rights import Right
from campaigns.flow.access.four_eyes import choose_four_eyes
from campaigns.flow.access.login_links import LinkMade, make_link
from campaigns.flow.access.operators import (
    Added,
    add_operator,
    disable_operator,
    enable_operator,
    end_every_session,
    set_operator,
)
from campaigns.store.views.people.operators import operator_view, people, sessions_of, tokens
from campaigns.web.desk import Here
from campaigns.web.kit.access.people import AdminOfAll, OperatorName
from campaigns.web.kit.access.shown_once import Shown
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import done, page
from campaigns.web.pages.access.forms import Key, May, Word
from campaigns.web.pages.access.token_form import made_token, token_form

routes = APIRouter(prefix="/people")

OPERATOR = "/operators/{name}"


@routes.get("")
def list_people(request: Request, desk: Here, by: AdminOfAll) -> Response:
    """Every operator, every token, and the rules."""
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        return page(request, "access/people.html", by=by, people=people(connection), tokens=tokens(connection, now=now))


@routes.get("/add")
def ask_to_add(request: Request, by: AdminOfAll) -> Response:
    """The form for a new operator."""
    return page(request, "access/new_operator.html", by=by, rights=list(Right), key=secrets.token_urlsafe(24))


@routes.post("/add")
def add(request: Request, by: AdminOfAll, key: Key, name: Word, may: May) -> Response:
    """Add an operator, and show the login link once."""
    shown = Shown[Added](request, by, {"key": key, "name": name, **may.as_key()})
    rights, accounts = may.chosen_rights, may.chosen_accounts
    return shown.page(
        lambda store: add_operator(store, name, rights, accounts, actor=by.actor), "access/added.html", back="/people"
    )


@routes.get("/four-eyes")
def ask_four_eyes(request: Request, desk: Here, by: AdminOfAll) -> Response:
    """Ask whether the rule is to be turned on, or off."""
    with desk.store.read() as connection:
        is_on = people(connection).four_eyes
    sentence = "Whoever wrote the newest revision of a campaign may launch it themselves again."
    if not is_on:
        sentence = "Nobody launches a campaign whose newest revision they wrote; somebody else has to."
    fields = {"is_on": "no" if is_on else "yes"}
    question = Question(
        "Four eyes", sentence, "Turn it off" if is_on else "Turn it on", "/people", False, fields=fields
    )
    return ask(request, by, question)


@routes.post("/four-eyes")
def four_eyes(request: Request, desk: Here, by: AdminOfAll, key: Key, is_on: Word) -> Response:
    """Turn the rule on or off."""
    wanted = is_on == "yes"
    return act_once(
        request,
        desk.store,
        by,
        {"key": key, "is_on": is_on},
        lambda store: choose_four_eyes(store, is_on=wanted, actor=by.actor),
        to="/people",
        sentence=f"The rule of four eyes is {'on' if wanted else 'off'}.",
    )


@routes.get(OPERATOR)
def show_operator(request: Request, desk: Here, by: AdminOfAll, name: OperatorName) -> Response:
    """One operator: rights, sessions, tokens."""
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        return page(
            request,
            "access/operator.html",
            by=by,
            operator=operator_view(connection, name),
            sessions=sessions_of(connection, name, now=now),
            tokens=tokens(connection, now=now, operator=name),
            rights=list(Right),
        )


@routes.post(f"{OPERATOR}/may")
def change(request: Request, desk: Here, by: AdminOfAll, name: OperatorName, may: May) -> Response:
    """Change the rights and the accounts."""
    accounts = may.chosen_accounts
    set_operator(
        desk.store,
        name,
        rights=may.chosen_rights,
        accounts=accounts,
        every_account=accounts is None,
        actor=by.actor,
    )
    return done(request, _of(name), f"The rights of {name} are changed.")


@routes.get(f"{OPERATOR}/link")
def ask_for_link(request: Request, by: AdminOfAll, name: OperatorName) -> Response:
    """Ask whether a login link is to be made."""
    sentence = f"Whoever opens the link within 15 minutes chooses a new password for {name}, once."
    return ask(request, by, Question("Login link", sentence, "Make the link", _of(name), needs_reason=False))


@routes.post(f"{OPERATOR}/link")
def link(request: Request, by: AdminOfAll, name: OperatorName, key: Key) -> Response:
    """Make a login link, and show it once."""
    shown = Shown[LinkMade](request, by, {"key": key})
    return shown.page(lambda store: make_link(store, name, actor=by.actor), "access/link.html", back=_of(name))


@routes.get(f"{OPERATOR}/disable")
def ask_to_disable(request: Request, by: AdminOfAll, name: OperatorName) -> Response:
    """Ask whether an operator is to be disabled."""
    sentence = f"{name} can no longer log in, every session of {name} ends, and no token of {name} works."
    return ask(request, by, Question(f"Disable {name}", sentence, "Disable", _of(name)))


@routes.post(f"{OPERATOR}/disable")
def disable(request: Request, desk: Here, by: AdminOfAll, name: OperatorName, key: Key, reason: Word) -> Response:
    """Disable an operator."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key, "reason": reason},
        lambda store: disable_operator(store, name, reason=reason, actor=by.actor),
        to=_of(name),
        sentence=f"{name} is disabled.",
    )


@routes.get(f"{OPERATOR}/enable")
def ask_to_enable(request: Request, by: AdminOfAll, name: OperatorName) -> Response:
    """Ask whether an operator is to be enabled again."""
    sentence = f"{name} can log in with the password from before, and the tokens of {name} work again."
    return ask(request, by, Question(f"Enable {name}", sentence, "Enable", _of(name), needs_reason=False))


@routes.post(f"{OPERATOR}/enable")
def enable(request: Request, desk: Here, by: AdminOfAll, name: OperatorName, key: Key) -> Response:
    """Enable an operator."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: enable_operator(store, name, actor=by.actor),
        to=_of(name),
        sentence=f"{name} is enabled.",
    )


@routes.get(f"{OPERATOR}/sessions/end")
def ask_to_end(request: Request, by: AdminOfAll, name: OperatorName) -> Response:
    """Ask whether every session of an operator is to end."""
    question = Question("End sessions", f"Every session of {name} ends.", "End them", _of(name), needs_reason=False)
    return ask(request, by, question)


@routes.post(f"{OPERATOR}/sessions/end")
def end(request: Request, desk: Here, by: AdminOfAll, name: OperatorName, key: Key) -> Response:
    """End every session of an operator."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: end_every_session(store, name, actor=by.actor),
        to=_of(name),
        sentence=f"Every session of {name} has ended.",
    )


@routes.get(f"{OPERATOR}/tokens/new")
def ask_for_token(request: Request, desk: Here, by: AdminOfAll, name: OperatorName) -> Response:
    """The form for a token of an operator."""
    return token_form(request, desk, by, name, back=_of(name))


@routes.post(f"{OPERATOR}/tokens/new")
def new_token(
    request: Request,
    desk: Here,
    by: AdminOfAll,
    name: OperatorName,
    key: Key,
    named: Word,
    may: May,
    expires: Word = "90",
) -> Response:
    """Make a token of an operator, and show it once."""
    return made_token(request, desk, by, name, {"key": key, "name": named, "expires": expires, **may.as_key()}, may)


def _of(name: str) -> str:
    return f"/people/operators/{quote(name)}"
