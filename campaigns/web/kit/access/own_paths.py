"""Where somebody wanted to go before they logged in: only ever a path of this desk."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from fastapi import Request

START = "/"

LONGEST = 2000

IS_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*").fullmatch
"""A path and a query in visible ASCII without a backslash: browsers read `//host` and `/\\host` as another site."""

DOORS = ("/login", "/logout", "/welcome")


def own_path(text: str | None) -> str:
    """The text if it is a path of this desk, else the start page."""
    if not text or len(text) > LONGEST or not IS_PATH(text) or text.partition("?")[0] in DOORS:
        return START
    return text


def login_address(request: Request) -> str:
    """The login page, which goes on to the page that was asked for. A form that was sent is not sent again."""
    path = request.url.path
    if request.method == "GET" and request.url.query:
        path = f"{path}?{request.url.query}"
    to = own_path(path)
    return "/login" if to == START else f"/login?{urlencode({'to': to})}"
