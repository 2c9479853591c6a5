"""Pages: whole documents from Jinja templates, escaped by themselves, with what every page needs beside its own."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from campaigns import __version__
from campaigns.domain.access.rights import Principal
from campaigns.domain.printable import printable
from campaigns.store.holds.stops import open_stops
from campaigns.web.desk import desk_of
from campaigns.web.kit.remedies import links
from campaigns.web.kit.signing import opened, signed
from campaigns.web.kit.times import clock_of

FOLDER = Path(__file__).resolve().parent.parent / "templates"

FOR_PROGRAMS = ("/api/", "/events", "/livez", "/readyz", "/metrics", "/.well-known/")

NOTICE = "notice"
"""The parameter with which the page after an act says what was done."""


@cache
def environment() -> Environment:
    """The templates. A name that a template misspells is a fault, and every value is escaped.

    Characters that turn text round, or that nobody sees, are written out: a name of a campaign holds what people typed.
    The values of controls are written with `exact`, which escapes them and changes nothing.
    """
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["links"] = links
    made.filters["exact"] = _exact
    made.filters["month"] = lambda first: f"{first:%B %Y}"
    made.filters["day"] = lambda date: f"{date:%A, %d %B}"
    made.filters["count"] = lambda number: f"{number:,}"
    return made


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _exact(value: Any) -> Markup:
    """The value of a control, exactly: what a form shows is what it sends back, invisible characters too."""
    return Markup.escape("" if value is None else value)


def is_for_people(request: Request) -> bool:
    """Whether the reply is read in a browser, and not by a program."""
    return not request.url.path.startswith(FOR_PROGRAMS)


def page(
    request: Request, template: str, *, by: Principal | None = None, status_code: int = 200, **context: Any
) -> Response:
    """A whole page. Templates get the values of `context`, and `by`, `path`, `stops`, `is_live`, `vendor`, `notice`.

    `by`: who asks; without it, whoever a route before has identified. A page for nobody shows nothing of the desk. They
    print every time by `when(moment, zone_of_the_account)` and nothing else. A page that was read before and would be
    the same now is a 304 without a body. `is_followed`: the browser may read the page again whenever something changes,
    so it is a page for somebody who is logged in, and no reply to a form.
    """
    desk = desk_of(request)
    clock = clock_of(request)
    by = by or getattr(request.state, "by", None)
    with desk.store.read() as connection:
        stops = [] if by is None else [each for each in open_stops(connection) if _is_seen(by, each.account)]
        now = desk.store.now(connection)
    text = (
        environment()
        .get_template(template)
        .render(
            by=by,
            path=request.url.path,
            query=request.url.query,
            stops=stops,
            now=now,
            is_live=desk.parts.settings.is_live,
            vendor=desk.parts.upstream_name,
            notice=_notice(request, desk.secret),
            when=clock.print,
            clock=clock,
            version=__version__,
            is_followed=by is not None and request.method == "GET" and status_code == 200,
            **context,
        )
    )
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if status_code == 200 and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return HTMLResponse(text, status_code=status_code, headers={"ETag": etag})


def done(request: Request, address: str, sentence: str) -> Response:
    """After an act: go to a page, which says the sentence once at its top."""
    word = signed(desk_of(request).secret, NOTICE, sentence)
    joint = "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{joint}{NOTICE}={word}", status_code=303)


def _is_seen(by: Principal, account_id: str | None) -> bool:
    return account_id is None or by.sees(account_id)


def _notice(request: Request, secret: bytes) -> str | None:
    try:
        return str(opened(secret, NOTICE, request.query_params.get(NOTICE, "")))
    except ValueError:
        return None
