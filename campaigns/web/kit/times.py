"""Times on pages: one choice of zone for all of them, and the one filter that prints them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from markupsafe import Markup

COOKIE = "zone"

ACCOUNTS = "account"
"""Each time in the zone of the account that it belongs to; without an account, in UTC."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The zone in which pages print times: the account's, UTC, or one that the reader chose."""

    choice: str = ACCOUNTS

    def print(self, moment: datetime | None, account_zone: str | None = None, *, none: str = "") -> Markup:
        """A time for people, with its exact value for programs. `account_zone`: that of the account it is about."""
        if moment is None:
            return Markup.escape(none)
        local = moment.astimezone(_zone(account_zone if self.choice == ACCOUNTS else self.choice))
        return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), f"{local:%d %b %Y, %H:%M:%S %Z}")


def clock_of(request: Request) -> Clock:
    """The choice of this reader, from a cookie; a zone that is not known counts as no choice."""
    choice = request.cookies.get(COOKIE, ACCOUNTS)
    return Clock(choice) if choice == ACCOUNTS or is_zone(choice) else Clock()


def is_zone(name: str) -> bool:
    """Whether there is a zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _zone(name: str | None) -> tzinfo:
    return ZoneInfo(name) if name is not None and is_zone(name) else UTC
