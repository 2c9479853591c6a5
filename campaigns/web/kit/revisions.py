"""Strong ETags: the revision of a campaign in this incarnation of the database, and the If-Match that goes with it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from campaigns.domain.errors import NoRevision, Outdated
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.database.engine import Store

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=200, description="The ETag of the campaign as you read it."),
]

ETAG = {
    "ETag": {
        "description": "The revision in this incarnation of the database.",
        "schema": {"type": "string"},
        "example": '"3f9a0c1b2d4e-5"',
    }
}
"""The header of a reply that shows a campaign, for its description."""


def etag(store: Store, revision: int) -> str:
    """The ETag of a revision. No other database, and not this one after a restore, gives the same."""
    with store.read() as connection:
        return f'"{find_incarnation(connection)[:12]}-{revision}"'


def require_if_match(campaign_id: int, given: str | None) -> str:
    """The header of a request that changes or launches a campaign. Raises NoRevision without it."""
    if given is None:
        raise NoRevision(
            f"This is about campaign {campaign_id}, but has no If-Match header. Send the ETag of the campaign as you "
            "read it.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        )
    return given.strip()


def require_match(store: Store, campaign_id: int, given: str, revision: int) -> None:
    """Raise Outdated when an If-Match names another revision than the newest, or another database."""
    if given != etag(store, revision):
        raise Outdated(
            f"Campaign {campaign_id} has revision {revision} now, and If-Match names another one. Read it again.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
            revision=revision,
        )
