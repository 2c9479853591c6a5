"""The search box of every page: an ID leads to its page at once, other words to the campaigns with such a name."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from campaigns.web.desk import Viewer
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/search")

LARGEST_ID = 2**63 - 1

PLACES = (
    (re.compile(r"r(?:un )?(\d{1,19})", re.IGNORECASE), "/runs/{}"),
    (re.compile(r"c(?:ampaign )?(\d{1,19})", re.IGNORECASE), "/campaigns/{}"),
    (re.compile(r"(?:fan )?(\d{1,19})", re.IGNORECASE), "/fans/{}"),
    (re.compile(r"(acct_\w+)"), "/accounts/{}"),
)
"""What is typed, and where that leads."""


@routes.get("")
def search(request: Request, by: Viewer, q: str = "") -> Response:
    """Go to what the words name."""
    words = " ".join(q.split())
    if not words:
        return page(request, "search.html", by=by)
    return RedirectResponse(_place(words), status_code=303)


def _place(words: str) -> str:
    for pattern, place in PLACES:
        named = pattern.fullmatch(words)
        if named is not None and not (named[1].isdecimal() and int(named[1]) > LARGEST_ID):
            return place.format(quote(named[1], safe=""))
    return f"/campaigns?{urlencode({'name': words})}"
