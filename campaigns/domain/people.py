"""Who acts, and why: two texts that the audit keeps for ever, so neither may be empty."""

from __future__ import annotations

from typing import Self

from campaigns.domain.errors import UsageError
from campaigns.domain.printable import IS_TEXT


class _Given(str):
    """A text that is not empty, without the blanks around it."""

    __slots__ = ()

    MISSING = ""

    def __new__(cls, text: str) -> Self:
        """Raise UsageError for a text that is empty or only blanks, or that no database can hold."""
        if not text.strip():
            raise UsageError(cls.MISSING)
        if not IS_TEXT(text):
            raise UsageError(f"The {cls.__name__.lower()} has a character that is not text. Take it out.")
        return super().__new__(cls, text.strip())


class Actor(_Given):
    """Who acts: `operator:anna`, or a part of the product such as `beat` or `worker:host:4711:0a1b2c`."""

    __slots__ = ()

    MISSING = "No actor is named. The audit keeps a name with every change."


class Person(Actor):
    """An operator at the desk or in the API: the audit also keeps the address of the request, and its token's name."""

    __slots__ = ("address", "token")

    address: str | None
    token: str | None

    def __new__(cls, text: str, *, address: str | None = None, token: str | None = None) -> Self:
        """Raise UsageError for an empty name."""
        person = super().__new__(cls, text)
        person.address = address
        person.token = token
        return person

    @property
    def origin(self) -> dict[str, str]:
        """What the audit keeps beside the name."""
        known = {"address": self.address, "token": self.token}
        return {name: value for name, value in known.items() if value is not None}


class Reason(_Given):
    """Why an operator acts, in their own words."""

    __slots__ = ()

    MISSING = "The reason is empty. Give a reason: the audit keeps it."
