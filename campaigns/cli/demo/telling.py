"""What the demo prints: numbered steps, live progress on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from campaigns.cli.kit.streams import drawing
from campaigns.cli.kit.tables import Column, table_lines
from campaigns.cli.runs.progress import Look, Rates
from campaigns.cli.runs.watch import drawn, lines

WIDTH = 11


class Telling:
    """Prints on standard output, or on standard error when standard output is kept for JSON."""

    def __init__(self, *, to_stderr: bool) -> None:
        from rich.console import Console

        self._to_stderr = to_stderr
        self._console = Console(file=drawing(sys.stderr if to_stderr else sys.stdout), highlight=False)
        self._steps = 0
        self.is_terminal = self._console.is_terminal

    def title(self, sentence: str) -> None:
        """Print the headline."""
        self._say(sentence, "bold")

    def say(self, sentence: str = "") -> None:
        """Print a line that belongs to no step."""
        self._say(sentence, "")

    def step(self, command: str, sentence: str) -> None:
        """Print the next step: the command that does it by hand, and its result."""
        self._steps += 1
        self._line(f"{self._steps:>2}  {command:<{WIDTH}}", sentence, "")

    def aside(self, sentence: str, style: str = "yellow") -> None:
        """Print what happens within a step."""
        self._line(" " * (4 + WIDTH), sentence, style)

    def _line(self, start: str, sentence: str, style: str) -> None:
        """Print a sentence; on a terminal its second line begins below its first word."""
        if not self.is_terminal:
            self._say(start + sentence, "")
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid()
        grid.add_column(width=len(start))
        grid.add_column()
        grid.add_row(Text(start, style="bold cyan"), Text(sentence, style=style))
        self._console.print(grid)

    @contextmanager
    def progress(self) -> Iterator[Callable[[Look, Rates], None]]:
        """Show the progress of a run as `runs watch` does: a bar on a terminal, else lines."""
        if not self.is_terminal:
            yield lines(to_stderr=self._to_stderr)
            return
        from rich.live import Live

        with Live(console=self._console, refresh_per_second=8) as live:
            yield lambda look, rates: live.update(drawn(look, rates))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table below a step."""
        for number, line in enumerate(table_lines(columns, rows)):
            self._say(f"    {line}", "dim" if number == 0 else "")

    def _say(self, sentence: str, style: str) -> None:
        if self.is_terminal:
            from rich.text import Text

            self._console.print(Text(sentence, style=style))
        else:
            click.echo(sentence, err=self._to_stderr)
            (sys.stderr if self._to_stderr else sys.stdout).flush()
