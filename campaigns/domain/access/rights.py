"""The rights of people and programs at the desk, and the person or program behind a request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from campaigns.domain.errors import Forbidden, NotFound
from campaigns.domain.people import Person


class Right(StrEnum):
    """One thing that somebody may do. Everybody who has any right may look."""

    VIEWER = "viewer"  # look, and no more
    EDITOR = "editor"  # campaigns, schedules, suppressions
    SENDER = "sender"  # launch, rerun, decide, recall, let go on: whatever may message a fan
    ADMIN = "admin"  # accounts, operators, tokens; has every other right too


LOOK = frozenset(Right)
"""Any of them is enough to look."""

HOLD_BACK = frozenset({Right.EDITOR, Right.SENDER})
"""Either of them is enough to stop, pause or cancel: that messages nobody."""


def full(rights: frozenset[Right]) -> frozenset[Right]:
    """The rights with those that they bring: everybody may look, and an admin has every right."""
    return frozenset(Right) if Right.ADMIN in rights else rights | {Right.VIEWER}


def fewer(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The accounts that are in both; None is every account."""
    if one is None or other is None:
        return one if other is None else other
    return one & other


@dataclass(frozen=True, slots=True)
class Principal:
    """The operator behind a request; with a token, as far as both of them may."""

    name: str
    rights: frozenset[Right]
    accounts: frozenset[str] | None = None  # None: every account, also those added later
    address: str | None = None  # the network address that it came from
    token: str | None = None  # the name of the token; None: a session
    session_id: int | None = None  # of the session; None: a token

    @property
    def actor(self) -> Person:
        """The name in the audit, with the address and the token."""
        return Person(f"operator:{self.name}", address=self.address, token=self.token)

    def require_at_least(self, rights: frozenset[Right], accounts: frozenset[str] | None) -> None:
        """Raise Forbidden for rights that are more than one's own: nobody gives away what they do not have."""
        has_all = full(rights) <= full(self.rights)
        if not has_all or (self.accounts is not None and (accounts is None or not accounts <= self.accounts)):
            raise Forbidden(f"This would be more than {self.name} may do. Give fewer rights, or fewer accounts.")

    def may(self, any_of: frozenset[Right]) -> bool:
        """Whether one of these rights is there."""
        return Right.ADMIN in self.rights or bool(any_of & self.rights)

    def require(self, any_of: frozenset[Right]) -> None:
        """Raise Forbidden when none of these rights is there."""
        if not self.may(any_of):
            needed = " or ".join(sorted(any_of))
            have = ", ".join(sorted(self.rights)) or "none"
            raise Forbidden(f"This needs the right {needed}; {self.name} has {have}.")

    def sees(self, account_id: str) -> bool:
        """Whether the rights are about this account, too."""
        return self.accounts is None or account_id in self.accounts

    def require_account(self, account_id: str, what: str) -> None:
        """Raise NotFound for something of an account that is hidden: nobody learns that it exists.

        `what` names it as the sentence for something that does not exist does.
        """
        if not self.sees(account_id):
            raise NotFound(f"There is no {what}.")

    def require_every_account(self) -> None:
        """Raise Forbidden when the rights are about some accounts only."""
        if self.accounts is not None:
            raise Forbidden(f"This concerns every account; {self.name} has rights on {len(self.accounts)} of them.")
