"""The help of commands: examples at its end, long lists of options in groups, and IDs that a shell completes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from campaigns.cli.kit.help_pages.completion import ACCOUNT
from campaigns.cli.kit.help_pages.examples import epilog_of

OPTION_GROUPS: Mapping[str, Sequence[str]] = {
    "The message": (
        *("--account", "--name", "--text", "--html", "--as-written", "--locked-text", "--price", "--media"),
        *("--preview", "--giphy", "--content", "--rotate", "--block-banned-words"),
        *("--rf-tag", "--rf-partner", "--rf-guest", "--save-for-later", "--mark"),
    ),
    "Who gets it": (
        *("--users", "--list", "--exclude-list", "--subscribed-within", "--skip-bad", "--sheet"),
        *("--accept-suppressed", "--batch-size", "--on-unknown", "--often"),
    ),
    "When it is sent": (
        *("--at", "--cron", "--every", "--starting", "--zone", "--begins", "--until", "--max-runs", "--jitter"),
        *("--misfire", "--grace", "--overlap", "--hours", "--over", "--expires", "--handoff"),
    ),
    "What is launched": ("--plan", "--now", "--again", "--reason"),
    "Confirming and waiting": ("--yes", "--wait", "--timeout"),
}
"""Headings for the options of long help pages. An option without a heading is listed below `Options`."""


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings, then the rest."""
        for heading, rows in self._sections(ctx):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def _sections(self, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        left = {option.opts[0]: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for heading, names in OPTION_GROUPS.items():
            yield heading, [left.pop(name) for name in names if name in left]
        yield "Options", list(left.values())


def prepare(command: click.Command, path: str) -> None:
    """Add its examples to a command and to every command below it, and let a shell complete their account IDs."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            prepare(below, f"{path} {name}")
        return
    command.epilog = epilog_of(path)
    for param in command.params:
        if param.name in {"account", "account_id"} and isinstance(param.type, click.types.StringParamType):
            param.type = ACCOUNT
