"""A person agrees to a number that a page showed. When the number is another one by then, nothing is done."""

from __future__ import annotations

from campaigns.domain.errors import Outdated


def refuse_other(shown: int | None, now: int, things: str) -> None:
    """Raise Outdated when there are not as many things as a person was shown; None: nobody was shown a number."""
    if shown is not None and shown != now:
        raise Outdated(
            f"The page showed {shown:,} {things}, and now there are {now:,}. Nothing was done: look again, then decide."
        )


def refuse_more(shown: int | None, now: int, things: str) -> None:
    """Raise Outdated when there are more things than were shown. Fewer surprise nobody: sending goes on meanwhile."""
    if shown is not None and now > shown:
        refuse_other(shown, now, things)
