"""What a lane keeps in memory during one claim has a limit."""

from __future__ import annotations

from campaigns.flow.sending.read_once import MOST_VALUES, Newest


def test_a_value_is_read_once_while_it_is_kept() -> None:
    reads: list[int] = []
    values: Newest[int, int | None] = Newest()

    def read() -> None:
        reads.append(1)

    for _ in range(3):
        assert values.get(7, read) is None  # a value that is None is kept too

    assert len(reads) == 1


def test_at_most_so_many_values_are_kept_and_the_one_used_longest_ago_goes_first() -> None:
    values: Newest[int, int] = Newest()
    for key in range(MOST_VALUES):
        values.get(key, lambda key=key: key)  # type: ignore[misc]
    values.get(0, lambda: -1)

    values.get(MOST_VALUES, lambda: MOST_VALUES)

    assert len(values) == MOST_VALUES
    assert values.get(0, lambda: -1) == 0  # it was used just before
    assert values.get(1, lambda: -1) == -1  # it was not
