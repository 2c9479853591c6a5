"""All that one look knows of an account: its open requests, the vendor's list, and how they match."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.messages.body_form import as_it_travels, text_form_on_record
from campaigns.domain.messages.message import Message, from_json
from campaigns.domain.reconcile.judging import Listed, judge
from campaigns.domain.reconcile.matching import Item, Key, Matched, Request, match, may_hold
from campaigns.domain.reconcile.search import MOST_CANDIDATES, Finding, Judgement
from campaigns.domain.reconcile.windows import LostTime, Skew, measured
from campaigns.domain.schedules.handoff import as_sent, may_be_handed_over
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem, SavedItem
from campaigns.flow.reconcile.cases import Case
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.backup.restored import lost_periods
from campaigns.store.probe.results import marks_survive
from campaigns.store.reconcile.open_requests import Anchor, OpenRequest, anchors_among, open_requests, vendor_dates
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.reconcile.searches import newest_owned
from campaigns.store.runs.content import message_of_run

LONGEST_SEARCH = timedelta(days=7)
"""An unexplained item cannot belong to a request that began longer than this before it."""

OLDEST = timedelta(days=60)
"""Requests older than this are not matched, however old the items of the list are."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of one look."""

    judged: list[tuple[Case, Judgement]]
    # Requests that were not searched for, but whose items were found with those of the others.
    others: list[tuple[OpenRequest, str]] = field(default_factory=list)
    together: list[tuple[list[OpenRequest], tuple[str, ...]]] = field(default_factory=list)
    seen: dict[str, int | None] = field(default_factory=dict)  # the candidates, and the sent count of each
    apart: timedelta = timedelta(0)
    is_last: bool = False  # no more questions are allowed, so this is the last look whatever its number


@dataclass(frozen=True, slots=True)
class Picture:
    """The requests of an account that own no item, and the vendor's list."""

    rows: Mapping[Key, OpenRequest]
    requests: Mapping[Key, Request]
    items: Sequence[QueueItem]
    unowned: Sequence[QueueItem]
    skew: Skew
    lost: Sequence[LostTime]

    def worth_asking(self, keys: Collection[Key]) -> list[QueueItem] | None:
        """The items to ask about for these requests: theirs, and those of requests that share them; None: too many."""
        near = replace(self.skew, is_measured=True)
        asked, possible = set(keys) & self.requests.keys(), set[str]()
        while True:
            items = {
                item.id for item in self.unowned if any(may_hold(self.requests[key], item.date, near) for key in asked)
            }
            if items == possible:
                break
            possible = items
            asked |= {
                key
                for key, request in self.requests.items()
                if any(may_hold(request, item.date, self.skew) for item in self.unowned if item.id in possible)
            }
        is_too_much = len(possible) > len(asked) + MOST_CANDIDATES
        return None if is_too_much else [item for item in self.unowned if item.id in possible]

    def judged(self, cases: Sequence[Case], asked: Sequence[QueueItem], contents: Sequence[ItemContent]) -> Looked:
        """What the list and these items prove about the cases and about the other open requests."""
        shown = {content.id: content for content in contents}
        items = [self._item(item, shown.get(item.id)) for item in asked]
        matched = match(list(self.requests.values()), items, self.skew)
        together = self._together(matched)
        due = {case.batch.key for case in cases}
        findings = {key: self._judge(key, matched, together) for key in {*due, *matched.found}}
        others = [
            (self.rows[key], matched.found[key])
            for key, judgement in findings.items()
            if key not in due and judgement.finding is Finding.FOUND
        ]
        seen = {item.id: shown[item.id].sent_count if item.id in shown else None for item in asked}
        judged = [(case, findings[case.batch.key]) for case in cases]
        return Looked(judged, others, together, seen, self.skew.apart)

    def _item(self, item: QueueItem, content: ItemContent | None) -> Item:
        may_be_lost = any(time.may_hold(item.date, self.skew) for time in self.lost)
        return Item(item.id, item.date, content, () if content is None else content.marks, may_be_lost)

    def _together(self, matched: Matched) -> list[tuple[list[OpenRequest], tuple[str, ...]]]:
        """The sets that can be owned together: each batch is as its last request left it, or was decided accepted."""
        sets = []
        for keys, ids in matched.together:
            rows = [self.rows[key] for key in keys]
            is_sure = self._judge(keys[0], matched, None).finding is Finding.FOUND_TOGETHER
            if is_sure and all(_may_join(row) for row in rows):
                sets.append((rows, ids))
        return sets

    def _judge(
        self, key: Key, matched: Matched, together: Sequence[tuple[list[OpenRequest], tuple[str, ...]]] | None
    ) -> Judgement:
        request = self.requests.get(key)
        if request is None:
            return Judgement(Finding.UNCLEAR, "none of its requests on record differs from other requests")
        judgement = judge(request, self.requests, matched, Listed(self.items, self.unowned, self.skew))
        is_alone = together is not None and not any(key == row.key for rows, _ in together for row in rows)
        if judgement.finding is Finding.FOUND_TOGETHER and is_alone:
            reason = f"{judgement.reason}, but another of them was decided before"
            return Judgement(Finding.UNCLEAR, reason)
        return judgement


