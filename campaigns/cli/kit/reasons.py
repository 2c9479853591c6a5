"""`--reason`: on a terminal a person who gave none is asked for it, everywhere a reason is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from campaigns.domain.errors import UsageError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def reason_option(purpose: str) -> Decorator:
    """The option `--reason`, which the command cannot do without; `purpose` is its line in the help."""
    return click.option("--reason", metavar="TEXT", callback=_given_or_typed, help=f"{purpose} [required]")


def _given_or_typed(context: click.Context, option: click.Parameter, given: str | None) -> str:
    """The reason without blanks around it. Raises UsageError for an empty one, and off a terminal for none."""
    if given is None:
        if context.resilient_parsing:
            return ""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.MissingParameter(ctx=context, param=option)
        given = click.prompt("Reason, for the audit", default="", show_default=False, err=True)
    if not given.strip():
        raise UsageError("--reason is empty; give one, the audit keeps it.")
    return given.strip()
