"""The fields of a campaign as options of a command, and refusals that name fields as options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from campaigns.domain.errors import InvalidInput, UsageError
from campaigns.inputs.field_table import BY_KEY, FIELDS, Field

_AT_A_CLAUSE = re.compile(r"(^|; |(?:stored|it is): )([a-z]+)(?= (?:is|has|are|needs|cannot|must|can)\b| ')")
_WITH_UNDERSCORE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def field_options(*, without: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command one option for each field, except for the one named."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for field in reversed(FIELDS):
            command = command if field.name == without else _option(field)(command)
        return command

    return give


def option_of(key: str) -> str:
    """The option of a field: `--media` for `media_files`."""
    field = BY_KEY.get(key)
    return f"--{field.name if field is not None else key.replace('_', '-')}"


@contextmanager
def naming_options() -> Iterator[None]:
    """Name fields as options in what the domain refuses."""
    try:
        yield
    except InvalidInput:
        raise
    except UsageError as refusal:
        raise UsageError(_in_options(str(refusal)), *refusal.remedies, code=refusal.code) from None


def _in_options(sentence: str) -> str:
    """The sentence with the keys of fields as options, where a key has an underscore or is the subject of a clause."""
    sentence = _WITH_UNDERSCORE.sub(lambda word: option_of(word[0]) if word[0] in BY_KEY else word[0], sentence)
    return _AT_A_CLAUSE.sub(lambda part: part[1] + (option_of(part[2]) if part[2] in BY_KEY else part[2]), sentence)


def _option(field: Field) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = f"--{field.name}"
    if field.kind == "choice":
        return click.option(f"{name}/--no-{field.name}", field.key, is_flag=True, default=None, help=field.help)
    if field.kind == "flag":
        return click.option(name, field.key, is_flag=True, default=None, help=field.help)
    return click.option(
        name, field.key, metavar=field.metavar or "TEXT", help=field.help, multiple=field.kind in {"texts", "contents"}
    )
