"""The rule of four eyes: whoever edited a campaign may not launch it."""

from __future__ import annotations

from campaigns.domain.access.rights import Principal
from campaigns.store.database.engine import Store


def refuse_own_edit(store: Store, by: Principal, campaign_id: int) -> None:
    """Raise Forbidden where the rule is on and who asks wrote the newest revision. Here the rule is off."""
