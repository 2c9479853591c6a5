"""Replies of the JSON API: any typed answer as JSON, with the headers that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from campaigns.as_json import to_json


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The reply with this value. A route returns it, and declares the type of the value as its `response_model`."""
    return Response(to_json(value), status_code=status, headers=headers, media_type="application/json")
