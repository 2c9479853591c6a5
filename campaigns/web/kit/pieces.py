"""Long files for a browser, read from the database piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from starlette.responses import Response, StreamingResponse

from campaigns.as_lines import Form, header, lines

Row = TypeVar("Row")

ROWS_AT_ONCE = 1000

MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def in_pieces(name: str, form: Form, kind: type[Row], next_rows: Callable[[Row | None], Sequence[Row]]) -> Response:
    """A file of all rows. `next_rows` returns those after a row, or the first ones; none at the end.

    Each piece is a question of its own, so that a reader who is slow keeps no connection and no snapshot.
    """
    first = next_rows(None)  # a refusal is still a page

    def written() -> Iterator[str]:
        yield header(kind, form)
        rows = first
        while rows:
            yield "".join(lines(kind, rows, form))
            rows = next_rows(rows[-1])

    disposition = f'attachment; filename="{name}.{form}"'
    return StreamingResponse(written(), media_type=MEDIA[form], headers={"content-disposition": disposition})
