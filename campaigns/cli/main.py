"""The `campaigns` command: its group, its lazily loaded commands, and the one table from refusals to exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import click

from campaigns import __version__
from campaigns.as_json import to_json
from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.kit.help_pages.commands import write_commands
from campaigns.cli.kit.help_pages.flags import settings_flags
from campaigns.cli.kit.help_pages.options import prepare
from campaigns.cli.kit.refusals.repeated import refuse_repeated
from campaigns.cli.kit.refusals.unexpected import shortage, unexpected
from campaigns.cli.kit.remedies import worded
from campaigns.cli.kit.streams import CannotPrint, printable_streams, write_nowhere
from campaigns.domain import errors
from campaigns.domain.printable import IS_TEXT
from campaigns.domain.remedies import Remedy
from campaigns.private_files import keep_private

UNEXPECTED = 1
USAGE = 2
TRY_LATER = 75
READER_GONE = 141
"""The reader of a pipe stopped reading; a shell reports SIGPIPE by this number."""

EXIT_CODES: dict[type[errors.CampaignsError], int] = {
    errors.CampaignsError: UNEXPECTED,
    errors.UsageError: USAGE,
    errors.InvalidInput: USAGE,
    errors.SettingsError: USAGE,
    errors.NoKey: USAGE,
    errors.KeyReused: USAGE,
    errors.NoRevision: USAGE,
    errors.NotIdentified: 4,
    errors.NotFound: 3,
    errors.NotAllowed: 4,
    errors.Forbidden: 4,
    errors.Outdated: 4,
    errors.OtherCount: 4,
    errors.KeyInUse: 4,
    errors.StaleClaim: 4,
    errors.RequestLost: 4,
    errors.Damaged: UNEXPECTED,
    errors.VendorRefused: 7,
    errors.TryLater: 75,
    errors.DatabaseAway: 75,
    errors.DatabaseBusy: 75,
    errors.RoleTooWeak: 75,
    errors.TooManyTries: 75,
    errors.PacerAway: 75,
    errors.FencesAway: 75,
    errors.VendorAway: 75,
}
"""Every class of the error tree; a test walks the tree and fails on one that is missing."""

LONGEST_SHOWN = 100

COMPLETE = "_CAMPAIGNS_COMPLETE"
"""A shell sets this variable when it asks for completions; the name is click's."""

COMMANDS: dict[str, str] = {
    "demo": "system.roles:demo",
    "up": "system.roles:up",
    "worker": "system.roles:worker",
    "beat": "system.roles:beat",
    "web": "system.web:web",
    "sandbox": "system.roles:sandbox",
    "db": "system.database:db",
    "doctor": "system.doctor:doctor",
    "stop": "accounts.stop_go:stop",
    "go": "accounts.stop_go:go",
    "accounts": "accounts.accounts:accounts",
    "create": "campaigns.create_edit:create",
    "edit": "campaigns.create_edit:edit",
    "list": "campaigns.list_show:list_campaigns",
    "show": "campaigns.list_show:show",
    "copy": "campaigns.archive_copy:copy",
    "status": "runs.status:status",
    "archive": "campaigns.archive_copy:archive",
    "unarchive": "campaigns.archive_copy:unarchive",
    "plan": "campaigns.plan:plan",
    "launch": "campaigns.launch:launch",
    "pause": "schedules.pause_resume_skip:pause",
    "resume": "schedules.pause_resume_skip:resume",
    "schedule": "schedules.group:schedule",
    "runs": "runs.decide:runs",
    "reconcile": "runs.reconcile:reconcile",
    "who": "audience.who:who",
    "why-not": "audience.who:why_not",
    "suppress": "audience.suppress:suppress",
    "audit": "audit.audit:audit",
    "limits": "accounts.limits:limits",
    "probe": "accounts.probe:probe",
    "hosts": "system.hosts:hosts",
    "operators": "access.operators:operators",
    "tokens": "access.tokens:tokens",
}
"""Where each command lives; a module is imported when its command is asked for, so that `--help` stays fast."""


