"""`campaigns demo`: send one campaign on one machine to a sandbox that fails, and prove the result."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from campaigns.cli.demo.books import COUNTS, Audit, make_audit
from campaigns.cli.demo.installation import SHORT, DemoSettings, own_home, running_parts
from campaigns.cli.demo.story import Story
from campaigns.cli.demo.telling import Telling
from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.kit.output import counted, note, print_json
from campaigns.cli.kit.tables import Column, Kind
from campaigns.settings import Settings

AGREE, DIFFER = 0, 1


def run_demo(as_json: bool, *, keep: bool = False) -> int:
    """Play the demo. Returns 0 when the books balance and agree with the sandbox's record, else 1 with what differs.

    It has a home of its own, which is deleted at the end unless `keep`. Ctrl-C and SIGTERM stop every part, leave
    nothing behind, and return 130. Needs the main thread.
    """
    telling = Telling(to_stderr=as_json)
    began = time.monotonic()
    try:
        with _terminated_as_interrupted(), own_home(keep=keep) as home:
            audit = _play(home, telling)
    except KeyboardInterrupt:
        note("The demo was interrupted; every part is stopped, and nothing is left behind.")
        return INTERRUPTED
    seconds = round(time.monotonic() - began, 1)
    _conclude(audit, telling, seconds)
    if keep:
        telling.say(f"    Its home is kept: `campaigns --home {home} runs attempts 1` reads its database.")
    if as_json:
        print_json(_as_json(audit, seconds, home if keep else None))
    return DIFFER if audit.differences else AGREE


def _play(home: Path, telling: Telling) -> Audit:
    from campaigns.wiring import open_parts

    _introduce(home, telling)
    began = time.monotonic()
    with running_parts(home) as settings:
        took = time.monotonic() - began
        telling.step("up", f"Redis, sandbox, database, worker and beat are ready after {took:.1f} s")
        parts = open_parts(settings)
        with closing(parts.store), closing(_record(settings)) as record:
            Story(parts, record, telling).play()
            return make_audit(parts.store, record.accepted())


def _record(settings: Settings) -> Any:
    from campaigns.adapters.upstream.sandbox_record import SandboxRecord

    return SandboxRecord(str(settings.upstream_url))


def _introduce(home: Path, telling: Telling) -> None:
    telling.title("One campaign, a vendor that fails on purpose, a worker that is killed: and nobody gets it twice.")
    telling.say(f"Its home is {home}. Your settings, key, database and Redis are not touched.")
    telling.say()
    usual = DemoSettings()
    names = {str(field.alias): name for name, field in Settings.model_fields.items()}
    rows = [(name, f"{value:g}", f"{getattr(usual, names[name]):g}") for name, value in SHORT.items()]
    telling.table((Column("setting"), Column("here", Kind.NUMBER), Column("usually", Kind.NUMBER)), rows)
    telling.say()


def _conclude(audit: Audit, telling: Telling, seconds: float) -> None:
    telling.step("audit", "planned = accepted + rejected + unknown + cancelled")
    names = {"rerun": "run r{id}, a rerun"}
    rows: list[tuple[Any, ...]] = [
        (
            names.get(run.kind, "run r{id}").format(id=run.id),
            run.planned,
            *(getattr(run, name) for name in COUNTS),
        )
        for run in audit.runs
    ]
    together = audit.together
    rows.append(("together", *(together[name] for name in ("planned", *COUNTS))))
    rows.append(("the sandbox's record", None, audit.sandbox.users, None, None, None))
    telling.table((Column(""), *(Column(name, Kind.COUNT) for name in ("planned", *COUNTS))), rows)
    if audit.differences:
        telling.aside("The books and the record differ:", "bold red")
        for difference in audit.differences:
            telling.aside(difference, "red")
        return
    twice = audit.sandbox.users_accepted_twice
    left_out = counted(sum(audit.runs[0].excluded.values()), "suppressed fan")
    telling.say(
        f"    The books balance, and the sandbox's record agrees: {audit.fans:,} fans accepted, {twice} of them twice; "
        f"{left_out} got no message."
    )
    telling.say(f"    {audit.verified.events} events in the audit; all of it took {seconds:g} s.")


def _as_json(audit: Audit, seconds: float, home: Path | None) -> dict[str, Any]:
    columns = ("id", "kind", "parent_run_id", "state", "planned", *COUNTS, "waiting", "excluded", "batches")
    return {
        "ok": not audit.differences,
        "differences": audit.differences,
        "seconds": seconds,
        "home": None if home is None else str(home),
        "settings": dict(SHORT),
        "runs": [{name: getattr(run, name) for name in columns} for run in audit.runs],
        "together": audit.together,
        "accepted_users": audit.fans,
        "sandbox": audit.sandbox,
        "events": audit.verified.events,
    }


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does."""
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
