"""Orders, a store, and a vendor's ledger that a test writes: what the judge and the operators of a storm see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pyroaring import BitMap64

from tests.faults.lost import Lost
from tests.faults.oracle import Verdict, judge
from tests.faults.orders import Order, Orders
from tests.world import World


@dataclass
class Scene:
    """What was ordered, what a database knows of it, and what the vendor's ledger says."""

    world: World
    ledger: Path
    orders: Orders = field(default_factory=Orders)
    lost: Lost = field(default_factory=Lost)

    def order(self, *orders: Order) -> None:
        for each in orders:
            self.orders.add(each)

    def run_of(self, order: Order) -> int:
        """A run of an order, ready to send, on an account that is there."""
        message = {"text": order.text}
        return self.world.launch(
            self.world.campaign(order.users, name=order.text, account_id=order.account, message=message)
        )

    def accepted(self, words: str, account: str, *users: int) -> str:
        """One send, of which a database that is no more had committed the attempt; returns its message ID."""
        number = len(self.ledger.read_bytes().splitlines()) if self.ledger.exists() else 0
        request = {"text": words, "userIds": [str(user) for user in users]}
        entry = {"kind": "accepted", "id": 700 + number, "account": account, "at": 100.0 + number}
        line = json.dumps({**entry, "sha256": f"sha {number}", "skipped": [], "request": request})
        with self.ledger.open("a") as file:
            file.write(line + "\n")
        self.lost.requests[account, f"sha {number}"] = {99.0}
        return str(entry["id"])

    def judged(self, *, given_up: BitMap64 | None = None) -> Verdict:
        return judge(
            self.world.store,
            self.ledger,
            orders=self.orders,
            unfinished=[],
            most_in_flight=1,
            lost=self.lost,
            given_up=given_up,
        )
