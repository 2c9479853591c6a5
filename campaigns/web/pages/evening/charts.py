"""The drawings of a run: a map of its batches, and what the vendor took in each minute. Sizes are in units of SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns.domain.states import BatchState
from campaigns.store.views.progress.cells import Cell, Cells
from campaigns.store.views.progress.throughput import Throughput
from campaigns.web.pages.evening.words import counted

WORST_FIRST = (
    BatchState.UNKNOWN,
    BatchState.REJECTED,
    BatchState.SENDING,
    BatchState.READY,
    BatchState.CANCELLED,
    BatchState.SAVED,
    BatchState.ACCEPTED,
    BatchState.SPLIT,
)
"""A cell of many batches has the colour of the first of these states that one of them is in."""

SIDE, COLUMNS = 12, 50
"""The map has cells of this side, and so many in a row."""

BAR, HEIGHT = 10, 100
"""The chart has bars of this width, and the highest is so high."""


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the map."""

    x: int
    y: int
    state: BatchState
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The map of the batches of a run."""

    width: int
    height: int
    squares: Sequence[Square]


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of the chart."""

    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the vendor took in each minute."""

    width: int
    height: int
    bars: Sequence[Bar]
    highest: int
    total: int


def heat_map(run_id: int, cells: Cells) -> HeatMap:
    """The map of a run; each cell leads to its batch, or to the list of its batches."""
    squares = [
        Square(
            x=number % COLUMNS * SIDE,
            y=number // COLUMNS * SIDE,
            state=next(state for state in WORST_FIRST if cell.batches.get(state)),
            title=_title(cell),
            address=_address(run_id, cell),
        )
        for number, cell in enumerate(cells.cells)
    ]
    rows = -(-len(squares) // COLUMNS)
    return HeatMap(COLUMNS * SIDE, max(1, rows) * SIDE, squares)


def chart(throughput: Throughput) -> Chart:
    """The chart of the minutes, the newest last."""
    highest, minutes = max(throughput.accepted, default=0), len(throughput.accepted)
    bars = [
        Bar(
            x=number * BAR,
            y=HEIGHT - _height(accepted, highest),
            height=_height(accepted, highest),
            title=f"{_before(minutes - 1 - number)}: {counted(accepted, 'recipient')} accepted",
        )
        for number, accepted in enumerate(throughput.accepted)
        if accepted
    ]
    return Chart(minutes * BAR, HEIGHT, bars, highest, sum(throughput.accepted))


def states_in_words(batches: Mapping[BatchState, int]) -> str:
    """`45 accepted, 2 unknown`, the worst first."""
    return ", ".join(f"{batches[state]:,} {state}" for state in WORST_FIRST if batches.get(state))


def _title(cell: Cell) -> str:
    if cell.first == cell.last:
        return f"Batch {cell.first}: {next(iter(cell.batches))}"
    return f"Batches {cell.first:,} to {cell.last:,}: {states_in_words(cell.batches)}"


def _address(run_id: int, cell: Cell) -> str:
    if cell.first == cell.last:
        return f"/runs/{run_id}/batches/{cell.first}"
    return f"/runs/{run_id}/batches?first={cell.first}&last={cell.last}"


def _height(accepted: int, highest: int) -> float:
    return round(HEIGHT * accepted / highest, 1) if highest else 0.0


def _before(minutes: int) -> str:
    return "The newest minute" if not minutes else f"{counted(minutes, 'minute')} before the newest"
