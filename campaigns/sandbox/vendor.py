"""The vendor's API without sockets: requests in, replies out. What was accepted is on the disk before the reply."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from campaigns.sandbox import reading, writing
from campaigns.sandbox.book import ledger_line
from campaigns.sandbox.faults import Chosen, Effect, Stage
from campaigns.sandbox.journal import Journal, Seen
from campaigns.sandbox.ledger import Ledger
from campaigns.sandbox.mishaps import NO_ANSWER, after_acting, before_acting
from campaigns.sandbox.replies import PLAIN, Refused, Reply, Transport, encode
from campaigns.sandbox.routes import Call, Request, account_of, route
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.validation import read_content
from campaigns.sandbox.world import Done, Turn, World

Clock = Callable[[], float]

ENDPOINTS: dict[str, Callable[[Turn], Done]] = {
    "send": writing.send,
    "update": writing.update,
    "delete": writing.delete,
    "list": reading.list_queue,
    "get": reading.get_item,
    "overview": reading.overview,
    "whoami": reading.whoami,
    "accounts": reading.accounts,
    "user_lists": reading.user_lists,
    "user_list": reading.user_list,
    "list_users": reading.list_users,
    "saved": reading.list_saved,
    "calendar": reading.calendar,
}
CHECKS: dict[str, Callable[[Turn], None]] = {
    "send": writing.check_send,
    "update": writing.check_update,
}
WITHOUT_META = frozenset({"whoami", "accounts"})
RETRY_COUNT_HEADER = "x-stainless-retry-count"
LONGEST_RETRY_COUNT = 10


@dataclass(slots=True)
class Exchange:
    """One request and its reply.

    The server calls `ends` before the last byte leaves, `delivered` after that, and in any case `close`.
    """

    reply: Reply
    seen: Seen
    _vendor: Vendor
    _journal: Journal
    _accepted: tuple[str, int] | None = None

    def ends(self) -> None:
        """The request is over for the vendor: nothing of it is in flight."""
        self._journal.end(self.seen)

    def delivered(self) -> None:
        """The whole reply was given to the network. After a kill in between, it is recorded as not delivered."""
        if self._accepted is not None:
            self._vendor.note_delivered(*self._accepted)

    def close(self) -> None:
        """The server is done with it, whatever became of the reply."""
        self._journal.close(self.seen)


class Vendor:
    """The rules of the API over a world, a ledger and a clock (seconds since 1970). Thread-safe."""

    def __init__(self, setup: Setup, ledger: Ledger, clock: Clock) -> None:
        """Replays the ledger. Raises UsageError when it is damaged."""
        self.journal = Journal()
        self.lock = threading.Lock()
        self.clock = clock
        self.world = World(setup, started_at=clock())
        self._ledger = ledger
        for entry in ledger.replay():
            self.world.book.apply(entry)
        self.world.credits = max(0, self.world.credits - len(self.world.book.accepted()))

    def answer(self, request: Request) -> Exchange:
        """Judge one request, act on it, and prepare its reply.

        When the ledger's disk fails, the reply is a 500 that proves nothing, as from a vendor with a fault.
        """
        now, journal = self.clock(), self.journal
        try:
            call = route(request)
        except Refused as refused:
            seen = journal.begin(_seen(request, None, now))
            with self.lock:
                return self._noted(journal, seen, self._refused(refused, now))
        seen = journal.begin(_seen(request, call, now))
        turn = Turn(self.world, request, call, request.fields() if request.body else {}, now)
        reply, done = self._decided(turn)
        seen.fault = turn.chosen.words
        if done is None:
            return self._noted(journal, seen, reply)
        try:
            self._remember(done)
        except OSError as error:
            return self._noted(journal, seen, _not_remembered(error))
        if done.message is None:
            return self._noted(journal, seen, reply)
        seen.message_id = done.message.id
        return self._noted(journal, seen, reply, (done.message.account, done.message.id))

    def note_delivered(self, account: str, message_id: int) -> None:
        """Record that the reply to an accepted send left whole. Not synced: it survives a kill, not a power cut."""
        entry = {"kind": "delivered", "account": account, "id": message_id}
        self._ledger.append(ledger_line(entry), durable=False)
        with self.lock:
            self.world.book.apply(entry)

    def adopt(self, setup: Setup) -> None:
        """Use another setup; what was accepted stays."""
        with self.lock:
            self.world.adopt(setup)

    def forget(self) -> None:
        """Everything as at a first start, in the ledger too; the setup stays, its script begins again."""
        with self.lock:
            self._ledger.clear()
            self.world.forget()
            self.journal = Journal()

    def _decided(self, turn: Turn) -> tuple[Reply, Done | None]:
        """The reply, and the entries to record before it leaves."""
        with self.lock:
            done = None
            try:
                self._admit(turn)
                turn.chosen = self.world.plan.choose(turn.call.kind, turn.call.account)
                fault = turn.chosen.answer
                if fault is not None and fault.stage is Stage.BEFORE:
                    return self._not_acted_on(turn, fault), None
                done = ENDPOINTS[turn.call.kind](turn)
                reply = self._served(turn, done)
            except Refused as refused:
                reply = self._refused(refused, turn.now)
            fault = turn.chosen.answer
            if fault is None or fault.stage is Stage.BEFORE:
                return reply, done
            return after_acting(fault, reply), done

    def _admit(self, turn: Turn) -> None:
        """The order in which the vendor refuses is assumed: key, minute, account, credits, body."""
        self.world.check_key(turn.request.key)
        self.world.take_slot(turn.now)
        if turn.call.account is not None:
            self.world.check_account(turn.call.account)
            self.world.check_credits()
        check = CHECKS.get(turn.call.kind)
        if check is not None:
            check(turn)

    def _not_acted_on(self, turn: Turn, fault: Effect) -> Reply:
        """Raises Refused for a fault with a reply."""
        turn.chosen = Chosen(fault)  # there will be no item, so its faults have no effect
        if fault.fault == "account_logged_out":
            self.world.logged_out.add(turn.account)
        reply = before_acting(fault, turn.call, turn.now)
        if isinstance(reply, Reply):
            return reply
        if reply.burns_media and turn.call.kind == "send":
            self.world.book.spend(read_content(turn.body))
        raise reply

    def _remember(self, done: Done) -> None:
        """Write to the disk first, then to the book: nothing is shown that a kill could undo."""
        for change in done.changes:
            self._ledger.append(ledger_line(change.entry, change.raw_request))
        if done.changes:
            with self.lock:
                for change in done.changes:
                    self.world.book.apply(change.entry, change.item)

    def _served(self, turn: Turn, done: Done) -> Reply:
        if turn.call.kind in WITHOUT_META:
            charge = self.world.charge(0, turn.now)
            return Reply(200, encode(done.body), "served", charge.limit_headers(), transport=self._usual())
        charge = self.world.charge(1, turn.now)
        body = encode({**done.body, "_meta": charge.meta()})
        return Reply(200, body, "served", charge.headers(), transport=self._usual())

    def _refused(self, refused: Refused, now: float) -> Reply:
        return replace(refused.reply(self.world.charge(refused.credits_used, now)), transport=self._usual())

    def _usual(self) -> Transport:
        seconds = self.world.setup.answer_seconds
        return Transport("plain", seconds) if seconds else PLAIN

    def _noted(self, journal: Journal, seen: Seen, reply: Reply, accepted: tuple[str, int] | None = None) -> Exchange:
        seen.outcome = reply.outcome
        silent = reply.status == NO_ANSWER or reply.transport.how in ("close", "reset", "hang")
        seen.status = None if silent else reply.status
        return Exchange(reply, seen, self, journal, accepted)


def _not_remembered(error: OSError) -> Reply:
    words = f"The sandbox cannot write its ledger: {error.strerror}."
    sys.stderr.write(words + "\n")
    return Reply(500, encode({"error": words}), "ledger_failed")


def _seen(request: Request, call: Call | None, now: float) -> Seen:
    retries = request.headers.get(RETRY_COUNT_HEADER, "")
    return Seen(
        now,
        request.method,
        request.target,
        None if call is None else call.kind,
        account_of(request) if call is None else call.account,
        int(retries) if retries.isdecimal() and len(retries) < LONGEST_RETRY_COUNT else None,
    )
