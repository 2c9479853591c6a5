"""The rule of four eyes: whoever edited a campaign may not launch it."""

from __future__ import annotations

from campaigns.domain.access.rights import Principal
from campaigns.store.database.engine import Store


def refuse_own_edit(store: Store, by: Principal, campaign_id: int) -> None:
    """Raise Forbidden when the rule is on and this principal edited the campaign. The rule is not built yet."""
