"""`probe`: ask the real vendor, by one scheduled message to a test user, what no document says."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.output import counted, duration, json_option, moment, note, print_facts, show
from campaigns.cli.kit.session import actor, opened
from campaigns.domain.errors import NotAllowed, UsageError

if TYPE_CHECKING:
    from campaigns.domain.probe.reading import ProbeReading
    from campaigns.flow.probe.ask import AskedProbe
    from campaigns.store.views.probes import ProbeView
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
QUIET_SECONDS = 15.0
"""Beat and worker give a sign each second; after this they are missing."""

OK, STOPPED, UNKNOWN, VENDOR, LATER, INTERRUPTED = 0, 4, 6, 7, 75, 130

NOT_SHOWN = "the vendor does not show it"

MARK_UP = {True: "read as HTML", False: "shown as characters", None: NOT_SHOWN}


@click.command()
@click.argument("account_id", metavar="ACCT")
@click.option("--to", "user", required=True, metavar="USER", help="A test user of your own, by its ID.")
@click.option("--media", metavar="ID", help="A vault ID, to learn how a price and media are echoed.")
@click.option("--yes", is_flag=True, help="Spend the credits without asking.")
@json_option
def probe(account_id: str, *, user: str, media: str | None, yes: bool, as_json: bool) -> None:
    """Learn how the vendor treats messages.

    Schedules one message to USER a year ahead, reads it back and deletes it, so that nobody is reached. What it learns
    is kept for the account: it finds lost answers by it, and puts marks into new campaigns if they survive.
    """
    from campaigns.domain.audience.user_sets import parse_user
    from campaigns.flow.probe.ask import ask_probe
    from campaigns.flow.probe.carry_out import CREDITS

    number = parse_user(user)
    if number is None:
        raise UsageError(f"--to is '{user}', which is not a valid user ID: digits, as in --to 123456.")
    with opened() as parts:
        _agree(account_id, user, CREDITS, yes=yes)
        asked = ask_probe(parts.store, account_id, number, upstream=parts.upstream_name, media=media, actor=actor())
        click.get_current_context().exit(_watch(parts, asked, as_json=as_json))


def _agree(account_id: str, user: str, credits: int, *, yes: bool) -> None:  # noqa: A002 - the vendor's word
    note(
        f"A probe of {account_id} costs {credits} credits at most. It schedules one message to user {user} a year "
        "ahead, reads it back and deletes it."
    )
    if yes:
        return
    if not somebody_is_there():
        raise UsageError("Nobody can be asked whether to spend the credits; pass --yes to agree.")
    if not click.confirm("Go on?", err=True):
        raise NotAllowed("Nothing was asked of the vendor.")


def somebody_is_there() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def _watch(parts: Parts, asked: AskedProbe, *, as_json: bool) -> int:
    """Wait until the probe has ended or cannot go on by itself; returns the exit code. Ctrl-C ends the waiting only."""
    from campaigns.store.views.probes import probe_view

    said = False
    try:
        while True:
            with parts.store.read() as connection:
                seen = probe_view(connection, asked.probe_id)
            stops = _stops(parts, seen)
            if stops is not None:
                break
            said = said or _says_nobody_works(parts)
            time.sleep(POLL_SECONDS)  # the database calls nobody when it changes
    except KeyboardInterrupt:
        note("The waiting has ended; the probe goes on, and `campaigns doctor` shows what is left of it.")
        return INTERRUPTED
    code, sentence = stops
    show(_told(seen), as_json=as_json, people=lambda: _say(seen))
    if sentence is not None:
        note(sentence)
    return code


def _stops(parts: Parts, seen: ProbeView) -> tuple[int, str | None] | None:
    """The exit code and what to say, once there is nothing more to wait for."""
    from campaigns.flow.probe.carry_out import NOT_CONFIRMED

    if seen.ended is not None:
        return _ended(seen)
    if seen.waits_for is not None and (seen.result is not None or seen.waits_for == NOT_CONFIRMED):
        again = "A worker goes on with it by itself; `campaigns doctor` shows it until it is gone."
        return LATER, f"Message {seen.message_id} is not seen gone yet: {seen.waits_for}. {again}"
    if seen.state == "unknown" and not seen.is_searched:
        decide = f"`campaigns runs decide {seen.run_id} --all --as accepted --message-id ID --reason TEXT`"
        return UNKNOWN, (
            f"The answer was lost, and no search found the message. Look at the vendor for one that is scheduled for "
            f"{moment(seen.scheduled_for)}: {decide} has it deleted; if there is none, decide --as not-sent."
        )
    return _held(parts, seen)


def _ended(seen: ProbeView) -> tuple[int, str | None]:
    if seen.ended == "gone":
        return (OK, None) if seen.words is None else (VENDOR, f"The message is deleted, but {seen.words}.")
    if seen.ended == "refused":
        return VENDOR, f"The vendor did not take the scheduled message, so the probe has stopped: {seen.words}."
    return STOPPED, f"The probe was cancelled, and nothing of it is left: {seen.words}."


def _held(parts: Parts, seen: ProbeView) -> tuple[int, str] | None:
    from campaigns.store.views.runs import holds_of

    with parts.store.read() as connection:
        holds = holds_of(connection, seen.run_id)
    if not holds:
        return None
    mend = f"Correct that, then `campaigns accounts release {seen.account_id} --reason TEXT` lets the probe go on."
    return VENDOR, f"The probe is held: {holds[0].reason.rstrip('.')}. {mend}"


def _says_nobody_works(parts: Parts) -> bool:
    from campaigns.store.health.heartbeats import heartbeats

    with parts.store.read() as connection:
        now, seen = parts.store.now(connection), heartbeats(connection)
    quiet = [
        part for part in ("beat", "worker") if part not in seen or (now - seen[part]).total_seconds() > QUIET_SECONDS
    ]
    if quiet:
        note(f"No {' and no '.join(quiet)} is running: the probe waits. Start `campaigns up`.")
    return bool(quiet)


def _told(seen: ProbeView) -> dict[str, Any]:
    """The documented JSON."""
    from campaigns.domain.probe.reading import SCHEDULED

    result = None if seen.result is None else asdict(seen.result)
    if seen.result is not None and result is not None:
        result |= {"basis": SCHEDULED, **result.pop("text"), "date_kept": seen.result.date_kept}
    return {**asdict(seen), "user_id": str(seen.user_id), "result": result}


def _say(seen: ProbeView) -> None:
    if seen.result is not None:
        print_facts(_facts(seen.result))


def _facts(found: ProbeReading) -> dict[str, Any]:
    places = {"the list": found.list_lag_seconds is not None, "its ID": found.in_item, "overview": found.in_overview}
    return {
        "read from": "a scheduled message; one that was sent may be echoed otherwise",
        "marks survive": NOT_SHOWN if found.text.mark is None else found.text.mark,
        "line breaks": found.text.line_breaks or NOT_SHOWN,
        "< > and &": found.text.escapes or NOT_SHOWN,
        "tags and entities": MARK_UP[found.text.mark_up],
        "free": NOT_SHOWN if found.is_free is None else found.is_free,
        "price": (found.price or NOT_SHOWN) if found.priced else "not asked; pass --media ID",
        "media": (found.media or NOT_SHOWN) if found.priced else "not asked; pass --media ID",
        "its day": {True: "kept", False: f"changed: {found.shown_for}", None: NOT_SHOWN}[found.date_kept],
        "shown by": [place for place, shows in places.items() if shows],
        "list shows it after": NOT_SHOWN if found.list_lag_seconds is None else duration(found.list_lag_seconds),
        "list": _depth(found),
        "vendor's clock": _clock(found.clock_skew_seconds),
    }


def _depth(found: ProbeReading) -> str:
    more = f", the oldest of {moment(found.list_reaches_back_to)}" if found.list_reaches_back_to else ""
    return f"{counted(found.list_size, 'other item')}{more}"


def _clock(ahead: float | None) -> str:
    if ahead is None:
        return NOT_SHOWN
    return f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours, to a second"
