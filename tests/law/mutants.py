"""Builds with one rule of the product taken away: each of them has to break the law in some story.

One line of MUTANTS for each: its name, the rule that it undoes, and what it puts in the place of what. A mutant is
found by the named story in its line, or else by the first made-up story that holds without it and breaks with it.

    python -m tests.law.mutants            find the story of each, and write the table into docs/reliability.md
    python -m tests.law.mutants NAME ...   only these, with what each breaks
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir, mkdtemp
from typing import Any
from unittest import mock

from pyroaring import BitMap64
from sqlalchemy import bindparam, update

from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.ports import Permit
from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.sending.attempts import settle_batch
from campaigns.store.tables.batches import batch
from tests.clock import DrivenClock
from tests.law.place import Place, Places, places_on
from tests.law.story import play
from tests.servers import redis_server

MOST_SEEDS = 150
"""So many made-up stories are tried for one mutant."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- mutants: python -m tests.law.mutants writes this table -->", "<!-- end of mutants -->"

Named = Callable[[Place], object]


@dataclass(frozen=True)
class Mutant:
    """One broken build."""

    name: str
    rule: str  # what it undoes
    puts: dict[str, Any]  # where -> what stands there instead
    story: str = ""  # a named story that finds it, as `unknowns.test_...` in test_stories_of_unknowns.py

    @contextmanager
    def build(self) -> Iterator[None]:
        """While this lasts, the product is that build."""
        with ExitStack() as patched:
            for where, what in self.puts.items():
                patched.enter_context(mock.patch(where, what))
            yield


def _made_ready(connection: Any, opened: Any, _: BatchState, **how: Any) -> bool:
    return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})


FLOW, STORE = "campaigns.flow", "campaigns.store"
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
    ),
    Mutant(
        "a lost answer is taken for not sent",
        "an answer that proves nothing is unknown",
        {f"{FLOW}.sending.record.SETTLES": {OutcomeKind.REJECTED: BatchState.REJECTED}},
    ),
    Mutant(
        "outcomes are settled without the fence",
        "a late writer changes nothing",
        {
            f"{STORE}.sending.attempts.SETTLE_BATCH": UNFENCED,
            f"{FLOW}.sending.record.add_outcome": lambda *_, **__: None,
        },
    ),
    Mutant(
        "fences are not noted",
        "a restored database is recognised",
        {"campaigns.adapters.redis.fence_book.KeptFences.note": lambda *_: None},
    ),
    Mutant(
        "a restored lane is not closed",
        "a restored database is recognised",
        {f"{FLOW}.backup.detect_restore.raise_fence": lambda *_: False},
    ),
    Mutant(
        "a restored lane's ready batches stay ready",
        "what may have been sent since the backup is unknown",
        {f"{FLOW}.backup.detect_restore.doubt_ready_batches": lambda *_, **__: {}},
    ),
    Mutant(
        "a restored lane's due runs are not held",
        "what may have been sent since the backup is held",
        {f"{FLOW}.backup.detect_restore.runs_not_planned": lambda *_: []},
    ),
    Mutant(
        "a rerun forgets who is unknown",
        "a rerun leaves out whom its lineage may have reached",
        {f"{FLOW}.runs.rerun.REACHED": (BatchState.ACCEPTED,)},
    ),
    Mutant(
        "a rerun forgets late answers",
        "a late answer with an ID outweighs any decision",
        {f"{FLOW}.runs.rerun.late_accepted_sets": lambda *_: []},
    ),
    Mutant(
        "a rerun forgets suppressions",
        "from a suppression on, nothing names the user",
        {f"{FLOW}.runs.rerun.suppressed_users": lambda *_: BitMap64()},
    ),
    Mutant(
        "the last moment forgets suppressions",
        "from a suppression on, nothing names the user",
        {f"{FLOW}.sending.withhold_suppressed.suppressed_between": lambda *_: BitMap64()},
    ),
    Mutant(
        "a late answer stops nothing",
        "what was accepted is not sent again unasked",
        {f"{FLOW}.sending.record._stop_resend": lambda *_, **__: None},
    ),
    Mutant(
        "the search takes what is ours already",
        "an item that is ours is no candidate",
        {
            f"{FLOW}.reconcile.search.owned_among": lambda *_: set(),
            f"{FLOW}.reconcile.search.own_message": lambda *_, **__: True,
        },
    ),
    Mutant(
        "the search forgets other unknowns",
        "an item that two may own is nobody's yet",
        {f"{FLOW}.reconcile.search.other_unknowns": lambda *_: []},
    ),
    Mutant(
        "the search reads no text",
        "an item says what the batch says",
        {"campaigns.domain.reconcile.search.says_the_same": lambda *_: True},
    ),
    Mutant(
        "the policy forgets what was listed",
        "absent is what no look has seen a trace of",
        {f"{FLOW}.reconcile.search.was_ever_listed": lambda *_: False},
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
        {"campaigns.adapters.redis.pacer.RedisPacer.acquire": lambda *_, **__: Permit(granted=True)},
    ),
    Mutant(
        "the shared budget starts empty",
        "a lost state is rebuilt from the database",
        {
            f"{STORE}.sending.recent_requests.recent_requests": lambda *_, **__: [],
            f"{FLOW}.lanes.tick.recent_requests": lambda *_, **__: [],
        },
    ),
)


