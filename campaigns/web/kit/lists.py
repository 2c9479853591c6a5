"""Lists of the API: at most 200 rows at once, and a cursor for the next ones. No offset, and no total."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from campaigns.as_json import to_json
from campaigns.domain.errors import InputFault, InvalidInput, Outdated
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.web.desk import Desk
from campaigns.web.kit.signing import opened, signed

LARGEST_PAGE = 200

Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="At most this many rows.")]
After = Annotated[str | None, Query(alias="cursor", max_length=2000, description="The cursor of the page before.")]


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list; `cursor` asks for the next ones, null is the end."""

    items: Sequence[Row]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins, and which list it is of."""

    desk: Desk
    purpose: str  # the name of the list, and its filter as a digest
    incarnation: str
    after: Any  # the position of the last row that was seen; None: the beginning


def place(desk: Desk, name: str, filters: Mapping[str, Any], cursor: str | None) -> Place:
    """The place that a cursor names. Raises InvalidInput for a cursor of another list or filter.

    Raises Outdated for one from before the database was restored: its rows may have other numbers now.
    """
    digest = hashlib.sha256(to_json({key: filters[key] for key in sorted(filters)}).encode()).hexdigest()[:16]
    purpose = f"cursor of {name} {digest}"
    with desk.store.read() as connection:
        incarnation = find_incarnation(connection)
    if cursor is None:
        return Place(desk, purpose, incarnation, None)
    try:
        made_in, after = opened(desk.secret, purpose, cursor)
    except ValueError as fault:
        text = f"does not fit this list and its filter: {fault}. Leave it out to begin again"
        raise InvalidInput(InputFault(text, "cursor")) from None
    if made_in != incarnation:
        raise Outdated("The database was restored since this cursor was made. Leave it out to begin again.")
    return Place(desk, purpose, incarnation, after)


def paged(at: Place, rows: Sequence[Row], limit: int, position: Callable[[Row], Any]) -> Page[Row]:
    """The first `limit` of `rows`, which the caller read with a limit of one more; `position` orders a row."""
    shown = rows[:limit]
    return Page(shown, cursor_after(at, position(shown[-1])) if len(rows) > limit else None)


def cursor_after(at: Place, position: Any) -> str:
    """The cursor of the rows after a position, in the list of a place."""
    return signed(at.desk.secret, at.purpose, [at.incarnation, position])
