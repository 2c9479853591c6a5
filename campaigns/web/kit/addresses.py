"""Addresses of the desk with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def address(path: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> str:
    """The path with its parameters; those that are None or empty are left out."""
    every = {**(parameters or {}), **more}
    given = {name: value for name, value in every.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path
