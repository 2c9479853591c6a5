"""The screen of `status`, as text: for a terminal drawn by rich, for a pipe as plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from campaigns.cli.kit.output import counted, duration, one_line
from campaigns.cli.kit.remedies import in_words
from campaigns.cli.kit.tables import Column, Kind, drawn_table, table_lines
from campaigns.cli.kit.ways_on import fix_of
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.states import RUN_OPEN

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

    from campaigns.flow.runs.tonight import RunTonight, Tonight
    from campaigns.store.views.tonight.accounts import NextRun

RUNS = (
    Column("account", Kind.NAME),
    Column("run", Kind.NAME),
    Column("campaign", Kind.TEXT, 4),
    Column("state", Kind.NAME),
    Column("done/of", Kind.NAME),
    Column("rejected", Kind.COUNT, 1),
    Column("unknown", Kind.COUNT, 1),
    Column("ends", Kind.NAME),
    Column("limited by", Kind.TEXT, 3),
)
ENDED = (
    Column("account", Kind.NAME),
    Column("run", Kind.NAME),
    Column("campaign", Kind.TEXT, 4),
    Column("state", Kind.NAME),
    Column("accepted/of", Kind.NAME),
    Column("rejected", Kind.COUNT),
    Column("unknown", Kind.COUNT),
    Column("cancelled", Kind.COUNT, 2),
    Column("ended", Kind.NAME, 1),
)
NEXT = (
    Column("account", Kind.NAME),
    Column("campaign", Kind.NAME),
    Column("name", Kind.TEXT, 1),
    Column("starts", Kind.NAME),
    Column("in", Kind.LENGTH, 1),
)
NOT_STARTING = (
    Column("account", Kind.NAME),
    Column("campaign", Kind.NAME),
    Column("name", Kind.TEXT, 1),
    Column("due", Kind.NAME),
    Column("what becomes of it", Kind.TEXT),
)
WITH_VENDOR = (
    Column("account", Kind.NAME),
    Column("run", Kind.NAME),
    Column("campaign", Kind.TEXT, 4),
    Column("accepted/of", Kind.NAME),
    Column("it sends at", Kind.NAME),
)

MOST_NEEDS, MOST_ENDED, MOST_NEXT, MOST_IDLE = 30, 20, 10, 10
"""How many needs, ended runs, next runs and idle accounts the screen shows; the rest is counted."""


def screen_of(seen: Tonight, vendor: str, *, width: int, is_old: bool = False) -> Any:
    """What rich draws on a terminal of this width. `is_old`: the database has been away since."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(one_line(vendor), style="bold"), Text(_head(seen))]
    parts += [Text("The database is away since then; it is tried again.", style="bold red")] if is_old else []
    parts += [Text()]
    parts += [Text(_needs_title(seen), style="bold red" if seen.needs else "bold green")]
    parts += [_hanging(mark, line, width) for mark, line in _needs(seen)]
    for title, columns, rows, rest in _tables(seen):
        parts += [Text(), Text(title, style="bold")]
        parts += [drawn_table(columns, rows, width=width)] if rows else []
        parts += [Text(rest)] if rest else []
    parts += [Text(), Text(_idle(seen))] if seen.idle_accounts else []
    return Group(*parts)


class Fitting:
    """What fits a window of so many lines, from the top; its last line says how many are left out."""

    def __init__(self, screen: Any) -> None:
        self.screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        from rich.segment import Segment
        from rich.text import Text

        lines = console.render_lines(self.screen, options.update(height=None), pad=False)
        height = console.height
        shown = lines if len(lines) <= height else lines[: height - 1]
        for number, line in enumerate(shown):
            yield from [Segment.line(), *line] if number else line
        if len(shown) < len(lines):
            hidden = counted(len(lines) - len(shown), "line")
            text = Text(f"{hidden} left out: a higher window shows more.", style="bold", no_wrap=True)
            yield Segment.line()
            yield text


def screen_lines(seen: Tonight, vendor: str) -> list[str]:
    """The same as lines for a pipe."""
    lines = [one_line(vendor), _head(seen), "", _needs_title(seen)]
    lines += [f"{mark}{line}" for mark, line in _needs(seen)]
    for title, columns, rows, rest in _tables(seen):
        lines += ["", title, *(table_lines(columns, rows) if rows else []), *([rest] if rest else [])]
    return [*lines, *(["", _idle(seen)] if seen.idle_accounts else [])]


def clock(at: datetime | None, now: datetime) -> str | None:
    """A time on this machine's clocks: `21:04` on the same day, else `30 Nov 21:04`."""
    if at is None:
        return None
    local, today = at.astimezone(), now.astimezone().date()
    day = "" if local.date() == today else f"{local:%-d %b} " if local.year == today.year else f"{local:%-d %b %Y} "
    return f"{day}{local:%H:%M}"


def _head(seen: Tonight) -> str:
    signs = [
        f"{name} {'never seen' if at is None else f'seen {duration((seen.at - at).total_seconds())} ago'}"
        for name, at in (("beat", seen.beat_seen_at), ("worker", seen.worker_seen_at))
    ]
    balance = [] if seen.credits is None else [counted(seen.credits, "credit")]
    local = seen.at.astimezone()
    return ", ".join([f"{local:%a} {local.day} {local:%b %H:%M:%S} (UTC{local:%z})", *signs, *balance])


