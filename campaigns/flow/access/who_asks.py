"""Who is behind a request: by its API token, or by the session of its cookie."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from campaigns.domain.access.rights import Principal, fewer, full
from campaigns.domain.access.tokens import digest, is_live_token
from campaigns.domain.errors import NotIdentified, TryLater
from campaigns.store.access.sessions import SEEN_EVERY, find_session, session_was_used
from campaigns.store.access.tokens import TokenRow, find_token, token_was_used
from campaigns.store.database.engine import Store


def who_has_token(store: Store, text: str, *, is_live: bool, address: str | None) -> Principal:
    """The operator of a token, with the rights and accounts that both have; `is_live`: whether the vendor is.

    Raises NotIdentified, with the reason. A mistyped token is refused without a look-up. Only whoever has the whole of
    a token learns that it is revoked or expired.
    """
    if is_live_token(text) is not is_live:
        here, there = ("a live vendor", "the sandbox") if is_live else ("the sandbox", "a live vendor")
        raise NotIdentified(f"This token is for {there}, and this desk sends to {here}. Make a token here.")
    with store.read() as connection:
        now = store.now(connection)
        token = find_token(connection, digest(text))
    if token is None:
        raise NotIdentified("This desk does not know the token: it was made for another installation.")
    _refuse(token, now)
    if _is_old(token.used_at, now):
        with suppress(TryLater), store.write() as connection:  # who may look may look while nothing can be written
            token_was_used(connection, token.id, now=now)
    operator = token.operator
    return Principal(
        operator.name,
        full(token.rights) & full(operator.rights),
        fewer(token.accounts, operator.accounts),
        address=address,
        token=token.name,
    )


def who_has_session(store: Store, session: str, *, address: str | None) -> Principal | None:
    """The operator of a session; None: it has ended, or there never was one."""
    with store.read() as connection:
        now = store.now(connection)
        found = find_session(connection, digest(session), now=now)
    if found is None:
        return None
    if _is_old(found.seen_at, now):
        with suppress(TryLater), store.write() as connection:
            session_was_used(connection, found.id, now=now)
    return found.operator.as_principal(address=address, session_id=found.id)


def _refuse(token: TokenRow, now: datetime) -> None:
    called = f"The token '{token.name}' (it ends in {token.last_four})"
    if token.revoked_at is not None:
        raise NotIdentified(f"{called} was revoked. Ask an admin for a new one.")
    if token.expires_at <= now:
        raise NotIdentified(f"{called} expired at {token.expires_at.isoformat(timespec='minutes')}. Make a new one.")
    if token.operator.disabled_at is not None:
        raise NotIdentified(f"{called} is of operator {token.operator.name}, who is disabled.")


def _is_old(used_at: datetime | None, now: datetime) -> bool:
    return used_at is None or now - used_at >= SEEN_EVERY
