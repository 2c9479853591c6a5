"""Each build with a rule taken away is found by the story that docs/reliability.md names for it."""

from __future__ import annotations

import pytest

from tests.law.mutants import DOCUMENT, MUTANTS, Mutant, found_by, recorded
from tests.law.place import Places

AGAIN = f"run `python -m tests.law.mutants`, which finds the story of each and writes {DOCUMENT.name}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_build_without_the_rule_is_found(sqlite_places: Places, mutant: Mutant) -> None:
    by = recorded().get(mutant.name, "nobody")
    assert bool(mutant.story) or by.startswith("story "), f"{mutant.name} is found by {by}; {AGAIN}"
    seeds = [int(by.removeprefix("story "))] if not mutant.story else []

    found = found_by(mutant, sqlite_places, seeds)

    assert found is not None, f"{by} does not find {mutant.name} any more; {AGAIN}"
    assert found[0] == by, f"{mutant.name} is found by {found[0]}; {AGAIN}"


def test_the_document_lists_every_broken_build_and_no_other() -> None:
    assert list(recorded()) == [mutant.name for mutant in MUTANTS], AGAIN
