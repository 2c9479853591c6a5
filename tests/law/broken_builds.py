"""The broken builds: each is the product with one rule taken away, and names the story that finds it.

One line of MUTANTS for each: its name, the rule that it undoes, what it puts in the place of what, and its story.
`python -m tests.law.mutants` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any
from unittest import mock

from pyroaring import BitMap64
from sqlalchemy import Select, bindparam, false, text, update
from sqlalchemy.sql.visitors import cloned_traverse

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.domain.reconcile import matching
from campaigns.domain.reconcile.judging import Listed
from campaigns.domain.reconcile.matching import Item, Request
from campaigns.domain.reconcile.windows import CLOCK_SKEW
from campaigns.domain.states import BatchState, HoldKind
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.reconcile import search, settle_search
from campaigns.flow.reconcile.picture import Looked
from campaigns.flow.sending import send
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.ports import Permit
from campaigns.store.audit import seals
from campaigns.store.audit.events import EventKind
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.open_requests import OpenRequest, open_requests
from campaigns.store.reconcile.searches import LookedFor
from campaigns.store.sending.attempts import settle_batch
from campaigns.store.sending.statements import OPEN_RUNS
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import hold


@dataclass(frozen=True)
class Mutant:
    """One broken build."""

    name: str
    rule: str  # what it undoes
    puts: dict[str, Any]  # where -> what stands there instead
    story: str  # the named story that finds it, as `unknowns.test_...` in test_stories_of_unknowns.py
    given: dict[str, Any] = field(default_factory=dict)  # what that story is told with, if it has parameters
    lacks: str | None = None  # the triggers that its database has not, by the end of their names

    @contextmanager
    def build(self, store: Store) -> Iterator[None]:
        """While this lasts, the product is that build; its database is not put right."""
        with ExitStack() as patched:
            if self.lacks is not None:
                _drop_triggers(store, self.lacks)
            for where, what in self.puts.items():
                patched.enter_context(mock.patch(where, what))
            yield


def _made_ready(connection: Any, opened: Any, _: BatchState, **how: Any) -> bool:
    return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})


def _not_decided(*where: Any, **how: Any) -> list[OpenRequest]:
    return [each for each in open_requests(*where, **how) if each.state is BatchState.UNKNOWN]


def _asked_freely(pacer: RedisPacer, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
    return Permit(granted=True) if reserved else ACQUIRE(pacer, key, account, hold_seconds=hold_seconds)


def _drop_triggers(store: Store, ending: str) -> None:
    with store.writer.connect() as connection:
        asked = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE :ending")
        for name in connection.scalars(asked, {"ending": f"%_{ending}"}).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.commit()


def _nothing_unexplained(items: Any, _: Any, skew: Any) -> Listed:
    return Listed(items, (), skew)


def _look_at_list(sender: Any, cases: Any, payer: Any) -> Looked:
    return LOOK_AT_LIST(sender, cases, payer)


def _as_if_never_restored(turn: Any, found: LookedFor, judgement: Any) -> BatchState:
    return PROVED_NOT_SENT(turn, replace(found, was_restored=False), judgement)


def _fits_whatever_its_size(item: Item, request: Request) -> bool:
    return FITS(item, replace(request, size=None))


def _post_without_hurry(sender: LaneContext, committed: Any, started: float) -> Any:
    return POST(sender, committed, max(started, sender.monotonic()))


def _covers_no_recall(connection: Any, kind: str, run_id: int | None) -> dict[str, Any]:
    return {} if kind == EventKind.RECALL_FINISHED else COVERED(connection, kind, run_id)


def _scripts_without(rule: str, instead: str) -> Callable[[str], Any]:
    """Scripts of a package in which a condition is replaced, wherever it stands."""

    def of_package(package: str) -> Any:
        def read(name: str) -> mock.Mock:
            script = files(package).joinpath(name).read_text()
            assert rule in script
            return mock.Mock(read_text=lambda: script.replace(rule, instead))

        return mock.Mock(joinpath=read)

    return of_package


def _blind_to_stops(statement: Select[Any]) -> Select[Any]:
    """The statement with every question about holds changed: a stop is none."""

    def ask_for_others(asked: Select[Any]) -> None:
        if hold in asked.get_final_froms():
            asked._where_criteria += (hold.c.kind != HoldKind.STOP.value,)

    changed = cloned_traverse(statement, {}, {"select": ask_for_others})
    assert "kind !=" in str(changed)
    return changed


class _NeverRaised(Exception):
    """What nobody raises, so that nobody catches it."""


ACQUIRE = RedisPacer.acquire
COVERED = seals._columns_covered
FITS = matching._fits
LOOK_AT_LIST = search._look_at_list
POST = send._post
PROVED_NOT_SENT = settle_search._proved_not_sent
FLOW, STORE, DOMAIN, REDIS = "campaigns.flow", "campaigns.store", "campaigns.domain", "campaigns.adapters.redis"
NEVER_LEFT = Outcome(OutcomeKind.NOT_SENT, error="its worker went away")
UNFENCED = (  # settles whatever stands there
    update(batch)
    .where(batch.c.id == bindparam("batch"))
    .values(state=bindparam("to_state"), lease_until=None, message_id=bindparam("new_message"))
    .returning(batch.c.id)
)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "an abandoned attempt is ready again",
        "a request without an outcome is unknown",
        {f"{FLOW}.reconcile.abandoned.ABANDONED": NEVER_LEFT, f"{FLOW}.reconcile.abandoned.settle_batch": _made_ready},
        "unknowns.test_nothing_is_decided_to_be_sent_again_against_a_late_answer",
    ),
    Mutant(
        "a lost answer is taken for not sent",
        "an answer that proves nothing is unknown",
        {f"{FLOW}.sending.record.SETTLES": {OutcomeKind.REJECTED: BatchState.REJECTED}},
        "unknowns.test_a_request_without_an_answer_is_not_made_again",
    ),
    Mutant(
        "a failed message counts as accepted",
        "an answer with a message ID and a fault is unknown",
        {f"{DOMAIN}.upstream.outcome.fault_of_accepted": lambda _: None},
        "unknowns.test_what_the_vendor_took_and_failed_at_is_not_accepted",
    ),
    Mutant(
        "outcomes are settled without the fence",
        "a late writer changes nothing",
        {
            f"{STORE}.sending.attempts.SETTLE_BATCH": UNFENCED,
            f"{FLOW}.sending.record.add_outcome": lambda *_, **__: None,
        },
        "unknowns.test_nothing_is_decided_to_be_sent_again_against_a_late_answer",
    ),
    Mutant(
        "what a worker remembers outlives its claim",
        "a restored database gives numbers again, so nothing is remembered by number",
        {f"{FLOW}.sending.lane_context.LaneContext.for_claim": lambda one: one},
        "restores.test_a_run_with_the_number_of_a_lost_one_says_its_own_words",
    ),
    Mutant(
        "a kept answer is written onto whatever has its numbers",
        "an answer is of the very attempt that it names, or put aside",
        {
            f"{FLOW}.sending.spool_outcome.attempt_stands": lambda *_: True,
            f"{FLOW}.sending.record.attempt_stands": lambda *_: True,
        },
        "restores.test_a_kept_answer_of_a_lost_run_is_nobody_elses",
    ),
    Mutant(
        "fences are not noted",
        "a restored database is recognised",
        {f"{REDIS}.fence_book.KeptFences.note": lambda *_: True},
        "restores.test_what_was_sent_after_the_backup_under_a_claim_that_it_knows_is_not_sent_again",
    ),
    Mutant(
        "hosts do not keep the fences that others made",
        "a restored database is recognised by every host",
        {f"{REDIS}.fence_book.KeptFences.see": lambda *_: []},
        "restores.test_what_one_host_sent_after_the_backup_is_not_sent_again_by_the_other",
        {"redis": "restored"},
    ),
    Mutant(
        "looks at Redis are not counted",
        "a host sees that Redis was put back",
        {f"{REDIS}.fence_book.KeptFences._look": lambda book, members, raises=None: book._scores(members)},
        "restores.test_what_one_host_sent_since_the_other_looked_is_not_sent_again_by_it",
    ),
    Mutant(
        "a restored lane is not closed",
        "a restored database is recognised",
        {f"{FLOW}.backup.detect_restore.raise_fence": lambda *_: False},
        "restores.test_a_draft_that_was_launched_after_the_backup_is_not_launched_again_unasked",
    ),
    Mutant(
        "a restored lane's ready batches stay ready",
        "what may have been sent since the backup is unknown",
        {f"{FLOW}.backup.detect_restore.doubt_ready_batches": lambda *_, **__: {}},
        "restores.test_what_one_host_sent_after_the_backup_is_not_sent_again_by_the_other",
        {"redis": "restored"},
    ),
    Mutant(
        "a restored lane's due runs are not held",
        "what may have been sent since the backup is held",
        {f"{FLOW}.backup.detect_restore.runs_not_planned": lambda *_: []},
        "restores.test_what_came_due_after_the_backup_is_not_sent_again_unasked",
    ),
    Mutant(
        "an occurrence after a restore is not held",
        "what may have been sent since the backup is held",
        {f"{FLOW}.schedules.open_occurrence.opening_may_repeat": lambda *_, **__: False},
        "restores.test_a_draft_that_was_launched_after_the_backup_is_not_sent_by_a_time_that_it_is_given_now",
    ),
    Mutant(
        "a rerun after a restore is not held",
        "what may have been made since the backup is held",
        {f"{FLOW}.runs.rerun.rerun_may_repeat": lambda *_: False},
        "restores.test_a_rerun_that_was_made_after_the_backup_is_not_made_again_unasked",
    ),
    Mutant(
        "the search takes messages of the lost time",
        "an item may be that of a request which a restored database lacks",
        {f"{FLOW}.reconcile.picture.lost_periods": lambda *_: []},
        "the_lost_time.test_no_batch_takes_a_message_of_the_lost_time",
        {"looks": "by itself"},
    ),
    Mutant(
        "a look makes ready what was sent in the lost time",
        "nothing from before a restore proves that a batch was not sent since",
        {f"{FLOW}.reconcile.settle_search._proved_not_sent": _as_if_never_restored},
        "the_lost_time.test_an_answer_from_before_a_restore_makes_no_batch_ready",
    ),
    Mutant(
        "an answer makes ready what was sent in the lost time",
        "nothing from before a restore proves that a batch was not sent since",
        {f"{FLOW}.sending.record.batch_may_repeat": lambda *_: False},
        "the_lost_time.test_an_answer_that_was_kept_since_before_the_backup_makes_no_batch_ready",
        {"status": 429},
    ),
    Mutant(
        "a rerun forgets who is unknown",
        "a rerun leaves out whom its lineage may have reached",
        {f"{FLOW}.runs.rerun.REACHED": (BatchState.ACCEPTED,)},
        "reruns.test_a_rerun_leaves_out_whom_an_earlier_one_may_have_reached",
    ),
    Mutant(
        "a rerun forgets suppressions",
        "from a suppression on, nothing names the user",
        {f"{FLOW}.runs.rerun.suppressed_users": lambda *_: BitMap64()},
        "reruns.test_a_rerun_leaves_out_whom_somebody_suppressed_since",
    ),
    Mutant(
        "the last moment forgets suppressions",
        "from a suppression on, nothing names the user",
        {f"{FLOW}.sending.withhold_suppressed.suppressed_between": lambda *_: BitMap64()},
        "reruns.test_whoever_is_suppressed_after_the_plan_gets_nothing",
    ),
    Mutant(
        "the last gate is open",
        "nothing is sent to whom a message on record may have reached",
        {f"{FLOW}.sending.send.hold_if_known": lambda *_, **__: False},
        "unknowns.test_a_late_answer_stops_a_rerun_that_is_open_already",
    ),
    Mutant(
        "a decision passes over what is on record",
        "a message ID on record must be named before its users are sent to again",
        {
            f"{FLOW}.reconcile.decide.refuse_what_passes_over": lambda *_: None,
            f"{FLOW}.sending.send.hold_if_known": lambda *_, **__: False,
            f"{FLOW}.sending.record.look_now": lambda *_, **__: None,
        },
        "unknowns.test_nothing_is_decided_to_be_sent_again_against_a_late_answer",
    ),
    Mutant(
        "a late answer owns nothing",
        "the vendor's own answer says whose a message is",
        {f"{FLOW}.sending.record.own_message": lambda *_, **__: True},
        "unknowns.test_nothing_is_decided_to_be_sent_again_against_a_late_answer",
    ),
    Mutant(
        "the search takes what is ours already",
        "an item that belongs to a request of ours is not a candidate",
        {
            f"{FLOW}.reconcile.picture.owners_among": lambda *_: {},
            f"{FLOW}.reconcile.settle_search.own_message": lambda *_, **__: True,
        },
        "unknowns.test_a_late_answer_owns_its_message_whatever_was_decided",
    ),
    Mutant(
        "the search forgets requests that were decided",
        "an item that two may own is nobody's yet",
        {f"{FLOW}.reconcile.picture.open_requests": _not_decided},
        "unknowns.test_a_decided_request_keeps_its_message_from_the_next_one",
        {"verdict": "not-sent"},
    ),
    Mutant(
        "the search reads no text",
        "an item says what the batch says",
        {f"{DOMAIN}.reconcile.matching.says_the_same": lambda *_, **__: True},
        "unknowns.test_what_another_tool_sends_is_no_message_of_ours",
    ),
    Mutant(
        "absence is judged from a short list",
        "absent is only what a list would show that reaches back",
        {f"{DOMAIN}.reconcile.judging.reaches_back": lambda *_: True},
        "unknowns.test_a_list_that_does_not_reach_back_proves_no_absence",
        {"depth": 0},
    ),
    Mutant(
        "an unknown is sent again while it is searched for",
        "after the last look, not before",
        {f"{FLOW}.reconcile.decidable.anything_is_looked_for": lambda *_: False},
        "unknowns.test_nothing_is_sent_again_before_the_last_look",
    ),
    Mutant(
        "the shared budget grants everything",
        "no minute holds more than the limit",
        {f"{REDIS}.pacer.RedisPacer.acquire": lambda *_, **__: Permit(granted=True)},
        "the_limit.test_the_limit_holds_when_redis_forgets_a_recall",
    ),
    Mutant(
        "questions are asked without a slot",
        "questions have the reserve and no more",
        {f"{REDIS}.pacer.RedisPacer.acquire": _asked_freely},
        "the_limit.test_the_limit_holds_when_redis_forgets_the_questions",
    ),
    Mutant(
        "a lost budget forgets DELETEs",
        "a lost state is rebuilt from all requests in the database",
        {f"{STORE}.sending.recent_requests._deletes": lambda *_: iter(())},
        "the_limit.test_the_limit_holds_when_redis_forgets_a_recall",
    ),
    Mutant(
        "a lost budget forgets questions",
        "a lost state is rebuilt from all requests in the database",
        {f"{STORE}.sending.recent_requests._questions": lambda *_: iter(())},
        "the_limit.test_the_limit_holds_when_redis_forgets_the_questions",
    ),
    Mutant(
        "texts are compared without decoding",
        "an item says what the batch says, whatever the vendor's echo looks like",
        {f"{DOMAIN}.reconcile.search.normalised": lambda text: text},
        "unknowns.test_an_escaped_text_is_found",
    ),
    Mutant(
        "an item with another text counts as foreign",
        "absent is only what no item can be that nothing of ours explains",
        {f"{FLOW}.reconcile.picture.Listed": _nothing_unexplained},
        "unknowns.test_a_text_that_the_vendor_shows_otherwise_proves_no_absence",
        {"saying": {"says": "a damn good one", "message": {"block_banned_words": "replace_soften"}}},
    ),
    Mutant(
        "what is saved is searched for in the list of messages",
        "a message is searched for where the vendor can show it",
        {f"{FLOW}.reconcile.search._look_at_saved": _look_at_list},
        "lists.test_what_is_only_saved_is_found_among_what_is_saved",
    ),
    Mutant(
        "what is handed over is searched for in the list of messages alone",
        "a message is searched for where the vendor can show it",
        {f"{FLOW}.reconcile.search.ask_scheduled": lambda *_: []},
        "lists.test_what_is_handed_over_is_looked_for_in_the_calendar",
        {"hides": False},
    ),
    Mutant(
        "a calendar that is not shown counts as empty",
        "absent is only what every list would show that can show it",
        {f"{FLOW}.reconcile.search._without_calendar": lambda looked, _: looked},
        "lists.test_what_is_handed_over_is_looked_for_in_the_calendar",
        {"hides": True},
    ),
    Mutant(
        "an item may have gone to more than the request named",
        "an item is not of a request that named fewer",
        {f"{DOMAIN}.reconcile.matching._fits": _fits_whatever_its_size},
        "lists.test_an_item_that_went_to_more_fans_than_the_request_named_is_not_its",
    ),
    Mutant(
        "absence is judged by our own clock",
        "the window of absence is as wide as the measured skew",
        {f"{DOMAIN}.reconcile.windows.Skew.back": -CLOCK_SKEW},
        "lists.test_a_wrong_clock_proves_no_absence",
        {"minutes": -3},
    ),
    Mutant(
        "a batch of a set takes no message from another one",
        "a set owns its messages together until it is said whose each is",
        {f"{FLOW}.reconcile.message_sets._swap": lambda *_, **__: None},
        "sets.test_a_decision_says_whose_message_of_a_set_is_whose",
    ),
    Mutant(
        "a recall takes a message of a set that may be another run's",
        "a recall unsends a whole set, or waits for a decision",
        {f"{STORE}.recall.unsend_requests._shares_with_what_stays": lambda _: false()},
        "sets.test_a_recall_takes_nothing_of_a_set_that_a_run_shares_which_stays",
    ),
    Mutant(
        "a request leaves after its deadline",
        "no first byte after the deadline on record",
        {f"{FLOW}.sending.send._post": _post_without_hurry},
        "races.test_no_request_leaves_after_the_deadline_that_is_on_record",
    ),
    Mutant(
        "a lane that is claimed is not compared again",
        "a restored database is recognised",
        {f"{FLOW}.lanes.serve.confirm": lambda *_: None},
        "restores.test_a_lane_that_was_compared_before_the_restore_is_compared_again_once_it_is_claimed",
    ),
    Mutant(
        "an account that is locked stops the look at all",
        "whoever keeps one account's lock delays that one alone",
        {f"{FLOW}.accounts.free_accounts.DatabaseBusy": _NeverRaised},
        "races.test_an_account_whose_lock_somebody_keeps_delays_only_itself",
    ),
    Mutant(
        "the commit of an attempt does not look for a stop",
        "nothing leaves during a stop",
        {f"{STORE}.sending.attempts.OPEN_RUNS": _blind_to_stops(OPEN_RUNS)},
        "stops.test_nothing_leaves_during_a_stop_and_everybody_gets_it_once_afterwards",
    ),
    Mutant(
        "questions take what is the messages'",
        "questions have the reserve and no more",
        {f"{REDIS}.pacer.files": _scripts_without("asking >= questions_share(limit)", "false")},
        "the_limit.test_questions_leave_messages_their_share",
    ),
    Mutant(
        "a seal covers no recall",
        "what was unsent is sealed like what was sent",
        {f"{STORE}.audit.seals._columns_covered": _covers_no_recall},
        "the_record.test_a_recall_that_was_forged_shows",
    ),
    Mutant(
        "rows may be replaced",
        "what is written once is never rewritten",
        {},
        "the_record.test_a_row_that_was_written_once_is_not_replaced",
        lacks="no_replacing",
    ),
    Mutant(
        "a quote that is never closed ends a file",
        "nobody whom a file names is left out without a word",
        {f"{DOMAIN}.audience.csv_rows._Rows._refuse_open_quote": lambda *_: None},
        "the_record.test_no_line_of_a_file_is_lost_behind_a_quote",
    ),
)