def picture_of(
    connection: Connection,
    cases: Sequence[Case],
    items: Sequence[QueueItem],
    *,
    now: datetime,
    saved: Sequence[SavedItem] | None = None,
) -> Picture:
    """The picture of an account from its record and the vendor's list; `saved`: its list of messages kept for later."""
    account_id = cases[0].batch.account_id
    owners = owners_among(connection, account_id, [item.id for item in items])
    unowned = [item for item in items if item.id not in owners]
    oldest = min((item.date for item in unowned if item.date is not None), default=now)
    due = {case.batch.key: case.batch.started_at for case in cases}
    since = min([max(oldest - LONGEST_SEARCH, now - OLDEST), *due.values()])
    rows = {row.key: row for row in open_requests(connection, account_id, since=since, now=now)}
    anchors = anchors_among(connection, account_id, [item.id for item in items if item.id in owners])
    survive = marks_survive(connection, account_id)
    lost = [LostTime(after, until) for after, until in lost_periods(connection, account_id)]
    run_ids = {row.run_id for row in rows.values()}
    messages = {run_id: from_json(message_of_run(connection, run_id)) for run_id in run_ids}
    requests = {
        key: _request(row, messages[row.run_id], anchors, lost, marks_survive=survive)
        for key, row in rows.items()
        if messages[row.run_id].save_for_later == (saved is not None)
    }
    for key in due.keys() & requests.keys():
        before = newest_owned(connection, account_id, before=due[key])
        requests[key] = replace(requests[key], newest_owned=before)
    for item in saved or ():
        requests = {key: _for_its_users(request, rows[key], item) for key, request in requests.items()}
    skew = measured(vendor_dates(connection, find_upstream(connection, account_id)[0]))
    return Picture(rows, requests, items, unowned, skew, lost)


def _request(
    row: OpenRequest, written: Message, anchors: Sequence[Anchor], lost: Sequence[LostTime], *, marks_survive: bool
) -> Request:
    message = as_it_travels(as_sent(written, row.started_at), text_form_on_record(row.form))
    numbered = [anchor for anchor in anchors if anchor.message_id.isascii() and anchor.message_id.isdecimal()]
    before = [int(anchor.message_id) for anchor in numbered if anchor.finished_at < row.started_at]
    after = [int(anchor.message_id) for anchor in numbered if anchor.started_at > row.arrives_until]
    return Request(
        row.key,
        message.text,
        is_free=not message.price,
        size=row.size,
        started_at=row.started_at,
        arrives_until=row.arrives_until,
        scheduled_date=message.scheduled_date,
        is_listed=not message.save_for_later,
        mark=row.mark,
        shows_mark=marks_survive and row.mark is not None,
        denied=row.denied,
        above=max(before, default=None),
        below=min(after, default=None),
        was_restored=any(row.started_at <= time.until for time in lost),
        has_lost_twins=any(may_be_handed_over(message.scheduled_date, time.until) for time in lost),
    )


def _for_its_users(request: Request, row: OpenRequest, item: SavedItem) -> Request:
    """The request; a saved item that is for other users is denied to it."""
    users = None if row.users is None else frozenset(unpack(row.users))
    is_for_others = item.users is not None and users is not None and not item.users <= users
    return replace(request, denied=request.denied | {item.id}) if is_for_others else request


def _may_join(row: OpenRequest) -> bool:
    if not row.is_last:
        return False
    return row.state is BatchState.UNKNOWN or (row.state is BatchState.ACCEPTED and row.message_id is None)
