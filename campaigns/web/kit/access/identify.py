"""Who is behind a request, and the cookie of their session."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import NotIdentified
from campaigns.flow.access.log_in import Browser
from campaigns.flow.access.who_asks import who_has_session, who_has_token
from campaigns.web.desk import desk_of

COOKIE_LASTS = timedelta(days=7)
"""As long as a session at most; the server ends it earlier when nobody uses it."""


def identify(request: Request) -> Principal | None:
    """The operator of the token, or of the session; None: neither is there, or the session has ended.

    Where there is an Authorization header, only that counts: the guard lets a request without the marks of a browser
    pass for it alone. Raises NotIdentified for a token that does not work here, with the reason.
    """
    desk = desk_of(request)
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            raise NotIdentified("The Authorization header must be `Bearer` and a token of this desk.")
        live = desk.parts.settings.is_live
        return who_has_token(desk.store, token.strip(), is_live=live, address=address_of(request))
    session = request.cookies.get(cookie_name(request))
    return None if not session else who_has_session(desk.store, session, address=address_of(request))


def browser_of(request: Request) -> Browser:
    """Where a login comes from."""
    return Browser(address_of(request) or "unknown", request.cookies.get(cookie_name(request)))


def address_of(request: Request) -> str | None:
    """The network address of whoever asks; behind a trusted proxy, the one that the proxy names."""
    return request.client.host if request.client else None


def cookie_name(request: Request) -> str:
    """The name of the session's cookie. Over https no other host and no plain http can set it.

    Cookies of loopback are shared by all ports, so the port is part of the name: desks side by side do not log each
    other out.
    """
    return "__Host-campaigns" if request.url.scheme == "https" else f"campaigns-{request.url.port or 80}"


def with_session(response: Response, request: Request, session: str | None) -> Response:
    """The reply, with the cookie of a session; None: without it from now on."""
    secure = request.url.scheme == "https"
    name = cookie_name(request)
    if session is None:
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
    else:
        age = round(COOKIE_LASTS.total_seconds())
        response.set_cookie(name, session, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")
    return response
