"""Strong ETags: the revision of a campaign in this incarnation of the database, and the If-Match that goes with it."""

from __future__ import annotations

from fastapi import Request

from campaigns.domain.errors import NoRevision, Outdated
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.database.engine import Store


def etag(store: Store, revision: int) -> str:
    """The ETag of a revision. No other database, and not this one after a restore, gives the same."""
    with store.read() as connection:
        return f'"{find_incarnation(connection)[:12]}-{revision}"'


def require_match(request: Request, store: Store, campaign_id: int, revision: int) -> None:
    """Raise NoRevision without an If-Match, and Outdated when it names another revision than the newest."""
    given = request.headers.get("if-match")
    if given is None:
        raise NoRevision(
            f"This changes campaign {campaign_id}, but has no If-Match header. Send the ETag of the campaign as you "
            "read it."
        )
    if given.strip() != etag(store, revision):
        raise Outdated(
            f"Campaign {campaign_id} has revision {revision} now, and If-Match names another one. Read it again.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        )
