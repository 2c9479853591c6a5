"""Questions about the key that a person asks the vendor. They count in the team's budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from campaigns.cli.kit.session import actor
from campaigns.closing import closed_after
from campaigns.domain.errors import CampaignsError, PacerAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaigns.ports import VendorAccount
    from campaigns.wiring import Parts

PATIENCE_SECONDS = 3.0
"""A command waits at most this long for a permit."""

LEAST_WAIT_SECONDS = 0.05
"""The shortest wait between two tries."""


def ask_about_key(parts: Parts) -> tuple[str, list[VendorAccount]]:
    """The team of the key and the accounts that it sees. Raises VendorRefused, VendorAway, or PacerAway: no permit now.

    Each question takes a permit and is recorded. While Redis or the database is away, the questions are asked without
    either: nothing is sent meanwhile, and the person who fixes that must see whether the vendor responds.
    """
    with closed_after(parts.gateway()) as gateway:
        if not _is_counted(parts):
            return gateway.team(), gateway.accounts()
        from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind
        from campaigns.flow.sending.ask_vendor import ask

        with closed_after(parts.pacer()) as pacer:
            asker = parts.asker(gateway, pacer, owner=actor())

            def put(kind: QuestionKind, question: Callable[[], Any], as_kept: Callable[[Any], dict[str, Any]]) -> Any:
                about, patience = Question(kind, Purpose.PEOPLE), PATIENCE_SECONDS
                while True:
                    try:
                        return ask(asker, about, question, as_kept)
                    except PacerAway as away:
                        if away.after_seconds is None or away.after_seconds > patience:
                            raise
                        wait = max(away.after_seconds, LEAST_WAIT_SECONDS)
                        patience -= wait
                        time.sleep(wait)  # the budget is being rebuilt, and the pacer reports for how long

            team: str = put(QuestionKind.TEAM, gateway.team, lambda team: {"team": team})
            seen: list[VendorAccount] = put(
                QuestionKind.ACCOUNTS, gateway.accounts, lambda seen: {"accounts": [each.id for each in seen]}
            )
            return team, seen


def _is_counted(parts: Parts) -> bool:
    """Whether the pacer responds and the database has every migration."""
    from campaigns.store.database.migrations import require_head

    try:
        require_head(parts.store)
        with closed_after(parts.pacer()) as pacer:
            pacer.state()
    except PacerAway as away:
        return away.after_seconds is not None
    except CampaignsError:
        return False
    return True
