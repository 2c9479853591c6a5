"""Log in with a name and a password, and log out.

A try is counted before it is looked at, so that many at once are not looked at together; after a few of them the next
one has to wait. A crash in the middle leaves a counted try and no session.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from campaigns.domain.access.rights import Principal
from campaigns.domain.access.tokens import digest
from campaigns.domain.access.typed import IS_NAME
from campaigns.domain.errors import Forbidden, NotIdentified
from campaigns.domain.people import Person
from campaigns.flow.access.passwords import hash_password, is_outdated, is_password
from campaigns.flow.access.tries import tries
from campaigns.store.access.operators import OperatorRow, change_operator, operator_or_none
from campaigns.store.access.sessions import add_session, end_session, find_session
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store

DESK = "desk"
"""The actor of a login that was refused: nobody knows who it was."""

WRONG = "This name and this password do not belong together."


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a login comes from."""

    address: str
    session: str | None = None  # the ID in its cookie, whose session ends with a new login


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that has begun. Its ID is only here, and goes into a cookie."""

    operator: str
    session: str


def log_in(store: Store, name: str, password: str, browser: Browser, *, secret: bytes) -> LoggedIn:
    """Begin a session. `secret`: the key of the installation, with which names and addresses of failures are hashed.

    Raises NotIdentified for a name and a password that do not fit, Forbidden for a disabled operator, TooManyTries.
    """
    name = name.strip().lower()
    own = tries(secret, name, browser.address)
    own.begin(store)
    with store.read() as connection:
        operator = operator_or_none(connection, name) if IS_NAME(name) else None
    if operator is None or not is_password(operator.password, password):
        if operator is None:
            is_password(None, password)
        raise _refused(store, operator, browser)
    digest_now = hash_password(password) if is_outdated(str(operator.password)) else operator.password
    with store.write() as connection:
        own.succeeded(connection)
        act = Act(connection, store.now(connection), Person(f"operator:{name}", address=browser.address))
        again = operator_or_none(connection, name)
        if again is None or again.password != operator.password:
            raise NotIdentified(WRONG)
        if again.disabled_at is not None:
            raise Forbidden(f"Operator {name} is disabled. An admin can enable it again.")
        change_operator(connection, operator.id, password=digest_now)
        return begin_session(act, again, browser, how="password")


def begin_session(act: Act, operator: OperatorRow, browser: Browser, *, how: str) -> LoggedIn:
    """Begin a session with a new ID, and end the one that the browser had, in the transaction of the caller."""
    if browser.session is not None:
        before = find_session(act.connection, digest(browser.session), now=act.now)
        if before is not None:
            end_session(act, before.id)
    session = secrets.token_urlsafe(32)
    session_id = add_session(act, operator.id, digest(session), address=browser.address)
    act.record(EventKind.LOGGED_IN, detail={"by": how, "session": session_id})
    return LoggedIn(operator.name, session)


def log_out(store: Store, by: Principal) -> None:
    """End the session of whoever asks; a token has none, and stays."""
    if by.session_id is None:
        raise Forbidden("A token does not log out. Revoke it when it is no longer needed.")
    with store.write() as connection:
        act = Act(connection, store.now(connection), by.actor)
        if end_session(act, by.session_id):
            act.record(EventKind.LOGGED_OUT, detail={"session": by.session_id})


def _refused(store: Store, operator: OperatorRow | None, browser: Browser) -> NotIdentified:
    with store.write() as connection:
        act = Act(connection, store.now(connection), Person(DESK, address=browser.address))
        # A name that nobody has may be a password, typed into the wrong field.
        act.record(EventKind.LOGIN_REFUSED, detail={"name": None if operator is None else operator.name})
    return NotIdentified(WRONG)
