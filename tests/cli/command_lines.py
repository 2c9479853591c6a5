"""Command lines as anybody may type them: every command and option, with good and odd values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from hypothesis import strategies as st

from campaigns.cli.main import cli
from tests.cli.conftest import Shell

GOOD = {
    "campaign_id": ["1", "2", "3"],
    "run_id": ["1", "2", "3"],
    "--run": ["1", "2"],
    "--campaign": ["1", "2"],
    "account_id": ["acct_one", "acct_two"],
    "--account": ["acct_one", "acct_two"],
    "user": ["1", "5"],
    "users": ["1", "77"],
    "--to": ["5", "2026-11-20T10:00:00Z"],
    "--from": ["2026-11-19T10:00:00Z", "2026-11-19 10:00"],
    "--users": ["fans.csv", "-", "many.csv"],
    "file": ["good.yaml", "fans.csv", "-"],
    "--text": ["Hi", "Hi {date} \N{GRINNING FACE}", "<b>Hi</b>"],
    "--name": ["Friday"],
    "--reason": ["asked to"],
    "--price": ["5", "9.99"],
    "--media": ["1", "2"],
    "--preview": ["1"],
    "--list": ["fans", "77"],
    "--batch-size": ["2", "500"],
    "--on-unknown": ["hold", "resend"],
    "--zone": ["Europe/Berlin", "UTC"],
    "--hours": ["09:00-22:00", "22:00-02:00"],
    "--cron": ["0 18 * * FRI", "*/90 * * * *"],
    "expression": ["0 18 * * FRI", "every '2 weeks'", "30 2 * * *"],
    "--every": ["2 weeks", "3 days"],
    "--starting": ["2027-01-01 10:00", "2027-01-01T10:00:00Z"],
    "--at": ["2027-01-01T10:00:00Z", "2027-03-28 02:30"],
    "--until": ["2028-01-01T00:00:00Z"],
    "--over": ["2h", "30m"],
    "--expires": ["6h"],
    "--grace": ["1h"],
    "--jitter": ["5m"],
    "--max-runs": ["3"],
    "--misfire": ["skip", "once", "all"],
    "--overlap": ["skip", "queue", "cancel", "unsend"],
    "--batch": ["1", "2", "1-3"],
    "--as": ["accepted", "not-sent", "resend"],
    "--state": ["accepted", "unknown"],
    "--clear": ["hours", "price", "zone"],
    "--subscribed-within": ["7"],
    "--format": ["csv", "jsonl"],
    "--limit": ["3"],
    "--after": ["2"],
    "--count": ["3"],
    "--vendor": ["1"],
    "--credits": ["9"],
    "--timeout": ["0s", "1s"],
    "--since": ["2h", "2026-11-20T10:00:00Z"],
    "--left-out": ["suppressed"],
}
"""Values that let a command go on, by the name of its argument or option."""

ODD = [
    *("", " ", "0", "-1", "1", "007", "1.5", "1e9", "NaN", "-inf", "1e400", "9" * 19, "9" * 400),
    *("0x10", "\N{SUPERSCRIPT TWO}"),
    *("one", "acct_", "acct_" + "x" * 3000, "a,b", "1,,2", "3-1", "\N{ARABIC-INDIC DIGIT FIVE}", "\ufeff1"),
    *("\x1b]52;c;aGk=\x07", "\u202egnp.exe", "\u200b", "\x85", "\udcff", "e\u0301" * 50),
    *("\N{GRINNING FACE}" * 99, "x" * 70_000),
    *("{", "[" * 9000, "{name}", "%s%n", "$(id)", "'; DROP TABLE event; --", "../../etc/passwd", "\\", "--", "-", "-x"),
    *("soon", "0001-01-01", "9999-12-31T23:59:59Z", "2027-02-30", "24:00", "2026-10-25 02:30", "99h"),
    *("1" * 30 + "h", "-2h"),
    *("* * * * *", "0 0 30 2 *", "@daily", "* *", "every ''", "every '0 days'", "every '1 month'"),
    *("CEST", "Europe/Berln", "../UTC"),
    *("nowhere.csv", "folder", "binary", "empty", "deep.json", "broken.yaml", "/dev/null", "fans.csv", "good.yaml", "://"),
]  # fmt: skip

WRITTEN = {
    "--output": ["out.jsonl", "folder", "fans.csv", "/dev/full", "/dev/null/x", "", "a\nb"],
    "--ledger": ["ledger.jsonl", "folder"],
    "--heads": ["heads.json", "folder", "fans.csv", "nowhere", "/dev/null"],
}
"""Names of files that a command writes: none that leads out of the test's own folder."""

FOR_ALL = [
    *[[]] * 40,
    ["--log-level", "DEBUG"],
    ["--log-level", "loud"],
    ["--database-url", "sqlite:///nowhere.db"],
    ["--database-url", "postgresql://user:p@ss@127.0.0.1:9/x"],
    ["--redis-url", "redis://127.0.0.1:9/0"],
    ["--redis-url", "redis://:p/w@h"],
]
"""Options of `campaigns` itself."""

FILES: dict[str, bytes] = {
    "fans.csv": b"user_id,name\n1,Anna\n2,Bea\n3,\n",
    "many.csv": b"".join(b"%d\n" % number for number in range(1, 4000)),
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "deep.json": b"[" * 100_000,
    "broken.yaml": b"a: [1\nb: {\n",
    "good.yaml": b"account: acct_one\ntext: Hi\nusers: [1, 2]\n",
    "heads.json": b"{}",
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


EVERY_COMMAND = dict(commands(cli))


def write_files(shell: Shell) -> None:
    """The files that command lines name."""
    for name, content in FILES.items():
        shell.file(name, content)
    Path(shell.folder, "folder").mkdir()


def values(name: str) -> st.SearchStrategy[str]:
    """Values of one argument or option: mostly good ones, or nothing behind the check of the first would be reached."""
    if name in WRITTEN:
        return st.sampled_from(WRITTEN[name])
    good = st.sampled_from(GOOD.get(name, ODD))
    return st.one_of(*[good] * 12, st.sampled_from(ODD), st.text(max_size=12))


@st.composite
def command_lines(draw: Callable[[Any], Any], chosen: tuple[str, ...] | None = None) -> list[str]:
    """One line: its words after `campaigns`."""
    path: tuple[str, ...] = chosen or draw(st.sampled_from(list(EVERY_COMMAND)))
    words = [*draw(st.sampled_from(FOR_ALL)), *path]
    for parameter in draw(st.permutations(EVERY_COMMAND[path].params)):
        words += _given(draw, parameter)
    if draw(st.integers(0, 39)) == 39:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(ODD)))
    return words


LIKELY = {"--account", "--text", "--users", "--reason", "--yes"}
"""Options without which a command mostly refuses at once."""


def _given(draw: Callable[[Any], Any], parameter: click.Parameter) -> list[str]:
    is_argument = isinstance(parameter, click.Argument)
    name = str(parameter.name) if is_argument else parameter.opts[0]
    likely = 8 if is_argument or parameter.required or name in LIKELY else 1
    times = draw(st.integers(0, 2)) if parameter.nargs == -1 or getattr(parameter, "multiple", False) else 1
    if draw(st.integers(0, 9)) > likely:
        return []
    if getattr(parameter, "is_flag", False):
        return [name]
    drawn = [draw(values(name)) for _ in range(times)]
    return drawn if is_argument else [word for value in drawn for word in (name, value)]
