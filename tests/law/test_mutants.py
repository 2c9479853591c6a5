"""Each build with a rule taken away is found by the story that docs/reliability.md names for it."""

from __future__ import annotations

import pytest

from tests.law.broken_builds import MUTANTS, Mutant
from tests.law.mutants import DOCUMENT, found_by, recorded, table
from tests.law.place import Places


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_build_without_the_rule_is_found(sqlite_places: Places, mutant: Mutant) -> None:
    assert found_by(mutant, sqlite_places) is not None, f"{mutant.story} does not find it any more"


def test_the_document_lists_every_broken_build_and_no_other() -> None:
    assert recorded() == table(), f"`python -m tests.law.mutants` writes it into {DOCUMENT.name}"
