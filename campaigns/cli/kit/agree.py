"""Agree before it is big: one question before anything that reaches many people, or cannot be undone."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from campaigns.cli.kit.output import note, one_line
from campaigns.domain.errors import UsageError
from campaigns.domain.remedies import Do, Remedy

INTERRUPTED = 130
"""The exit code after Ctrl-C, and after a question was answered with no."""

TYPED_FROM = 10_000
"""From this many people on, a person types their number instead of `y`."""

yes_option = click.option("--yes", "is_agreed", is_flag=True, help="Do it without asking.")


def agree(
    summary: Sequence[str],
    question: str,
    *,
    people: int | None,
    is_agreed: bool,
    option: str = "--yes",
    instead: str = "",
) -> None:
    """Show what will happen and ask once; returns when it is agreed.

    `people`: whom it reaches, None for whole lists. `option`: the option behind `is_agreed`. `instead`: another option
    that agrees, such as `--plan HASH`. Refusing ends the command with 130. Off a terminal nobody can be asked: raises
    UsageError, and nothing is done.
    """
    if is_agreed:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        ways = [Remedy(Do.CONFIRM, value=each) for each in (option, instead) if each]
        raise UsageError(f"{question} Nobody can be asked here, and nothing was done.", *ways, code="needs_agreement")
    for line in summary:
        note(one_line(line))
    if people is not None and people >= TYPED_FROM:
        typed = click.prompt(f"{question} Type {people} to agree", default="", show_default=False, err=True)
        if typed.replace(",", "").strip() == str(people):
            return
    elif click.confirm(question, default=False, err=True):
        return
    note("Nothing was done.")
    raise click.exceptions.Exit(INTERRUPTED)
