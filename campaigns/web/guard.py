"""What is checked before any route, and the headers of every reply. Pure ASGI, so that a stream is not buffered."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.as_json import to_json

RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
"""The Content-Security-Policy of every reply: nothing inline, nothing from elsewhere, no text that becomes script."""

HEADERS = {
    "content-security-policy": "; ".join(RULES),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Set on every reply that does not set them itself."""

SAFE = {"GET", "HEAD", "OPTIONS"}

IS_HOST = re.compile(r"(?:[^/@?#\\ \[\]]+|\[[0-9A-Fa-f:.]+\](?::\d+)?)").fullmatch
"""A name or an address, with or without a port; of IPv6 nothing behind its bracket but the port."""

LARGEST_BODY = 1 << 20
"""Bytes of a request, except for the uploads of recipient files."""

UPLOADS = ("/api/v1/audiences", "/api/v1/suppressions/import", "/campaigns/new", "/suppressions/import")
WHOLE_UPLOADS = re.compile(r"/api/v1/campaigns(/\d+)?")
"""Paths whose bodies are files: routes read them as a stream, with a limit of their own."""

FORGED = "This request comes from another site. Open the desk itself and try again."
OTHER_HOST = (
    "This desk is not served under the name of this request. Use its own address, or name the host in its settings."
)
NO_TEXT = "The address of this request has the character U+0000, which no text has. Take it out."
LARGE = f"The request is larger than {LARGEST_BODY:,} bytes. Send less at once."


class Guard:
    """Refuses requests for another host, from another site, or too large; then sets the headers of the reply."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(each.lower() for each in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, code, sentence = refusal
            await _problem(status, code, sentence)(scope, receive, _with_headers(send))
            return
        await self._app(scope, _bounded(scope, headers, receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        if not is_own_host(headers.get("host", ""), self._hosts):
            return 421, "other_host", OTHER_HOST
        if scope["method"] not in SAFE and not is_same_site(headers):
            return 403, "forged", FORGED
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL fails on it
            return 400, "invalid", NO_TEXT
        length = headers.get("content-length", "0")
        if not takes_files(scope["path"]) and (not length.isdigit() or int(length) > LARGEST_BODY):
            return 413, "too_large", LARGE
        return None


def is_own_host(host: str, hosts: frozenset[str]) -> bool:
    """Whether a Host header names loopback or a configured host: another name may be DNS that was rebound."""
    name = (urlsplit(f"//{host}").hostname or "").lower() if _is_plain(host) else ""
    if name in hosts or host.lower() in hosts or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_same_site(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of the desk, or from no browser.

    Sec-Fetch-Site is a header that no page can forge. Older browsers lack it: then the origin must be our own. A
    request with neither is from a program, and must bring a token: `kit.identify` then looks at the token alone, and
    never at a cookie. So a header that only looks like a token gains nothing.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2].lower() == headers.get("host", "").lower()
    return headers.get("authorization", "").lower().startswith("bearer ")


def takes_files(path: str) -> bool:
    """Whether bodies of this path are read as a stream."""
    return path.startswith(UPLOADS) or WHOLE_UPLOADS.fullmatch(path) is not None


def _is_plain(host: str) -> bool:
    return IS_HOST(host) is not None


def _bounded(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """A body without a length is counted as it comes; it ends early when it grows too large."""
    if takes_files(scope["path"]) or "content-length" in headers:
        return receive
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > LARGEST_BODY else message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _problem(status: int, code: str, sentence: str) -> Response:
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": sentence,
        "code": code,
        "retryable": False,
        "remedies": [],
        "errors": [],
    }
    return Response(to_json(body), status_code=status, media_type="application/problem+json")
