"""One's own page: password, sessions and tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from campaigns.flow.access.operators import change_password, end_every_session, end_one_session
from campaigns.flow.access.tokens import revoke_token
from campaigns.store.views.people.operators import operator_view, sessions_of, tokens
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.access.people import Number
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import done, page
from campaigns.web.pages.access.forms import Key, May, Word
from campaigns.web.pages.access.token_form import made_token, token_form

routes = APIRouter(prefix="/me")


@routes.get("")
def me(request: Request, desk: Here, by: Viewer) -> Response:
    """Who is logged in, and from where."""
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        return page(
            request,
            "access/me.html",
            by=by,
            operator=operator_view(connection, by.name),
            sessions=sessions_of(connection, by.name, now=now),
            tokens=tokens(connection, now=now, operator=by.name),
        )


@routes.get("/password")
def ask_password(request: Request, by: Viewer) -> Response:
    """The form for a new password."""
    return page(request, "access/password.html", by=by)


@routes.post("/password")
def set_password(request: Request, desk: Here, by: Viewer, old: Word, new: Word) -> Response:
    """Change the password; every other session ends."""
    ended = change_password(desk.store, by, old=old, new=new, secret=desk.secret)
    return done(request, "/me", f"The password is changed. Other sessions that ended: {ended}.")


@routes.get("/sessions/end")
def ask_to_end_others(request: Request, by: Viewer) -> Response:
    """Ask whether every other session is to end."""
    sentence = f"Every session of {by.name} ends, except the one of this browser."
    return ask(request, by, Question("End other sessions", sentence, "End them", "/me", needs_reason=False))


@routes.post("/sessions/end")
def end_others(request: Request, desk: Here, by: Viewer, key: Key) -> Response:
    """End every other session."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: end_every_session(store, by.name, actor=by.actor, keep=by.session_id),
        to="/me",
        sentence="Every other session has ended.",
    )


@routes.get("/sessions/{session_id}/end")
def ask_to_end(request: Request, by: Viewer, session_id: Number) -> Response:
    """Ask whether one session is to end."""
    question = Question("End a session", f"Session {session_id} ends.", "End it", "/me", needs_reason=False)
    return ask(request, by, question)


@routes.post("/sessions/{session_id}/end")
def end(request: Request, desk: Here, by: Viewer, session_id: Number, key: Key) -> Response:
    """End one session of one's own."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: end_one_session(store, by, by.name, session_id),
        to="/me",
        sentence=f"Session {session_id} has ended.",
    )


@routes.get("/tokens/new")
def ask_for_token(request: Request, desk: Here, by: Viewer) -> Response:
    """The form for a token of one's own."""
    return token_form(request, desk, by, by.name, back="/me")


@routes.post("/tokens/new")
def new_token(
    request: Request,
    desk: Here,
    by: Viewer,
    key: Key,
    named: Word,
    may: May,
    expires: Word = "90",
) -> Response:
    """Make a token, and show it once."""
    return made_token(request, desk, by, by.name, {"key": key, "name": named, "expires": expires, **may.as_key()}, may)


@routes.get("/tokens/{token_id}/revoke")
def ask_to_revoke(request: Request, by: Viewer, token_id: Number) -> Response:
    """Ask whether a token is to be revoked."""
    sentence = f"Token {token_id} no longer works. This cannot be undone."
    return ask(request, by, Question("Revoke a token", sentence, "Revoke it", "/me", needs_reason=False))


@routes.post("/tokens/{token_id}/revoke")
def revoke(request: Request, desk: Here, by: Viewer, token_id: Number, key: Key) -> Response:
    """Revoke a token; somebody who is not an admin has only their own."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: revoke_token(store, token_id, actor=by.actor, by=by),
        to="/me",
        sentence=f"Token {token_id} is revoked.",
    )
