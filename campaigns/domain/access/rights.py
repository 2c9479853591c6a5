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


@dataclass(frozen=True, slots=True)
class Principal:
    """The operator or the token behind a request."""

    name: str
    rights: frozenset[Right]
    accounts: frozenset[str] | None = None  # None: every account, also those added later
    address: str | None = None  # the network address that it came from

    @property
    def actor(self) -> Person:
        """The name in the audit, with the address."""
        return Person(f"operator:{self.name}", address=self.address)

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