class AnsweringGroup(click.Group):
    """Ends every refusal, fault and interruption of its commands with one sentence and an exit code."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command; exits with its code, or returns that when not standalone."""
        # A shell that asks for completions gets bytes, which click writes past our streams.
        with nullcontext() if COMPLETE in os.environ else printable_streams():
            code = self._answer(*args, **extra)
            try:
                sys.stdout.flush()
            except BrokenPipeError:
                _stop_writing()
                code = READER_GONE
            except CannotPrint as fault:
                _say(fault.message)
                code = code or fault.exit_code
        if standalone_mode:
            sys.exit(code)
        return code

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _quiet_when_reader_is_gone():  # help is printed here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _quiet_when_reader_is_gone():
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.Abort, click.exceptions.Exit, errors.CampaignsError, BrokenPipeError):
                raise
            except Exception as fault:
                if _is_debugging(ctx):
                    traceback.print_exception(fault)
                raise

    def _answer(self, *args: Any, **extra: Any) -> int:
        given = args[0] if args else extra.get("args")
        words = sys.argv[1:] if given is None else list(given)
        try:
            _refuse_bytes(words)
            refuse_repeated(self, words)
            result: Any = click.Group.main(self, *args, **{**extra, "standalone_mode": False})
        except click.ClickException as fault:
            _refuse(words, _usage_sentence(fault), code=errors.UsageError.code)
            return fault.exit_code
        except click.Abort:
            _refuse(words, "Interrupted.", code="interrupted")
            return INTERRUPTED
        except errors.CampaignsError as refusal:
            _refuse(words, worded(refusal), code=refusal.code, remedies=refusal.remedies)
            return EXIT_CODES[type(refusal)]
        except Exception as fault:  # noqa: BLE001 - the last line: whatever it is, a person gets one sentence
            lack = shortage(fault)
            _refuse(words, lack or unexpected(fault), code="no_room" if lack else "unexpected")
            return TRY_LATER if lack else UNEXPECTED
        return result if isinstance(result, int) else 0


class LazyGroup(AnsweringGroup):
    """Imports the module of a command when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"campaigns.cli.{module}"), name)
        prepare(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups."""
        write_commands(formatter, {name: self.get_command(ctx, name) for name in COMMANDS})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)


def _refuse(words: Sequence[str], sentence: str, *, code: str, remedies: Sequence[Remedy] = ()) -> None:
    """Say a refusal on standard error; for a program that asked for JSON, say it once more as its last line."""
    _say(sentence)
    if "--json" in words:
        _say(to_json({"code": code, "message": sentence, "remedies": remedies}))


def _say(sentence: str) -> None:
    try:
        click.echo(sentence, err=True)
    except BrokenPipeError:
        _stop_writing()


def _refuse_bytes(words: Sequence[str]) -> None:
    """Raise UsageError for a word that is not text: a terminal in Latin-1 types it, and no database takes it."""
    for word in words:
        if not IS_TEXT(word):
            shown = word.encode(errors="backslashreplace").decode()[:LONGEST_SHOWN]
            raise errors.UsageError(f"'{shown}' is not text in UTF-8; set the terminal, or the script, to UTF-8.")


def _usage_sentence(fault: click.ClickException) -> str:
    """Click's message without its lines of usage, and where to read more."""
    message = _missing(fault) if isinstance(fault, click.MissingParameter) else fault.format_message()
    context = getattr(fault, "ctx", None)
    if context is None or isinstance(fault, click.exceptions.NoArgsIsHelpError):
        return message
    return f"{context.command_path}: {message} See `{context.command_path} --help`."


def _missing(fault: click.MissingParameter) -> str:
    """Which option or argument is missing, on one line; click writes the choices below one another."""
    param = fault.param
    if param is None:
        return fault.format_message()
    name = param.opts[0] if isinstance(param, click.Option) else param.make_metavar(fault.ctx or _NOWHERE)
    choices = list(param.type.choices) if isinstance(param.type, click.Choice) else []
    return f"{name} is missing" + (f"; give one of {', '.join(map(str, choices))}." if choices else ".")


_NOWHERE = click.Context(click.Command("campaigns"))


def _is_debugging(ctx: click.Context) -> bool:
    return str((ctx.obj or {}).get("LOG_LEVEL") or os.environ.get("LOG_LEVEL")).upper() == "DEBUG"


@contextmanager
def _quiet_when_reader_is_gone() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _stop_writing()
        raise click.exceptions.Exit(READER_GONE) from None


def _stop_writing() -> None:
    """Discard what is buffered, so that the interpreter's last flush does not fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, CannotPrint):
            write_nowhere(stream)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 unexpected, 2 usage or settings, 3 not found, 4 not allowed in this state, "
    "5 finished with rejected batches, 6 unknown outcomes wait for a decision, 7 vendor refused, "
    "75 try later, 130 interrupted.",
)
@click.option("--home", metavar="FOLDER", help="Where the embedded parts keep their files (CAMPAIGNS_HOME).")
@click.option("--database-url", metavar="URL", help="sqlite:///... or postgresql://... (DATABASE_URL).")
@click.option("--redis-url", metavar="URL", help="Redis or Valkey (REDIS_URL).")
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    help="How much to log (LOG_LEVEL).",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **flags: str | None) -> None:
    """Queue bulk campaigns that message nobody twice, lose nobody, and can prove it."""
    ctx.obj = settings_flags(flags)


def main() -> NoReturn:
    """The entry point of the `campaigns` command."""
    keep_private()
    cli.main(prog_name="campaigns")
    raise AssertionError  # cli.main exits
