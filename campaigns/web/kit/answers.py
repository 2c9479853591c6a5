"""Replies of the JSON API: any typed answer as JSON, with the headers that belong to it; and long texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from typing import Any

from starlette.responses import Response, StreamingResponse

from campaigns.as_json import to_json
from campaigns.store.database.engine import Store

LINES_AT_ONCE = 500
"""Lines of one piece of a reply."""


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The reply with this value. A route returns it, and declares the type of the value as its `response_model`."""
    return Response(to_json(value), status_code=status, headers=headers, media_type="application/json")


def streamed(store: Store, lines: Callable[[Any], Iterable[str]], *, media_type: str, file_name: str) -> Response:
    """The reply with these lines, as a file. `lines` gets a connection of one snapshot, open until the last line.

    What `lines` raises before it returns becomes a problem. What it raises later ends the reply early, without the end
    that HTTP demands, so that nobody takes half for all.
    """
    with ExitStack() as open_ones:
        connection = open_ones.enter_context(store.read())
        rows = lines(connection)
        pieces = _pieces(rows, open_ones.pop_all())
    headers = {"content-disposition": f'attachment; filename="{file_name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)


def _pieces(lines: Iterable[str], open_ones: ExitStack) -> Iterator[str]:
    with open_ones:
        rest = iter(lines)
        while piece := "".join(islice(rest, LINES_AT_ONCE)):
            yield piece
