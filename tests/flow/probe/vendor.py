"""A vendor for probes: it keeps what it takes, shows it in its own way, and deletes it or not."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from tests.clock import DrivenClock
from tests.world import UNKNOWN, UNSENT, FakeGateway, accepted

LATE_DATE = "HTTP 422: scheduledDate: it is too far ahead"


@dataclass
class ProbedVendor(FakeGateway):
    """One account at the vendor."""

    now: DrivenClock = field(default_factory=DrivenClock)
    echo: Callable[[str], str] = lambda text: f"<p>{html.escape(text, quote=False)}</p>"
    lag: timedelta = timedelta()  # of its list
    ahead: timedelta = timedelta()  # its clock
    loses_answer: bool = False
    refuses_late_date: bool = False
    ignores_deletes: int = 0  # so many that it confirms all the same
    hides_scheduled: bool = False  # a scheduled item has no page of its own
    items: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        if self.refuses_late_date:
            self.script = [Outcome(OutcomeKind.REJECTED, error=LATE_DATE, http_status=422)]
            return super().send(account, body, deadline_seconds=deadline_seconds, may_start=may_start)
        found = super().send(account, body, deadline_seconds=deadline_seconds, may_start=may_start)
        if found.kind is not OutcomeKind.ACCEPTED:
            return found
        message_id = str(777 + len(self.items))
        self.items[message_id] = (self.now.now, self.received[-1])
        return UNKNOWN if self.loses_answer else accepted(message_id)

    def queue(self, account: str) -> list[QueueItem]:
        old = super().queue(account)
        visible = [name for name, (at, _) in self.items.items() if self.now.now >= at + self.lag]
        return [QueueItem(name, self._due(name)) for name in visible if name not in self.gone] + old

    def item(self, account: str, message_id: str) -> ItemContent | None:
        super().item(account, message_id)
        if message_id not in self.items or self.hides_scheduled:
            return None
        return replace(self._content(message_id), price=None, media=None, is_canceled=message_id in self.gone)

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        super().overview(account, since=since, until=until)
        return Overview([], (self.now.now + self.ahead).replace(microsecond=0))

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        found = super().unsend(account, message_id, deadline_seconds=deadline_seconds, may_start=may_start)
        if found.kind is not UnsendKind.UNSENT:
            return found
        if self.ignores_deletes:
            self.ignores_deletes -= 1
        else:
            self.gone.add(message_id)
        return UNSENT

    def _due(self, message_id: str) -> datetime:
        return datetime.fromisoformat(self.items[message_id][1]["scheduledDate"])

    def _content(self, message_id: str) -> ItemContent:
        body = self.items[message_id][1]
        return ItemContent(message_id, self.echo(body["text"]), not body.get("price"), 0, self._due(message_id))
