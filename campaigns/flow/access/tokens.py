"""Make and revoke API tokens. A token acts as its operator, with at most the rights and accounts of both."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.access.tokens import ENTROPY_BYTES, digest, token_text
from campaigns.domain.access.typed import operator_name, token_age, token_name
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.access.operators import require_accounts
from campaigns.store.access.operators import find_operator
from campaigns.store.access.tokens import NewToken, add_token, revoke, token_of_number
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.views.people.operators import TokenView, tokens


@dataclass(frozen=True, slots=True)
class TokenMade:
    """A token that was made. Its text is only here: show it once, to a person, and write it nowhere."""

    token: str
    view: TokenView


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as somebody asks for it."""

    name: str
    operator: str
    rights: frozenset[Right]
    accounts: frozenset[str] | None = None  # None: every account of its operator
    age: timedelta | None = None  # None: 90 days


def make_token(store: Store, wanted: Wanted, *, is_live: bool, actor: str, by: Principal | None = None) -> TokenMade:
    """Make a token for an operator; `is_live`: for a desk that sends to a vendor on another machine.

    `by`: who asks at the desk. Somebody who is not an admin of every account makes only their own. Raises InvalidInput,
    NotFound, NotAllowed for a disabled operator, Forbidden for more than the operator, or who asks, may do.
    """
    if by is not None:
        _allow(by, wanted)
    name, age = token_name(wanted.name), token_age(wanted.age)
    text = token_text(secrets.token_bytes(ENTROPY_BYTES), is_live=is_live)
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        operator = find_operator(connection, operator_name(wanted.operator))
        if operator.disabled_at is not None:
            raise NotAllowed(f"Operator {operator.name} is disabled. Enable it first.")
        operator.as_principal().require_at_least(wanted.rights, wanted.accounts or operator.accounts)
        require_accounts(act, wanted.accounts)
        new = NewToken(name, operator.id, wanted.rights, wanted.accounts, act.now + age, is_live)
        token_id = add_token(act, new, sha256=digest(text), last_four=text[-4:])
        detail = {"token_id": token_id, "named": name, "name": operator.name, "rights": sorted(wanted.rights)}
        act.record(EventKind.TOKEN_MADE, detail=detail)
        return TokenMade(text, tokens(connection, now=act.now, token_id=token_id)[0])


def _allow(by: Principal, wanted: Wanted) -> None:
    """Raise Forbidden for a token of somebody else, and for one that could do more than who asks."""
    if wanted.operator == by.name:
        by.require_at_least(wanted.rights, by.accounts if wanted.accounts is None else wanted.accounts)
    else:
        by.require(frozenset({Right.ADMIN}))
        by.require_every_account()


def revoke_token(store: Store, token_id: int, *, actor: str, by: Principal | None = None) -> TokenView:
    """Revoke a token at once. Does nothing to one that was revoked before.

    `by`: who asks at the desk. Somebody who is not an admin has only their own tokens. Raises NotFound.
    """
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        token = token_of_number(connection, token_id)
        is_hidden = by is not None and not by.may(frozenset({Right.ADMIN}))
        if token is None or (is_hidden and by is not None and token.operator.name != by.name):
            raise NotFound(f"There is no token {token_id}.", Remedy(Do.LIST_TOKENS))
        if revoke(act, token_id):
            detail = {"token_id": token_id, "named": token.name, "name": token.operator.name}
            act.record(EventKind.TOKEN_REVOKED, detail=detail)
        return tokens(connection, now=act.now, token_id=token_id)[0]