def found_by(mutant: Mutant, places: Places, seeds: Sequence[int] = range(MOST_SEEDS)) -> tuple[str, str] | None:
    """The story that finds a mutant, and what it breaks there; None: none of these does."""
    if mutant.story:
        broken = _breaks(mutant, places, _named(mutant.story))
        return None if broken is None else (mutant.story, broken)
    for seed in seeds:
        broken = _breaks(mutant, places, partial(play, seed=seed))
        if broken is not None and _holds(places, partial(play, seed=seed)):
            return f"story {seed}", broken
    return None


def _named(story: str) -> Named:
    module, _, function = story.partition(".")
    found: Named = getattr(import_module(f"tests.law.test_stories_of_{module}"), function)
    return found


def _breaks(mutant: Mutant, places: Places, story: Named) -> str | None:
    """What a story says of a mutant, in one line."""
    with mutant.build(), places() as place:
        try:
            story(place)
        except AssertionError as fault:
            return str(fault).strip().splitlines()[0] if str(fault) else "an assertion"
    return None


def _holds(places: Places, story: Named) -> bool:
    """Whether the law holds in that story without any mutant: else it would find everything."""
    with places() as place:
        try:
            story(place)
        except AssertionError:
            return False
    return True


def table(found: dict[str, tuple[str, str]]) -> str:
    """The mutants, the rule that each undoes, and who finds it."""
    rows = [f"| {mutant.name} | {mutant.rule} | {_words(found.get(mutant.name))} |" for mutant in MUTANTS]
    return "\n".join(["| broken build | what it undoes | found by |", "|---|---|---|", *rows])


def recorded() -> dict[str, str]:
    """Who finds each, as the document has it."""
    text = DOCUMENT.read_text()
    part = text[text.index(BEGIN) : text.index(END)]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| ")
    ]
    return {name: found.strip("`") for name, _, found in cells[1:]}


def _words(found: tuple[str, str] | None) -> str:
    return "nobody yet" if found is None else f"`{found[0]}`"


def _write(found: dict[str, tuple[str, str]]) -> None:
    text = DOCUMENT.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(found)}\n{after}")


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
    """Find who finds each; 1 when one is found by nobody."""
    found: dict[str, tuple[str, str]] = {}
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with _places() as places:
        for mutant in chosen:
            by = found_by(mutant, places)
            if by is not None:
                found[mutant.name] = by
            print(f"{mutant.name}: {'nobody' if by is None else f'{by[0]}: {by[1]}'}", flush=True)
    if not names:
        _write(found)
    return int(len(found) < len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
