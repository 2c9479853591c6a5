"""Schedules at random: absences of beat, many looks, edits, pauses and ends of runs, against an independent model."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import NotAllowed
from campaigns.domain.schedules.timing import Misfire, Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.schedules import due, open_occurrence
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, resume_schedule, skip_next
from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from tests.clock import START, DrivenClock
from tests.flow.schedules.model import Model
from tests.flow.schedules.timetable import armed, look, runs, work
from tests.world import ANNA, World

MIDNIGHT = START.replace(hour=0)
CRONS = ("*/10 * * * *", "0 * * * *", "5,35 * * * *", "*/15 * * * *", "*/2 * * * *")
LENGTHS = (1, 30, 59, 61, 119, 300, 599, 600, 1800, 3599, 3601, 7200)
WHAT = [
    *("wait",) * 6,
    *("beats",) * 4,
    *("work",) * 3,
    *("pause", "resume", "resume", "edit", "edit", "skip", "by hand", "cancel"),
]
STEPS = 25


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_sent_and_what_is_skipped_is_what_an_independent_model_says(seed: int) -> None:
    _play(seed, note)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=600, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_at_length(seed: int) -> None:
    _play(seed, note)


def test_builds_that_miss_a_rule_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the model would agree with anything."""
    broken: dict[str, tuple[Any, str, Any]] = {
        "never skips what is late": (due, "misfire", lambda *_, **__: None),
        "counts no runs": (due, "is_used_up", lambda *_, **__: False),
        "lets an open run stand in nobody's way": (open_occurrence, "unfinished_runs", lambda *_: []),
    }
    for build, (module, name, how) in broken.items():
        with monkeypatch.context() as patched:
            patched.setattr(module, name, how)
            assert any(_is_caught(seed) for seed in range(40)), build


def _is_caught(seed: int) -> bool:
    try:
        _play(seed)
    except (AssertionError, IntegrityError):
        return True
    return False


def _play(seed: int, say: Callable[[str], object] = str) -> None:
    chance = Random(seed)
    misfire = chance.choice(get_args(Misfire))
    overlap = chance.choice(("skip", "queue", "cancel"))
    grace = chance.choice((60, 600, 3600))
    most = chance.choice((None, None, 3, 8))
    cron = chance.choice(CRONS)
    rules = {"misfire": misfire, "overlap": overlap, "grace_seconds": float(grace), "max_runs": most}
    say(f"{cron} {rules}")
    with _world() as world:
        campaign_id = armed(world, cron, **rules)
        model = Model(_minutes(cron), misfire, grace, overlap, most, _second(world.clock.now))
        for _ in range(STEPS):
            step = chance.choice(WHAT)
            say(step)
            _both(step, chance, world, model, campaign_id=campaign_id, rules=rules)
            if step not in {"wait", "by hand", "cancel"}:
                assert _states(world, campaign_id) == model.states(), step
        world.prove()
        finished = sum(run["state"] == "finished" for run in runs(world, campaign_id))
        assert Counter(world.requests_by_user().values()) == (Counter({finished: 5}) if finished else {})


def _both(step: str, chance: Random, world: World, model: Model, *, campaign_id: int, rules: dict[str, Any]) -> None:
    """Let the same happen to the product and to the model."""
    store = world.store
    acts: dict[str, Callable[..., Any]] = {"pause": pause_schedule, "resume": resume_schedule, "skip": skip_next}
    if step == "wait":
        world.clock.advance(chance.choice(LENGTHS))
        model.now = _second(world.clock.now)
    elif step == "beats":
        for _ in range(chance.choice((1, 1, 3))):
            look(world)
        model.look()
    elif step == "work":
        work(world)
        model.work()
    elif step == "edit":
        cron = chance.choice(CRONS)
        edit_campaign(store, campaign_id, Changes(timing=Timing(cron=cron, zone="UTC", **rules)), actor=ANNA)
        model.edit(_minutes(cron))
    elif step == "by hand":
        world.launch(campaign_id, at_once=True, again_reason="once more")
        model.by_hand()
    elif step == "cancel":
        for run in runs(world, campaign_id):
            with suppress(NotAllowed):
                cancel_run(store, run["id"], reason="no more", actor=ANNA)
        model.cancel_all()
    else:
        expected = {"pause": model.pause, "resume": model.resume, "skip": model.skip_next}[step]()
        if expected:
            acts[step](store, campaign_id, reason="why", actor=ANNA)
        else:
            with pytest.raises(NotAllowed):
                acts[step](store, campaign_id, reason="why", actor=ANNA)


def _states(world: World, campaign_id: int) -> dict[int, str]:
    found = [run for run in runs(world, campaign_id) if run["scheduled_for"]]
    by_time = {_second(datetime.fromisoformat(run["scheduled_for"])): run["state"] for run in found}
    assert len(by_time) == len(found), "two rows for one occurrence"
    return by_time


def _second(moment: datetime) -> int:
    return (moment - MIDNIGHT) // timedelta(seconds=1)


def _minutes(cron: str) -> frozenset[int]:
    listed = cron.split(maxsplit=1)[0]
    return frozenset(range(0, 60, int(listed[2:])) if listed.startswith("*/") else map(int, listed.split(",")))


@contextmanager
def _world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="campaigns-schedules-", dir=_memory()) as folder:
        shutil.copy(_template(), Path(folder) / "campaigns.db")
        clock = DrivenClock()
        store = open_store(f"sqlite:///{folder}/campaigns.db", connections=2, clock=clock)
        try:
            yield World(store, clock)
        finally:
            store.close()


def _memory() -> str | None:
    """Thousands of durable commits need no disk here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="campaigns-schedules-", dir=_memory())) / "template.db"
    upgrade(f"sqlite:///{path}")
    return path
