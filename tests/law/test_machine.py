"""Whatever happens, in whatever order: nobody twice, nobody lost, the right message to the right fan.

Operators, beats and workers of two hosts act at random; processes die or hang, and their answers come late or never;
databases, Redis and homes are put back or lost in every combination that the documents speak of; the vendor answers
everything it can, and shows it late, in part, in other words or by another clock. After each step the law is read off.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.law.place import Places
from tests.law.story import Story
from tests.law.temper import STEPS, Temper

NUMBERS = st.integers(0, 2**32)
LIMITS = (1000, 1000, 20)
"""Requests a minute; the low one is reached."""


class Law(RuleBasedStateMachine):
    """One story; Hypothesis takes steps away from one that breaks the law, to find the shortest."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self.places, self.left = places, ExitStack()
        self.story: Story | None = None
        self.is_broken = False

    @initialize(temper=NUMBERS, limit=st.sampled_from(LIMITS))
    def begin(self, temper: int, limit: int) -> None:
        place = self.left.enter_context(self.places(limit=limit))
        self.story = Story(place, Temper.of(temper), note)
        self.story.begin()

    # One rule, its choices made from a number: Hypothesis leaves whole rules out of an example and likes small
    # numbers, while trouble needs many things together. `Temper` chooses which.
    @rule(seed=NUMBERS)
    def step(self, seed: int) -> None:
        assert self.story is not None
        self.is_broken = True
        self.story.step(seed)
        self.is_broken = False

    def teardown(self) -> None:
        try:
            if self.story is not None and not self.is_broken:
                self.story.end()
        finally:
            self.left.close()


def hold_in_any_story(places: Places, stories: int) -> None:
    """Hypothesis makes up that many stories, each on an empty database.

    The default ones are always the same, so that what is red was broken by a change, and are told at full length; the
    long form takes new ones, and shortens the first that breaks the law.
    """

    class LawHere(Law):
        def __init__(self) -> None:
            super().__init__(places)

    few = stories < MANY or "CI" in os.environ
    run_state_machine_as_test(
        LawHere,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=few,
            database=None,
            print_blob=True,
            phases=(Phase.generate,) if stories < MANY else (Phase.generate, Phase.shrink),  # minutes, when it is red
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


MANY = 100


@pytest.mark.timeout(0)  # a busy machine plays them all, too
@pytest.mark.parametrize("stories", [8, pytest.param(500, marks=pytest.mark.slow)])
def test_the_law_holds_in_any_story_on_sqlite(sqlite_places: Places, stories: int) -> None:
    hold_in_any_story(sqlite_places, stories)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("stories", [2, pytest.param(150, marks=pytest.mark.slow)])
def test_the_law_holds_in_any_story_on_postgresql(postgresql_places: Places, stories: int) -> None:
    hold_in_any_story(postgresql_places, stories)
