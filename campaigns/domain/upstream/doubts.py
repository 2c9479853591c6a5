"""What in a reply with a message ID speaks against its acceptance."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns.domain.upstream.reply import Reply, flag

_FAULTS = (
    ("hasError", True, "failed (hasError)"),
    ("isCanceled", True, "is cancelled (isCanceled)"),
    ("success", False, "was not a success"),
)
"""Flags that contradict an acceptance, in `data` or at the top, and what they mean."""

_ERRORS = ("error", "errors")


def fault_of_accepted(reply: Reply) -> str | None:
    """Why a reply with a message ID is not an acceptance: the vendor has the message, and fans may have it or not."""
    body = reply.body or {}
    data = body.get("data")
    for told in (data if isinstance(data, Mapping) else {}, body):
        for name, against, words in _FAULTS:
            if flag(told.get(name)) is against:
                return f"was taken, but the vendor says that it {words}"
        if told.get("request_outcome") == "unknown":
            return "was taken, but the vendor says that the outcome is unknown"
        for name in _ERRORS:
            if told.get(name):
                return f"was taken, but the vendor says that it failed ({name})"
    return None
