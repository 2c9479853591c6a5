"""The page to return to after an act: the list or the month that a person came from, with its filter."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request

BACK = "back"
"""The parameter with the address."""

LONGEST = 1000


def back_of(request: Request, otherwise: str) -> str:
    """The address of the page that a person came from, if it is one of this desk; else `otherwise`."""
    address = request.query_params.get(BACK, "")
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_own and len(address) <= LONGEST else otherwise


def here(request: Request) -> str:
    """The parameter that lets an act return to the page of this request: `?back=...`."""
    query = "&".join(part for part in request.url.query.split("&") if part and not part.startswith("notice="))
    return f"?{BACK}={quote(request.url.path + (f'?{query}' if query else ''), safe='')}"
