"""Long replies: sent row by row from one snapshot of the database, whatever their length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

from starlette.responses import Response, StreamingResponse

from campaigns.store.database.engine import Store

LINES_AT_ONCE = 500
"""Lines of one piece of a reply."""


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
