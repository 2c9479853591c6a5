"""What became of a fan in a run, in half a sentence."""

from __future__ import annotations

from campaigns.domain.states import BatchState
from campaigns.store.views.who import LEFT_OUT, NOT_IN_AUDIENCE, NOT_KNOWN, NOT_PLANNED, WhyNot

BATCH_WORDS = {
    BatchState.ACCEPTED: "the vendor took the message",
    BatchState.SAVED: "the vendor keeps the message for later; we did not send it",
    BatchState.REJECTED: "rejected",
    BatchState.UNKNOWN: "unknown: it may have reached them",
    BatchState.CANCELLED: "cancelled",
    BatchState.READY: "not sent yet",
    BatchState.SENDING: "a request is in flight",
}


def why_not_words(verdict: WhyNot) -> str:
    """Half a sentence on what became of the fan: `batch 3, rejected (...)`, `left out by the plan (...)`."""
    mention = verdict.mentions[0] if verdict.mentions else None
    if mention is not None and mention.state != LEFT_OUT:
        words = BATCH_WORDS[BatchState(mention.state)]
        words += f" ({mention.reason})" if mention.reason else ""
        words += f" as message {mention.message_id}" if mention.message_id else ""
        return f"batch {mention.batch}, {words}{', which was unsent since' if mention.follow else ''}"
    return {
        LEFT_OUT: f"left out by the plan ({verdict.reason or '-'})",
        NOT_IN_AUDIENCE: "not in its audience",
        NOT_KNOWN: "it goes to whole lists, and only the vendor knows who is on them",
        NOT_PLANNED: f"it was never planned ({verdict.reason})" if verdict.reason else "it is not planned yet",
    }[verdict.state]
