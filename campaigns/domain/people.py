"""Who acts, and why: two texts that the audit keeps for good, so neither is ever empty."""

from __future__ import annotations

from typing import Self

from campaigns.domain.errors import UsageError


class _Given(str):
    """A text with something in it, without the blanks around it."""

    __slots__ = ()

    MISSING = ""

    def __new__(cls, text: str) -> Self:
        """Raise UsageError for a text that is empty or only blanks."""
        if not text.strip():
            raise UsageError(cls.MISSING)
        return super().__new__(cls, text.strip())


class Actor(_Given):
    """Who acts: `operator:anna`, or a part of the product such as `beat` or `worker:host:4711:0a1b2c`."""

    __slots__ = ()

    MISSING = "Nobody is named as the one who acts; the audit keeps a name with every change."


class Reason(_Given):
    """Why an operator acts, in their own words."""

    __slots__ = ()

    MISSING = "The reason is empty; give one, the audit keeps it."
