"""Refuse an option that takes one value and is given twice: click would silently take the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from campaigns.domain.errors import UsageError


def refuse_repeated(command: click.Command, words: Sequence[str], parent: click.Context | None = None) -> None:
    """Raise UsageError for an option with one value that is given again, in a command or in one below it.

    What cannot be parsed is left to click, which refuses it afterwards.
    """
    context = click.Context(command, info_name=command.name, parent=parent)
    try:
        _, rest, order = command.make_parser(context).parse_args(args=list(words))
    except click.UsageError:
        return
    for parameter, times in Counter(order).items():
        if times > 1 and isinstance(parameter, click.Option) and _has_one_value(parameter):
            raise UsageError(f"{parameter.opts[0]} is given {times} times, and takes one value; keep one of them.")
    if isinstance(command, click.Group) and rest:
        below = command.get_command(context, rest[0])
        if below is not None:
            refuse_repeated(below, rest[1:], context)


def _has_one_value(option: click.Option) -> bool:
    return not (option.multiple or option.count or option.is_flag)
