"""Requests as they arrive, and the vendor's endpoint of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from campaigns.sandbox.bodies import read_fields
from campaigns.sandbox.faults import RequestKind
from campaigns.sandbox.replies import no_such_path, wrong_method

HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, still encoded, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query; of a repeated name the last value."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def key(self) -> str | None:
        """The bearer key; None without one."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    @property
    def sha256(self) -> str:
        """The hash of the exact body."""
        return sha256(self.body).hexdigest()

    def fields(self) -> dict[str, Any]:
        """The body's fields, of JSON or a form; a body that is neither has none."""
        return read_fields(self.headers.get("content-type", ""), self.body)


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its endpoint."""

    kind: RequestKind
    account: str | None = None
    of: str = ""  # the queue ID or list that the path names


def is_of_this_machine(host: str) -> bool:
    """Whether a Host header names this machine."""
    named = urlsplit(f"//{host}").hostname if HOST.fullmatch(host) else None
    if named is None or named == "localhost":
        return named is not None
    try:
        return ip_address(named).is_loopback
    except ValueError:
        return False


def route(request: Request) -> Call:
    """The endpoint that a request is for. Raises Refused (404, 405)."""
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    kinds, account, of = _kinds(parts)
    kind = kinds.get(request.method)
    if kind is None:
        raise wrong_method() if kinds else no_such_path()
    return Call(kind, account, of)


def account_of(request: Request) -> str | None:
    """The account in a path, whether it exists or not, for the log."""
    parts = request.path.strip("/").split("/")
    return unquote(parts[1]) if len(parts) > 2 and parts[0] == "api" else None  # noqa: PLR2004


LOOKS: Mapping[tuple[str, ...], RequestKind] = {
    ("mass-messaging", "overview"): "overview",
    ("saved-for-later", "messages"): "saved",
    ("queue",): "calendar",
    ("user-lists",): "user_lists",
}
"""Endpoints of an account that only read, by the rest of the path."""


def _kinds(parts: list[str]) -> tuple[Mapping[str, RequestKind], str | None, str]:
    """The endpoints of a path by method, the account, and the ID in the path."""
    kinds: Mapping[str, RequestKind] = {}
    account: str | None = None
    of = ""
    match parts:
        case ["api", "whoami"]:
            kinds = {"GET": "whoami"}
        case ["api", "accounts"]:
            kinds = {"GET": "accounts"}
        case ["api", account, *rest] if tuple(rest) in LOOKS:
            kinds = {"GET": LOOKS[tuple(rest)]}
        case ["api", account, "mass-messaging"]:
            kinds = {"GET": "list", "POST": "send"}
        case ["api", account, "mass-messaging", of]:
            kinds = {"GET": "get", "PUT": "update", "DELETE": "delete"}
        case ["api", account, "user-lists", of]:
            kinds = {"GET": "user_list"}
        case ["api", account, "user-lists", of, "users"]:
            kinds = {"GET": "list_users"}
    return kinds, account, of
