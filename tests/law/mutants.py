"""Builds with one rule of the product taken away: each of them has to break the law in the story that it names.

`broken_builds.py` lists them. The same stories hold without any mutant: they are tests of their own.

    python -m tests.law.mutants            see whether each is found, and write the table into docs/reliability.md
    python -m tests.law.mutants NAME ...   only these, with what each breaks
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir, mkdtemp
from traceback import extract_tb

from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from tests.clock import DrivenClock
from tests.law.broken_builds import MUTANTS, Mutant
from tests.law.place import Places, places_on
from tests.servers import redis_server

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- mutants: python -m tests.law.mutants writes this table -->", "<!-- end of mutants -->"


def found_by(mutant: Mutant, places: Places) -> str | None:
    """The line of its story, or of what that asked, which breaks with a mutant; None: the story does not find it."""
    module, _, function = mutant.story.partition(".")
    story = getattr(import_module(f"tests.law.test_stories_of_{module}"), function)
    with places() as place, mutant.build(place.store):
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
