"""What is sent during a storm: small campaigns of many accounts, each with a text and users of its own."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import timedelta

from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.errors import NotAllowed, TryLater
from campaigns.domain.messages.message import make_message
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.recall.recall import recall_run
from campaigns.store.database.engine import Store
from tests.faults.orders import Order, Orders

UPSTREAM = "sandbox"
STORM = "operator:storm"
BATCH_SIZE = 4

OPEN = "('due', 'planned', 'sending', 'cancelling')"


class Work:
    """Gives work to accounts."""

    def __init__(self, store: Store, accounts: int, *, resend_share: float = 0.0) -> None:
        """A share of the accounts has chosen to send unknowns again, at least once: the law is not claimed there."""
        self._store = store
        self._resenders = int(accounts * resend_share)
        self._users = itertools.count(10_000_000)
        self._names = itertools.count(1)
        self._turns = itertools.count(1)
        self.orders = Orders()
        self.accounts = [f"acct_storm{number:03d}" for number in range(accounts)]
        for account in self.accounts:
            add_account(store, account, upstream=UPSTREAM, team=None, actor=STORM)

    def run_for(
        self, account: str, *, batches: int = 6, in_seconds: float | None = None, on_unknown: str = "hold"
    ) -> int:
        """One campaign, launched at once, or armed for later; answers the campaign."""
        users = BitMap64(itertools.islice(self._users, batches * BATCH_SIZE - 1))
        order = Order(f"Number {next(self._names)} of the storm", account, users, on_unknown)
        self.orders.add(order)
        try:
            return self.place(order, users, in_seconds=in_seconds)
        except NotAllowed:  # its time has passed on a slow machine
            return self.place(order, users)

    def place(self, order: Order, users: BitMap64, *, in_seconds: float | None = None) -> int:
        """A campaign of an order, to these of its users; answers the campaign."""
        with self._store.read() as connection:
            now = self._store.now(connection)
        draft = Draft(
            name=order.text,
            account_id=order.account,
            message=make_message({"text": order.text}),
            audience=Reading(users=users),
            batch_size=BATCH_SIZE,
            on_unknown=order.on_unknown,
            starts_at=None if in_seconds is None else now + timedelta(seconds=in_seconds),
        )
        campaign_id = create_campaign(self._store, draft, actor=STORM).id
        launch(self._store, campaign_id, upstream=UPSTREAM, actor=STORM)
        return campaign_id

    def feed(self, *, batches: int = 6, at_most: int = 4) -> int:
        """Give new work to accounts that have next to none left; every fifth comes by its time."""
        idle = self._with_little_left()[:at_most]
        for account in idle:
            by_time = next(self._turns) % 5 == 0
            resends = account in self.accounts[: self._resenders]
            with suppress(TryLater):  # the order stands, and operators place it when the database is back
                self.run_for(
                    account,
                    batches=batches,
                    in_seconds=0.5 if by_time else None,
                    on_unknown="resend" if resends else "hold",
                )
        return len(idle)

    def _with_little_left(self) -> list[str]:
        statement = text(
            "SELECT account_id, count(*) AS ready FROM batch WHERE state = 'ready' GROUP BY account_id"
            " UNION ALL SELECT account_id, 9 FROM run WHERE state = 'due'"
            " UNION ALL SELECT account_id, 9 FROM campaign WHERE due_at IS NOT NULL"
            " UNION ALL SELECT account_id, 9 FROM hold WHERE account_id IS NOT NULL AND closed_at IS NULL"
        )
        with self._store.read() as connection:
            has = {row.account_id for row in connection.execute(statement) if row.ready > 1}
        return [account for account in self.accounts if account not in has]

    def recall(self, *, at_most: int = 2) -> None:
        """Have the newest runs that have ended taken back, as an operator who finds a mistake."""
        statement = text(
            f"SELECT id FROM run WHERE state NOT IN {OPEN} AND id NOT IN (SELECT run_id FROM recall)"
            " ORDER BY id DESC LIMIT :most"
        )
        with suppress(TryLater):  # the database may be taken away at any moment
            with self._store.read() as connection:
                runs = list(connection.scalars(statement, {"most": at_most}))
            for run_id in runs:
                with suppress(NotAllowed):  # nothing of it was accepted
                    recall_run(self._store, run_id, reason="a mistake in it", actor=STORM)

    def given_up(self) -> list[int]:
        """The batches that are unknown and not looked for any more: an operator has to decide."""
        statement = text("SELECT id FROM batch WHERE state = 'unknown' AND look_at IS NULL")
        with self._store.read() as connection:
            return list(connection.scalars(statement))

    def unfinished(self) -> list[str]:
        """Everything that still has to come to an end, in words."""
        statement = text(
            f"SELECT 'run ' || id || ' is ' || state FROM run WHERE state IN {OPEN}"
            " UNION ALL SELECT 'the recall of run ' || run_id || ' is open' FROM recall WHERE finished_at IS NULL"
            " UNION ALL SELECT 'campaign ' || id || ' is due' FROM campaign WHERE due_at IS NOT NULL"
            " UNION ALL SELECT 'batch ' || seq || ' of run ' || run_id || ' is ' || state FROM batch"
            " WHERE state IN ('ready', 'sending') OR look_at IS NOT NULL"
        )
        with self._store.read() as connection:
            return list(connection.scalars(statement))
