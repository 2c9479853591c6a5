"""Operators: what they may do at any moment, in error as well as in truth, and what the ledger must know of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap64

from campaigns.domain.errors import CampaignsError, NotAllowed, NotFound
from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.flow.accounts.release import release_account
from campaigns.flow.audience.suppress import suppress as suppress_users
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.decide import Verdict, decide
from campaigns.flow.reconcile.search import ask_to_look
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.store.views import accounts as account_views
from tests.law.ledger import Message
from tests.law.place import WHY, Place
from tests.law.records import Batch, Books
from tests.world import ANNA, UPSTREAM

AGAIN = (frozenset({BatchState.REJECTED}), frozenset({BatchState.REJECTED, BatchState.CANCELLED}))
IDS = re.compile(r"\b4\d{10}\b")


@dataclass(frozen=True)
class Operators:
    """People with access to one place."""

    place: Place

    def decide(
        self,
        run_id: int,
        verdict: Verdict,
        *,
        seq: int | None = None,
        named: bool = False,
        despite: Collection[str] = (),
    ) -> None:
        """Decide about one batch, or all that are unknown. `named`: with the true message ID, if there is one.

        `despite`: messages on record that the operator knows of, and decides so all the same.
        """
        chosen = [batch for batch in self.place.batches(run_id) if seq in {None, batch.seq}]
        chosen = [batch for batch in chosen if seq is not None or batch.state == BatchState.UNKNOWN]
        message_id = self._own_id(chosen[0]) if named and seq is not None and chosen else None
        seqs = None if seq is None else [seq]
        how: dict[str, Any] = {"message_id": message_id, "despite": sorted(despite)}
        decide(self.place.store, run_id, seqs=seqs, verdict=verdict, **how, **WHY)
        users = {user for batch in chosen for user in batch.users}
        if verdict == "accepted":
            got = {user for message in self.place.ledger.out_to(users) for user in message.users}
            self.place.ledger.taken_for_sent |= users - got
        else:
            self.place.ledger.allow(users)
            for on_record in despite:
                self.place.ledger.allow(users, on_record)

    def resume(self, run_id: int) -> None:
        """Close one hold of a run. Who is told of a message, or of a restore, and goes on all the same, means it."""
        (run,) = [each for each in self.place.books() if each.id == run_id]
        closed = resume_run(self.place.store, run_id, **WHY).closed
        users = run.users or self._audience(run)
        if closed == "restored":
            self.place.ledger.allow(users)
        for message_id in IDS.findall(dict(run.holds).get(closed) or ""):
            self.place.ledger.allow(users, message_id)

    def suppress(self, users: Iterable[int], account: str | None) -> None:
        """Nobody may send to them from now on."""
        users = set(users)
        suppress_users(self.place.store, BitMap64(users), account_id=account, **WHY)
        self.place.ledger.suppress(users, account)

    def pause(self, run_id: int) -> None:
        pause_run(self.place.store, run_id, **WHY)

    def cancel(self, run_id: int) -> None:
        cancel_run(self.place.store, run_id, **WHY)

    def recall(self, run_id: int) -> None:
        recall_run(self.place.store, run_id, **WHY)

    def rerun(self, run_id: int, *, cancelled: bool = False) -> int:
        """A child run over those who were not reached."""
        made = rerun(self.place.store, run_id, upstream=UPSTREAM, states=AGAIN[cancelled], **WHY).child
        assert isinstance(made, int)
        return made

    def look(self, run_id: int) -> None:
        ask_to_look(self.place.store, run_id, actor=ANNA)

    def archive(self, campaign_id: int) -> None:
        archive_campaign(self.place.store, campaign_id, actor=ANNA)

    def release(self, account: str) -> None:
        release_account(self.place.store, account, **WHY)

    def held_accounts(self) -> list[str]:
        """The accounts that are held, or whose team is."""
        with self.place.store.read() as connection:
            return [row.id for row in account_views.accounts(connection) if row.holds]

    def put_right(self) -> None:
        """What docs/operating.md asks for, truthfully: whatever waits for a person is decided by the ledger."""
        for account in self.held_accounts():
            with suppress(NotAllowed):
                self.release(account)
        for run in self.place.books():
            for batch in run.batches:
                if batch.state == BatchState.UNKNOWN:
                    self._decide_truly(batch)
            if run.state in RUN_OPEN and run.holds:
                self._go_on_or_cancel(run)

    def _decide_truly(self, batch: Batch) -> None:
        reached = self._reached_by(batch.users)
        # The last two for what the vendor took and failed at, where a release refuses to send it again.
        ways: list[tuple[Verdict, bool]] = [
            ("resend", False),
            ("not-sent", False),
            ("accepted", True),
            ("accepted", False),
        ]
        if reached:
            ways = [("accepted", True), ("accepted", False)]
        for verdict, named in ways:
            with suppress(NotAllowed, NotFound):
                self.decide(batch.run_id, verdict, seq=batch.seq, named=named)
                return

    def _go_on_or_cancel(self, run: Books) -> None:
        """A run that may have gone out before a restore goes on only if it has not."""
        waiting = {user for batch in run.batches if batch.state == BatchState.READY for user in batch.users}
        with suppress(CampaignsError):
            if self._reached_by(waiting or self._audience(run)):
                self.cancel(run.id)
            else:
                self.resume(run.id)

    def _reached_by(self, users: Iterable[int]) -> list[Message]:
        return self.place.ledger.out_to(users)

    def _own_id(self, batch: Batch) -> str | None:
        """The ID of the batch's own message; one that reached its users before one that failed."""
        own = [each for each in self.place.ledger.messages.values() if each.users == batch.users]
        own.sort(key=lambda each: each.is_out())
        return own[-1].id if own else None

    def _audience(self, run: Books) -> set[int]:
        return {user for each in self.place.campaigns if each.id == run.campaign_id for user in each.users}
