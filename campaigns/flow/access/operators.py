"""Add operators, change what they may do, disable them, and end their sessions."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.access.rights import Principal, Right, full
from campaigns.domain.access.typed import new_password, operator_name
from campaigns.domain.errors import Forbidden, InputFault, InvalidInput, NotAllowed, NotFound
from campaigns.domain.people import Reason
from campaigns.domain.printable import IS_TEXT, printable
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.access.login_links import LinkMade, link_in
from campaigns.flow.access.passwords import hash_password, is_password
from campaigns.flow.access.tries import tries
from campaigns.store.access.operators import (
    OperatorRow,
    change_operator,
    find_operator,
    hold_access,
    insert_operator,
    may_columns,
    operator_or_none,
    other_admins,
)
from campaigns.store.access.sessions import end_session, end_sessions, operator_of_session
from campaigns.store.accounts.bindings import require_account
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.views.people.operators import OperatorView, operator_view


@dataclass(frozen=True, slots=True)
class Added:
    """An operator who was added, and the link with which they choose a password; None: they have one, or need none."""

    operator: OperatorView
    link: LinkMade | None


def add_operator(
    store: Store,
    name: str,
    rights: frozenset[Right],
    accounts: frozenset[str] | None = None,
    *,
    actor: str,
    password: str | None = None,
    has_link: bool = True,
) -> Added:
    """Add an operator, and make a login link unless they get a password here or `has_link` is false.

    Raises InvalidInput, NotFound for an account that is not known, NotAllowed for a name that is taken.
    """
    name = operator_name(name)
    hashed = None if password is None else hash_password(new_password(password, name=name))
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), actor)
        if operator_or_none(connection, name) is not None:
            raise NotAllowed(f"There is an operator {name} already. Names are never used again: the audit has them.")
        require_accounts(act, accounts)
        operator_id = insert_operator(act, name, rights, accounts)
        act.record(EventKind.OPERATOR_ADDED, detail={"name": name, **may_columns(rights, accounts)})
        if hashed is not None:
            change_operator(connection, operator_id, password=hashed)
        link = link_in(act, operator_id, name) if hashed is None and has_link else None
        return Added(operator_view(connection, name), link)


def set_operator(
    store: Store,
    name: str,
    *,
    rights: frozenset[Right] | None = None,
    accounts: frozenset[str] | None = None,
    every_account: bool = False,
    actor: str,
) -> OperatorView:
    """Change the rights, the accounts, or both; None: they stay. More of either ends every session of the operator.

    Raises NotFound, and NotAllowed when nobody would be left who is an admin of every account.
    """
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), actor)
        old = find_operator(connection, operator_name(name))
        require_accounts(act, accounts)
        new_rights = old.rights if rights is None else rights
        new_accounts = None if every_account else old.accounts if accounts is None else accounts
        if Right.ADMIN not in new_rights or new_accounts is not None:
            _keep_an_admin(act, old)
        if (new_rights, new_accounts) != (old.rights, old.accounts):
            new = may_columns(new_rights, new_accounts)
            change_operator(connection, old.id, **new)
            before = may_columns(old.rights, old.accounts)
            # A browser gets a new session ID before it gets more rights.
            ended = end_sessions(act, old.id) if _is_more(old, new_rights, new_accounts) else 0
            detail = {"name": old.name, "before": before, "after": new, "sessions_ended": ended}
            act.record(EventKind.OPERATOR_CHANGED, detail=detail)
        return operator_view(connection, old.name)


def disable_operator(store: Store, name: str, *, reason: str, actor: str) -> OperatorView:
    """Let an operator do nothing more: sessions end, tokens do not work. Does nothing for one who is disabled.

    Raises NotFound, UsageError for an empty reason, NotAllowed when nobody would be left who is an admin of every
    account.
    """
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), actor)
        operator = find_operator(connection, operator_name(name))
        if operator.disabled_at is None:
            _keep_an_admin(act, operator)
            change_operator(connection, operator.id, disabled_at=act.now)
            detail = {"name": operator.name, "sessions_ended": end_sessions(act, operator.id)}
            act.record(EventKind.OPERATOR_DISABLED, reason=Reason(reason), detail=detail)
        return operator_view(connection, operator.name)


def enable_operator(store: Store, name: str, *, actor: str) -> OperatorView:
    """Let a disabled operator log in again, with the same password, rights and tokens. Raises NotFound."""
    with store.write() as connection:
        hold_access(connection)
        act = Act(connection, store.now(connection), actor)
        operator = find_operator(connection, operator_name(name))
        if operator.disabled_at is not None:
            change_operator(connection, operator.id, disabled_at=None)
            act.record(EventKind.OPERATOR_ENABLED, detail={"name": operator.name})
        return operator_view(connection, operator.name)


def change_password(store: Store, by: Principal, *, old: str, new: str, secret: bytes) -> int:
    """Change one's own password; every other session of the operator ends. Returns how many there were.

    `secret`: as for a login, because a stolen session must not be a way to try passwords. Raises InvalidInput for a
    wrong old password, or for a new one that is too weak, Forbidden for a token, TooManyTries.
    """
    if by.session_id is None:
        raise Forbidden("A token cannot change a password. Log in to do that.")
    hashed = hash_password(new_password(new, name=by.name))
    own = tries(secret, by.name, by.address)
    own.begin(store)
    with store.read() as connection:
        operator = find_operator(connection, by.name)
    if not is_password(operator.password, old):
        raise InvalidInput(InputFault("is another one; the password was not changed", "old"))
    with store.write() as connection:
        own.succeeded(connection)
        act = Act(connection, store.now(connection), by.actor)
        change_operator(connection, operator.id, password=hashed)
        ended = end_sessions(act, operator.id, keep=by.session_id)
        detail = {"name": by.name, "by": "password", "sessions_ended": ended}
        act.record(EventKind.PASSWORD_CHANGED, detail=detail)
    return ended


def end_one_session(store: Store, by: Principal, name: str, session_id: int) -> None:
    """End one session of an operator; an admin ends those of everybody. Raises NotFound for one that is not theirs."""
    with store.write() as connection:
        act = Act(connection, store.now(connection), by.actor)
        operator = find_operator(connection, name)
        if operator.name != by.name:
            by.require(frozenset({Right.ADMIN}))
        if operator_of_session(connection, session_id) != operator.id:
            raise NotFound(f"Operator {name} has no session {session_id}.")
        if end_session(act, session_id):
            act.record(EventKind.SESSION_ENDED, detail={"name": name, "sessions": 1, "session": session_id})


def end_every_session(store: Store, name: str, *, actor: str, keep: int | None = None) -> int:
    """End the sessions of an operator, except the one with the number `keep`; returns how many there were."""
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        operator = find_operator(connection, operator_name(name))
        ended = end_sessions(act, operator.id, keep=keep)
        if ended:
            act.record(EventKind.SESSION_ENDED, detail={"name": operator.name, "sessions": ended})
    return ended


def _is_more(old: OperatorRow, rights: frozenset[Right], accounts: frozenset[str] | None) -> bool:
    fewer_accounts = old.accounts is None or (accounts is not None and accounts <= old.accounts)
    return not (full(rights) <= full(old.rights) and fewer_accounts)


def _keep_an_admin(act: Act, operator: OperatorRow) -> None:
    is_one = Right.ADMIN in operator.rights and operator.accounts is None and operator.disabled_at is None
    if is_one and not other_admins(act.connection, operator.id):
        raise NotAllowed(f"{operator.name} is the last admin of every account. Make somebody else one first.")


def require_accounts(act: Act, accounts: frozenset[str] | None) -> None:
    """Raise NotFound for an account that is not known here."""
    for account_id in sorted(accounts or ()):
        if not IS_TEXT(account_id):
            raise NotFound(f"There is no account '{printable(account_id)}'.", Remedy(Do.LIST_ACCOUNTS))
        require_account(act.connection, account_id)
