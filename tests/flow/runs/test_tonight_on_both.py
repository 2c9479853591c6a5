"""The picture of all accounts is the same on both databases."""

from __future__ import annotations

from campaigns.domain.remedies import Do
from campaigns.domain.states import HoldKind, RunState
from campaigns.flow.runs.needs import WHY_PAUSED, Matter
from campaigns.flow.runs.tonight import tonight
from tests.evening import evening
from tests.one_database import on_both
from tests.world import LIMITS, UPSTREAM, World


@on_both
def test_an_evening_of_ten_accounts(world: World) -> None:
    played = evening(world)
    seen = tonight(world.store, LIMITS, upstream=UPSTREAM, is_live=False)

    assert [(each.matter, each.run_id) for each in seen.needs] == [
        (Matter.PAUSED, None),
        (Matter.UNKNOWN, played.unknown),
        (Matter.REJECTED, played.rejected),
    ]
    assert [each.remedies[-1].do for each in seen.needs] == [Do.RELEASE_TEAM, Do.DECIDE, Do.RERUN]
    runs = {each.id: each for each in seen.runs}
    assert [runs[run].state for run in (played.finished, played.rejected)] == [
        RunState.FINISHED,
        RunState.FINISHED_WITH_FAILURES,
    ]
    assert [(runs[run].done, runs[run].accepted) for run in (played.paused, played.waiting)] == [(1000, 1000), (0, 0)]
    assert {each.paused.kind for each in runs.values() if each.paused} == {HoldKind.KEY}
    assert (runs[played.paused].eta, runs[played.paused].bound_by) == (None, None)
    assert [(each.campaign_id, each.account) for each in seen.next_runs] == [(played.armed, "acct_fay")]
    assert seen.idle_accounts == ["acct_gia", "acct_hope", "acct_ida", "acct_june"]


def test_every_kind_of_hold_has_words() -> None:
    assert set(WHY_PAUSED) == set(HoldKind)
