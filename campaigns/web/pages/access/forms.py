"""What the forms and addresses of access have in common: names, numbers, rights, accounts, and the age of a token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form

from campaigns.domain.access.rights import Right
from campaigns.domain.access.typed import chosen_rights
from campaigns.domain.errors import InputFault, InvalidInput

Key = Annotated[str, Form(max_length=255)]
Word = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class MayForm:
    """What somebody may do, as a form sends it: a box for each right, and accounts with blanks between them."""

    rights: list[str]
    accounts: str  # empty: every account

    @property
    def chosen_rights(self) -> frozenset[Right]:
        """The rights. Raises InvalidInput."""
        return chosen_rights(self.rights)

    @property
    def chosen_accounts(self) -> frozenset[str] | None:
        """The accounts; None: every one."""
        return frozenset(self.accounts.replace(",", " ").split()) or None

    def as_key(self) -> dict[str, str]:
        """What makes two forms the same."""
        return {"rights": " ".join(sorted(self.rights)), "accounts": self.accounts}


def may_form(
    rights: Annotated[list[str] | None, Form()] = None, accounts: Annotated[str, Form(max_length=20_000)] = ""
) -> MayForm:
    """The fields of a form; boxes that are not ticked are not sent."""
    return MayForm(rights or [], accounts)


May = Annotated[MayForm, Depends(may_form)]


def days(text: str) -> timedelta:
    """A number of days. Raises InvalidInput."""
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= len("366")):
        raise InvalidInput(InputFault("must be a number of days, such as 90", "expires"))
    return timedelta(days=int(text))
