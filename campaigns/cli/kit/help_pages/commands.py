"""`campaigns --help`: the commands, grouped by what an operator does."""

from __future__ import annotations

from collections.abc import Mapping

import click

COMMAND_GROUPS: dict[str, tuple[str, ...]] = {
    "Tonight": ("status", "stop", "go", "doctor", "limits"),
    "Campaigns": (
        *("create", "edit", "copy", "list", "show", "plan", "launch"),
        *("pause", "resume", "schedule", "archive", "unarchive"),
    ),
    "Runs": ("runs", "reconcile"),
    "People": ("who", "why-not", "suppress"),
    "Accounts and records": ("accounts", "probe", "audit"),
    "Access": ("operators", "tokens"),
    "Installation": ("demo", "up", "worker", "beat", "web", "sandbox", "db", "hosts"),
}
"""What an operator does, and the commands for it: the order of `campaigns --help`. A test finds a command in none."""


def write_commands(formatter: click.HelpFormatter, commands: Mapping[str, click.Command | None]) -> None:
    """Write each group with the first sentence of its commands."""
    width = max(map(len, commands))
    for heading, names in COMMAND_GROUPS.items():
        group = [(name, command) for name in names if (command := commands.get(name)) is not None]
        with formatter.section(heading):
            formatter.write_dl([(name.ljust(width), each.get_short_help_str(limit=100)) for name, each in group])
