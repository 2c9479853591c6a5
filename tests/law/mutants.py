"""Builds with one rule of the product taken away: each of them has to break the law in the story that it names.

One line of MUTANTS for each: its name, the rule that it undoes, what it puts in the place of what, and its story. The
same stories hold without any mutant: they are tests of their own.

    python -m tests.law.mutants            see whether each is found, and write the table into docs/reliability.md
    python -m tests.law.mutants NAME ...   only these, with what each breaks
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir, mkdtemp
from traceback import extract_tb
from typing import Any
from unittest import mock

from pyroaring import BitMap64
from sqlalchemy import bindparam, update

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.domain.reconcile.search import Likeness
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.ports import Permit
from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.reconcile.open_requests import OpenRequest, open_requests
from campaigns.store.sending.attempts import settle_batch
from campaigns.store.tables.batches import batch
from tests.clock import DrivenClock
from tests.law.place import Places, places_on
from tests.servers import redis_server

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- mutants: python -m tests.law.mutants writes this table -->", "<!-- end of mutants -->"


@dataclass(frozen=True)
class Mutant:
    """One broken build."""

    name: str
    rule: str  # what it undoes
    puts: dict[str, Any]  # where -> what stands there instead
    story: str  # the named story that finds it, as `unknowns.test_...` in test_stories_of_unknowns.py
    given: dict[str, Any] = field(default_factory=dict)  # what that story is told with, if it has parameters

    @contextmanager
    def build(self) -> Iterator[None]:
        """While this lasts, the product is that build."""
        with ExitStack() as patched:
            for where, what in self.puts.items():
                patched.enter_context(mock.patch(where, what))
            yield


def _made_ready(connection: Any, opened: Any, _: BatchState, **how: Any) -> bool:
    return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})


def _with_its_caches(one: Any, **how: Any) -> Any:
    return one if "messages" in how else replace(one, **how)


def _not_decided(*where: Any, **how: Any) -> list[OpenRequest]:
    return [each for each in open_requests(*where, **how) if each.state is BatchState.UNKNOWN]


def _asked_freely(pacer: RedisPacer, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
    return Permit(granted=True) if reserved else ACQUIRE(pacer, key, account, hold_seconds=hold_seconds)


ACQUIRE = RedisPacer.acquire
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
        {f"{DOMAIN}.upstream.outcome._fault_of_accepted": lambda _: None},
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
        {f"{FLOW}.lanes.serve.replace": _with_its_caches},
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
        "a rerun after a restore is not held",
        "what may have been made since the backup is held",
        {f"{FLOW}.runs.rerun.rerun_may_repeat": lambda *_: False},
        "restores.test_a_rerun_that_was_made_after_the_backup_is_not_made_again_unasked",
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
        {f"{FLOW}.sending.send.is_stopped_by_evidence": lambda *_, **__: False},
        "unknowns.test_a_late_answer_stops_a_rerun_that_is_open_already",
    ),
    Mutant(
        "a decision passes over what is on record",
        "a message ID on record must be named before its users are sent to again",
        {
            f"{FLOW}.reconcile.decide.refuse_what_passes_over": lambda *_: None,
            f"{FLOW}.sending.send.is_stopped_by_evidence": lambda *_, **__: False,
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
        "an item that is ours is no candidate",
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
        {f"{DOMAIN}.reconcile.matching.likeness": lambda *_, **__: Likeness.SAME},
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
        "an unknown is sent again while it is looked for",
        "after the last look, not before",
        {f"{FLOW}.reconcile.decide.anything_is_looked_for": lambda *_: False},
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
)


def found_by(mutant: Mutant, places: Places) -> str | None:
    """The line of its story, or of what that asked, which breaks with a mutant; None: the story does not find it."""
    module, _, function = mutant.story.partition(".")
    story = getattr(import_module(f"tests.law.test_stories_of_{module}"), function)
    with mutant.build(), places() as place:
        try:
            story(place, **mutant.given)
        except AssertionError as fault:
            return extract_tb(fault.__traceback__)[-1].line or "a line"
    return None


def table() -> str:
    """The mutants, the rule that each undoes, and the story that finds it."""
    rows = [f"| {mutant.name} | {mutant.rule} | `{mutant.story}` |" for mutant in MUTANTS]
    return "\n".join(["| broken build | what it undoes | found by |", "|---|---|---|", *rows])


def recorded() -> str:
    """The table as the document has it."""
    text = DOCUMENT.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def _write() -> None:
    text = DOCUMENT.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table()}\n{after}")


@contextmanager
def _places() -> Iterator[Places]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else gettempdir()
    with TemporaryDirectory(prefix="campaigns-mutants-", dir=memory) as folder, redis_server() as redis_url:
        url = f"sqlite:///{folder}/campaigns.db"
        upgrade(url)
        store = open_store(url, clock=DrivenClock())
        try:
            yield places_on(store, redis_url, lambda name: Path(mkdtemp(prefix=name, dir=folder)))
        finally:
            store.close()


def main(names: Sequence[str]) -> int:
    """See whether each is found by its story; 1 when one is not."""
    missed = 0
    with _places() as places:
        for mutant in MUTANTS:
            if not names or mutant.name in names:
                words = found_by(mutant, places)
                missed += words is None
                print(f"{mutant.name}: {words or 'NOT FOUND'}", flush=True)
    if not names and not missed:
        _write()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
