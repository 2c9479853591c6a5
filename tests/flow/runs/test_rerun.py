"""A rerun reaches exactly those whom nothing of the lineage may have reached, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap64

from campaigns.as_json import plain
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.messages.message import make_message
from campaigns.domain.states import BatchState
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.rerun import rerun
from tests.one_database import on_both
from tests.world import ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World, accepted

pytestmark = on_both

REJECTED_AND_CANCELLED = frozenset({BatchState.REJECTED, BatchState.CANCELLED})


def test_a_rerun_sends_to_the_rejected_and_to_nobody_else(world: World) -> None:
    run_id = _run(world, [REJECTED, accepted("m2"), UNKNOWN])

    again = _rerun(world, run_id)
    world.serve()

    assert again == {
        "run_id": again["run_id"],
        "parent_run_id": run_id,
        "recipients": 2,
        "batches": 1,
        "excluded": {},
        "held": None,
    }
    assert world.run(again["run_id"])["state"] == "finished"
    assert world.requests_by_user() == {1: 2, 2: 2, 3: 1, 4: 1, 5: 1}
    assert world.run(run_id)["rejected"] == 2, "the old run never changes"
    assert world.run(again["run_id"])["kind"] == "rerun"


def test_cancelled_recipients_are_rerun_when_asked_for(world: World) -> None:
    run_id = _run(world, [REJECTED, accepted("m2")], turns=2)
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)

    again = _rerun(world, run_id, states=frozenset({BatchState.CANCELLED}))

    assert world.users(again["run_id"], 1) == {5}


def test_a_rerun_may_be_narrowed_to_some_batches(world: World) -> None:
    run_id = _run(world, [REJECTED, REJECTED, REJECTED])

    again = _rerun(world, run_id, seqs=[3])

    assert world.users(again["run_id"], 1) == {5}
    with pytest.raises(NotFound, match="has no batch 9"):
        _rerun(world, run_id, seqs=[1, 9])


def test_who_was_reached_by_another_rerun_of_the_lineage_is_left_out(world: World) -> None:
    """Also by a rerun of the rerun, and while that is still waiting."""
    run_id = _run(world, [REJECTED, REJECTED, REJECTED])
    child = _rerun(world, run_id, seqs=[1])
    with pytest.raises(NotAllowed, match="2 were left out again"):
        _rerun(world, run_id, seqs=[1])
    world.gateway.script = [REJECTED]
    world.serve()
    grandchild = _rerun(world, child["run_id"])
    world.gateway.script = [UNKNOWN]
    world.serve()
    assert world.run(grandchild["run_id"])["unknown"] == 2

    last = _rerun(world, run_id)

    assert last["recipients"] == 3
    assert last["excluded"] == {"reached_in_lineage": 2}


def test_suppressions_of_today_hold_in_a_rerun(world: World) -> None:
    run_id = _run(world, [REJECTED])
    suppress(world.store, BitMap64([1]), account_id=None, reason="asked to stop", actor=ANNA)

    again = _rerun(world, run_id)

    assert again["recipients"] == 1
    assert world.run(again["run_id"])["excluded"] == {"suppressed": 1}


def test_a_rerun_of_nobody_is_refused_and_opens_nothing(world: World) -> None:
    run_id = _run(world, [])

    with pytest.raises(NotAllowed, match="nobody to send to again"):
        _rerun(world, run_id)

    assert world.events().count("run_opened") == 1


def test_a_dry_run_tells_and_opens_nothing(world: World) -> None:
    run_id = _run(world, [REJECTED])

    told = _rerun(world, run_id, dry_run=True)

    assert (told["run_id"], told["recipients"]) == (None, 2)
    assert world.events().count("run_opened") == 1


def test_a_rerun_takes_the_parents_words_unless_told_otherwise(world: World) -> None:
    run_id = _run(world, [REJECTED, REJECTED])
    _edit(world, run_id, message=make_message({"text": "Corrected"}), batch_size=1)

    _rerun(world, run_id, seqs=[1])
    world.serve()
    _rerun(world, run_id, seqs=[2], current=True)
    world.serve()

    assert [body["text"] for body in world.gateway.received[3:]] == ["Hello", "Corrected", "Corrected"]


def test_a_rerun_with_new_content_that_names_whole_lists_is_refused(world: World) -> None:
    """Each batch would message the whole list again, and no batch of the account would ever go out after it."""
    run_id = _run(world, [REJECTED])
    _edit(world, run_id, message=make_message({"text": "To all", "user_lists": ["fans"]}), drop_audience=True)

    with pytest.raises(NotAllowed, match="whole list"):
        _rerun(world, run_id, current=True)

    assert world.serve() == 0


def test_one_use_media_is_never_sent_again(world: World) -> None:
    world.account()
    run_id = world.launch(world.campaign([1, 2], message={"media_files": ["ofapi_media_1"]}))
    world.gateway.script = [REJECTED]
    world.serve()

    with pytest.raises(NotAllowed, match="one-use"):
        _rerun(world, run_id)


def test_a_whole_list_is_never_rerun(world: World) -> None:
    world.account()
    run_id = world.launch(world.campaign(message={"user_lists": ["fans"]}))
    world.gateway.script = [REJECTED]
    world.serve()

    with pytest.raises(NotAllowed, match="whole lists"):
        _rerun(world, run_id)


def test_a_run_of_another_vendor_is_not_rerun(world: World) -> None:
    run_id = _run(world, [REJECTED])

    with pytest.raises(NotAllowed, match="belongs to sandbox"):
        rerun(world.store, run_id, upstream="https://vendor.example", reason="once more", actor=ANNA)


def test_an_archived_campaign_opens_no_rerun(world: World) -> None:
    run_id = _run(world, [REJECTED])
    archive_campaign(world.store, world.run(run_id)["campaign_id"], actor=ANNA)

    with pytest.raises(NotAllowed, match="archived"):
        _rerun(world, run_id)


def test_who_is_known_by_a_late_answer_to_have_been_reached_is_left_out(world: World) -> None:
    """An operator decided `not-sent`; then the worker that had been away came back with the vendor's message ID."""
    run_id = world.launched([1, 2, 3])

    def late() -> Any:
        world.clock.advance(LIMITS.lease_seconds + 1)
        expire_attempts(world.store, settle_seconds=1, actor="worker:beat")
        decide(world.store, run_id, seqs=None, verdict="not-sent", reason="not in the list", actor=ANNA)
        return accepted("m1")

    world.gateway.script = [late]
    world.serve()
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)

    again = _rerun(world, run_id, states=frozenset({BatchState.CANCELLED}))

    assert again["excluded"] == {"reached_in_lineage": 2}
    assert world.users(again["run_id"], 1) == {3}


def _run(world: World, answers: list[Any], *, turns: int | None = None) -> int:
    run_id = world.launched()
    world.gateway.script = answers
    if turns is None:
        world.serve_out()
    else:
        world.serve(turns=turns)
    return run_id


def _rerun(world: World, run_id: int, **how: Any) -> dict[str, Any]:
    answer: dict[str, Any] = plain(rerun(world.store, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA, **how))
    return answer


def _edit(world: World, run_id: int, **changes: Any) -> None:
    edit_campaign(world.store, world.run(run_id)["campaign_id"], Changes(**changes), actor=ANNA)
