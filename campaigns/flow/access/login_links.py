"""Login links: how the first operator comes in, and how everybody else gets or replaces a password.

Nobody else ever knows a password: an admin makes a link, and whoever opens it chooses one. Opening the page uses
nothing up, because programs that preview links open pages, too.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.access.rights import Right
from campaigns.domain.access.tokens import digest
from campaigns.domain.access.typed import new_password, operator_name
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.people import Person
from campaigns.flow.access.log_in import Browser, LoggedIn, begin_session
from campaigns.flow.access.passwords import hash_password
from campaigns.store.access.login_links import LinkRow, add_link, find_link, take_link
from campaigns.store.access.operators import (
    change_operator,
    find_operator,
    has_operators,
    hold_access,
    insert_operator,
)
from campaigns.store.access.sessions import end_sessions
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store

GONE = "This login link is not valid: it was used, is older than 15 minutes, or was replaced by a newer one."


@dataclass(frozen=True, slots=True)
class LinkMade:
    """A link that was made. Its code is only here: show it once, to a person, and write it nowhere."""

    operator: str | None  # None: for the first operator
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkFor:
    """Whom a link is for."""

    operator: str | None  # None: the first operator, who also chooses a name


def make_link(store: Store, name: str | None, *, actor: str) -> LinkMade:
    """Make a link for an operator; None: for the first one. Earlier links of the same operator no longer work.

    Raises NotFound, and NotAllowed for a disabled operator, or when there is an operator already.
    """
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), actor)
        if name is None:
            if has_operators(connection):
                raise NotAllowed("There are operators already. An admin makes a login link for each of them.")
            return link_in(act, None, None)
        operator = find_operator(connection, operator_name(name))
        if operator.disabled_at is not None:
            raise NotAllowed(f"Operator {operator.name} is disabled. Enable it first.")
        return link_in(act, operator.id, operator.name)


def is_owned(store: Store) -> bool:
    """Whether the desk has an operator. Raises DatabaseAway."""
    with store.read() as connection:
        return has_operators(connection)


def first_link(store: Store, *, actor: str) -> LinkMade | None:
    """A link for the first operator; None when there are operators. Raises DatabaseAway."""
    return None if is_owned(store) else make_link(store, None, actor=actor)


def link_in(act: Act, operator_id: int | None, name: str | None) -> LinkMade:
    """Make a link in the transaction of the caller."""
    code = secrets.token_urlsafe(32)
    expires_at = add_link(act, operator_id, digest(code))
    act.record(EventKind.LOGIN_LINK_MADE, detail={"name": name})
    return LinkMade(name, code, expires_at)


def read_link(store: Store, code: str) -> LinkFor:
    """Whom a link is for; it is not used up by that. Raises NotFound for one that is not in force."""
    with store.read() as connection:
        return LinkFor(_find(Act(connection, store.now(connection), "desk"), code).operator)


def use_link(store: Store, code: str, *, name: str, password: str, browser: Browser) -> LoggedIn:
    """Choose a password, and log in with it; `name`: that of the first operator, who becomes an admin.

    Every other session of the operator ends. Raises NotFound, InvalidInput; the link is not used up then.
    """
    wanted = read_link(store, code).operator or operator_name(name)
    hashed = hash_password(new_password(password, name=wanted))
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), Person(f"operator:{wanted}", address=browser.address))
        link = _find(act, code)
        if link.operator is None:
            if has_operators(connection):
                raise NotFound(GONE)
            insert_operator(act, wanted, frozenset({Right.ADMIN}), None)
            act.record(EventKind.OPERATOR_ADDED, detail={"name": wanted, "rights": ["admin"], "accounts": None})
        operator = find_operator(connection, wanted)
        if not take_link(act, link.id):
            raise NotFound(GONE)
        change_operator(connection, operator.id, password=hashed)
        ended = end_sessions(act, operator.id)
        act.record(EventKind.PASSWORD_CHANGED, detail={"name": wanted, "by": "link", "sessions_ended": ended})
        return begin_session(act, operator, browser, how="link")


def _find(act: Act, code: str) -> LinkRow:
    link = find_link(act.connection, digest(code), now=act.now)
    if link is None or (link.operator is None and has_operators(act.connection)):
        raise NotFound(GONE)
    return link
