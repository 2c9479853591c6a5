"""What the rig wanted to be sent: the judge goes by this and by the vendor's ledger, whatever the database says."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap64


@dataclass(frozen=True)
class Order:
    """One text to some users of one account. No user and no text stands in two orders."""

    text: str
    account: str
    users: BitMap64
    on_unknown: str


class Orders:
    """Every order of a storm, by its text."""

    def __init__(self) -> None:
        self._by_text: dict[str, Order] = {}
        self._owners: dict[int, Order] = {}

    def add(self, order: Order) -> None:
        """Take in an order, before anything is made of it."""
        self._by_text[order.text] = order
        self._owners |= dict.fromkeys(order.users, order)

    def said(self, text: str) -> Order | None:
        """The order with that text."""
        return self._by_text.get(text)

    def of_user(self, user: int) -> Order | None:
        """The order that a user stands in."""
        return self._owners.get(user)

    def all(self) -> list[Order]:
        """The oldest first."""
        return list(self._by_text.values())
