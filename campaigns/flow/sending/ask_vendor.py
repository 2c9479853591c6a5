"""Ask the vendor a question. It sends nothing, so it takes a permit of the reserve."""

from __future__ import annotations

from campaigns.domain.errors import PacerAway
from campaigns.flow.sending.lane_context import Sender

ASK_SECONDS = 30.0
"""The longest that one question may take; its slot of the budget is held for that long when no answer comes."""


def permit_to_ask(sender: Sender, account_id: str, key: str) -> str:
    """The key of a slot to ask with. Raises PacerAway when there is none now: then it is asked later."""
    permit = sender.pacer.acquire(key, account_id, hold_seconds=ASK_SECONDS, reserved=True)
    if not permit.granted:
        raise PacerAway(f"the shared rate budget has no room for a question now ({permit.why})")
    return key
