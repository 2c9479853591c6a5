"""What somebody was shown is what is done: a digest of the picture travels with the question and comes back."""

from __future__ import annotations

import hashlib
from typing import Any

from campaigns.as_json import to_json
from campaigns.domain.errors import Outdated


def seen(shown: Any) -> str:
    """A digest of what a question shows, for a hidden field of its form, or for the API's caller to send back."""
    return hashlib.sha256(to_json(shown).encode()).hexdigest()


def require_seen(shown: Any, digest: str, *, now: str) -> None:
    """Raise Outdated when an act would concern something else than its question showed.

    `now`: what it would concern at this moment, as the sentence names it.
    """
    if seen(shown) != digest:
        raise Outdated(f"This has changed since you looked: it would concern {now} now. Nothing was done; look again.")
