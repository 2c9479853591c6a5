"""The rules of the installation about who may act. They are rows, so that every host keeps the same ones."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from campaigns.store.audit.events import Act
from campaigns.store.tables.campaigns import campaign, revision
from campaigns.store.tables.desk import access_rule


def has_four_eyes(connection: Connection) -> bool:
    """Whether nobody may launch a campaign whose newest revision they wrote. Off until somebody turns it on."""
    return bool(connection.scalar(select(access_rule.c.four_eyes)))


def set_four_eyes(act: Act, *, is_on: bool) -> bool:
    """Turn the rule on or off; False when it is so already."""
    if has_four_eyes(act.connection) is is_on:
        return False
    new = {"four_eyes": is_on, "changed_at": act.now, "changed_by": act.actor}
    if act.connection.execute(update(access_rule).values(new).where(access_rule.c.id == 1)).rowcount == 0:
        act.connection.execute(insert(access_rule).values(id=1, **new))
    return True


def author_of_newest(connection: Connection, campaign_id: int) -> str | None:
    """The actor who wrote the newest revision of a campaign; None: there is no such campaign."""
    newest = (revision.c.campaign_id == campaign.c.id) & (revision.c.number == campaign.c.revision)
    return connection.scalar(select(revision.c.actor).join(campaign, newest).where(campaign.c.id == campaign_id))
