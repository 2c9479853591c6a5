"""The moment of a picture: the newest event that it shows, and the incarnation of the database that it was read in.

A bulk act names it, so that it acts on nothing that its author has not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from campaigns.domain.errors import InputFault, InvalidInput, Outdated
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.tables.audit import event

FORM = re.compile(r"([0-9a-f]{12})-(\d{1,18})-(\d{1,18})")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment of a picture."""

    incarnation: str  # its first characters
    event: int  # the newest event that was written by then; 0: there was none
    at: datetime  # by the database's clock

    def __str__(self) -> str:
        return f"{self.incarnation}-{self.event}-{(self.at - EPOCH) // MICROSECOND}"


def read_as_of(connection: Connection, now: datetime) -> AsOf:
    """The moment that whatever is read in this transaction shows."""
    newest = connection.scalar(select(func.max(event.c.id))) or 0
    return AsOf(find_incarnation(connection)[:12], newest, now)


def parse_as_of(connection: Connection, text: str, now: datetime) -> AsOf:
    """The moment that a text names. Raises InvalidInput for one that has not come.

    Raises Outdated for one from before the database was restored: its runs may have other numbers now.
    """
    fits = FORM.fullmatch(text)
    if fits is None:
        raise InvalidInput(
            InputFault("is not a moment of a list; copy it from the reply that showed the list", "as_of")
        )
    try:
        given = AsOf(fits[1], int(fits[2]), EPOCH + int(fits[3]) * MICROSECOND)
    except OverflowError:
        raise InvalidInput(InputFault("is not a valid moment", "as_of")) from None
    current = read_as_of(connection, now)
    if given.incarnation != current.incarnation:
        raise Outdated("The database was restored since this list was read. Read it again.")
    if given.event > current.event or given.at > now:
        raise InvalidInput(InputFault("names a moment that has not come", "as_of"))
    return given