def _needs_title(seen: Tonight) -> str:
    if not seen.needs:
        return "Nothing needs a person."
    return f"What needs a person ({len(seen.needs)}):"


def _needs(seen: Tonight) -> Iterator[tuple[str, str]]:
    """The lines of all needs, each with the mark before it: what is wrong, and below it each thing to do."""
    for number, need in enumerate(seen.needs[:MOST_NEEDS], start=1):
        mark = f"{number}. "
        yield mark, one_line(need.sentence)
        fix = [] if need.hold is None else fix_of(need.hold, need.run_id)
        for sentence in [*fix, *in_words(need.remedies)]:
            yield " " * len(mark), one_line(sentence)
    if len(seen.needs) > MOST_NEEDS:
        yield "", f"and {len(seen.needs) - MOST_NEEDS} more; `campaigns status --json` lists all."


def _hanging(mark: str, text: str, width: int) -> Any:
    """The text beside its mark, wrapped between words."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=0)
    grid.add_column(no_wrap=True, width=len(mark))
    grid.add_column(max_width=max(20, width - len(mark)), overflow="fold")
    grid.add_row(Text(mark), Text(text))
    return grid


Table = tuple[str, Sequence[Column], list[list[Any]], str | None]
"""A title, columns, rows, and a line below them."""


def _tables(seen: Tonight) -> list[Table]:
    open_runs = [each for each in seen.runs if each.state in RUN_OPEN]
    title = f"Runs ({len(open_runs)}):" if open_runs else "No run is open."
    return [
        (title, RUNS, [_open(each, seen.at) for each in open_runs], None),
        *_with_vendor(seen),
        *_ended_lately(seen),
        *_coming(seen),
    ]


def _with_vendor(seen: Tonight) -> Iterator[Table]:
    """Runs that were handed over: they have ended here, and the vendor sends them later."""
    held = sorted((each.vendor_sends_at, each.id, each) for each in seen.runs if each.vendor_sends_at is not None)
    if held:
        rows = [
            [run.account, run_name(run.id), run.campaign, _of(run.accepted, run), clock(at, seen.at)]
            for at, _, run in held
        ]
        yield f"The vendor holds ({len(held)}):", WITH_VENDOR, rows, None


def _ended_lately(seen: Tonight) -> Iterator[Table]:
    ended = [each for each in seen.runs if each.state not in RUN_OPEN and each.vendor_sends_at is None]
    if ended:
        more = len(ended) - MOST_ENDED
        rest = f"and {more} more; `campaigns runs list` shows them" if more > 0 else None
        newest = sorted(ended, key=lambda each: each.id)[-MOST_ENDED:]
        yield f"Ended in the last 24 hours ({len(ended)}):", ENDED, [_ended(each, seen.at) for each in newest], rest


def _coming(seen: Tonight) -> Iterator[Table]:
    """The next runs, and apart from them those that do not start: a stop lets them wait, a pause skips them."""
    starting = [each for each in seen.next_runs if not each.stopped and each.paused is None]
    others = [each for each in seen.next_runs if each.stopped or each.paused is not None]
    for title, columns, coming, row in (
        ("Next", NEXT, starting, _next),
        ("Due, but not starting", NOT_STARTING, others, _not_starting),
    ):
        if coming:
            more = len(coming) - MOST_NEXT
            rest = f"and {more} more; `campaigns list` shows them" if more > 0 else None
            yield f"{title} ({len(coming)}):", columns, [row(each, seen.at) for each in coming[:MOST_NEXT]], rest


def _next(coming: NextRun, now: datetime) -> list[Any]:
    return [*_whose(coming, now), max(0.0, (coming.at - now).total_seconds())]


def _not_starting(coming: NextRun, now: datetime) -> list[Any]:
    if coming.paused is not None:
        return [*_whose(coming, now), f"skipped: paused ({coming.paused})"]
    return [*_whose(coming, now), "waits for `campaigns go`"]


def _whose(coming: NextRun, now: datetime) -> list[Any]:
    return [coming.account, campaign_name(coming.campaign_id), coming.campaign, clock(coming.at, now)]


def _open(run: RunTonight, now: datetime) -> list[Any]:
    of = _of(run.done, run)
    ends = clock(run.eta, now)
    return [
        run.account,
        run_name(run.id),
        run.campaign,
        _state(run, now),
        of,
        run.rejected,
        run.unknown,
        ends,
        run.bound_by or run.waits_for,
    ]


def _ended(run: RunTonight, now: datetime) -> list[Any]:
    counts = [_of(run.accepted + run.saved, run), run.rejected, run.unknown, run.cancelled]
    return [
        run.account,
        run_name(run.id),
        run.campaign,
        run.state.replace("_", " "),
        *counts,
        clock(run.finished_at, now),
    ]


def _of(number: int, run: RunTonight) -> str:
    return "whole list" if run.whole_list else f"{number:,}/{run.planned:,}"


def _state(run: RunTonight, now: datetime) -> str:
    from campaigns.flow.runs.words import words_of_state

    words = words_of_state(run)
    return words.text.format(until=clock(words.until, now), **words.values)


def _idle(seen: Tonight) -> str:
    shown = ", ".join(seen.idle_accounts[:MOST_IDLE])
    more = len(seen.idle_accounts) - MOST_IDLE
    return f"Nothing to send: {shown}{f' and {more} more' if more > 0 else ''}."
