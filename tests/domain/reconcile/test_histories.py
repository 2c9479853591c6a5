"""Whatever the vendor's list shows, and when: no request takes an item that is not its own."""

from __future__ import annotations

import pytest

from tests.domain.reconcile.vendor_history import History, Verdicts


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("histories", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("with_marks", [False, True], ids=["without marks", "with marks"])
def test_no_request_takes_an_item_that_is_not_its_own(histories: int, with_marks: bool) -> None:
    found = Verdicts()
    for seed in range(histories // 2):
        one = History(seed, with_marks=with_marks).play(12)
        assert one.wrong == [], f"history {seed}"
        assert one.absent_wrongly == 0, f"history {seed}"
        found.right += one.right
        found.lost += one.lost

    assert found.right > found.lost / 2, "who takes nothing is never wrong"
