"""`probe`: learn from one scheduled message to a test user what no document of the vendor states."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.agree import INTERRUPTED, agree, yes_option
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted, duration, json_option, moment, note, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Fact, print_facts
from campaigns.cli.kit.ways_on import way_on
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import run_name
from campaigns.domain.probe.reading import Escapes, LineBreaks, ProbeEnd
from campaigns.domain.states import BatchState

if TYPE_CHECKING:
    from campaigns.domain.probe.reading import ProbeReading
    from campaigns.flow.probe.ask import AskedProbe
    from campaigns.store.views.probes import ProbeView
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
QUIET_SECONDS = 15.0
"""Beat and worker write a heartbeat each second; after this many seconds without one they are missing."""

OK, STOPPED, UNKNOWN, VENDOR, LATER = 0, 4, 6, 7, 75

NOT_SHOWN = "the vendor does not show it"

MARK_UP = {True: "read as HTML", False: "shown as characters", None: NOT_SHOWN}

LINE_BREAKS = {
    LineBreaks.KEPT: "kept",
    LineBreaks.TAG: "become <br>",
    LineBreaks.PARAGRAPH: "become paragraphs",
    LineBreaks.SPACE: "become spaces",
    LineBreaks.LOST: "lost",
    LineBreaks.CHANGED: "changed",
}

ESCAPES = {Escapes.KEPT: "kept", Escapes.ESCAPED: "become entities", Escapes.CHANGED: "changed"}


@click.command()
@click.argument("account_id", metavar="ACCT")
@click.option("--to", "user", required=True, metavar="USER", help="A test user of your own, by its ID.")
@click.option("--media", metavar="ID", help="A vault ID, to learn how a price and media are echoed.")
@yes_option
@json_option
def probe(account_id: str, *, user: str, media: str | None, is_agreed: bool, as_json: bool) -> None:
    """Learn how the vendor treats messages.

    Schedules one message to USER a year ahead, reads it back and deletes it, so that it reaches nobody. The result is
    kept for the account: searches for lost answers use it, and new campaigns carry marks if marks survive.
    """
    from campaigns.domain.audience.user_sets import parse_user
    from campaigns.flow.probe.ask import ask_probe
    from campaigns.flow.probe.carry_out import CREDITS

    number = parse_user(user)
    if number is None:
        raise UsageError(f"--to is '{user}', which is not a valid user ID: digits, as in --to 123456.")
    with opened() as parts:
        note(
            f"A probe of {account_id} costs at most {CREDITS} credits. It schedules one message to user {user} a year "
            "ahead, reads it back and deletes it."
        )
        question = f"Spend at most {CREDITS} credits on a probe of {account_id}?"
        agree([vendor_in_force(parts.settings)], question, people=None, is_agreed=is_agreed)
        asked = ask_probe(parts.store, account_id, number, upstream=parts.upstream_name, media=media, actor=actor())
        click.get_current_context().exit(_watch(parts, asked, as_json=as_json))


def _watch(parts: Parts, asked: AskedProbe, *, as_json: bool) -> int:
    """Wait until the probe has ended, or needs a person; returns the exit code. Ctrl-C ends the wait, not the probe."""
    from campaigns.store.views.probes import probe_view

    is_warned = False
    try:
        while True:
            with parts.store.read() as connection:
                seen = probe_view(connection, asked.probe_id)
            stops = _stops(parts, seen)
            if stops is not None:
                break
            is_warned = is_warned or _warn_if_nobody_works(parts)
            time.sleep(POLL_SECONDS)  # the database calls nobody when it changes
    except KeyboardInterrupt:
        note("Nobody waits for the probe now; it continues, and `campaigns doctor` shows what is left of it.")
        return INTERRUPTED
    code, sentence = stops
    show(_documented(seen), as_json=as_json, people=lambda: _print(seen))
    if sentence is not None:
        note(sentence)
    return code


def _stops(parts: Parts, seen: ProbeView) -> tuple[int, str | None] | None:
    """The exit code and a sentence, once there is nothing more to wait for."""
    from campaigns.flow.probe.carry_out import NOT_CONFIRMED

    if seen.ended is not None:
        return _ended(seen)
    if seen.waits_for is not None and (seen.result is not None or seen.waits_for == NOT_CONFIRMED):
        again = "A worker tries it again without you; `campaigns doctor` shows it until it is gone."
        return LATER, f"Message {seen.message_id} is not seen gone yet: {_clause(seen.waits_for)}. {again}"
    if seen.state is BatchState.UNKNOWN and not seen.is_searched:
        decide = f"`campaigns runs decide {run_name(seen.run_id)} --all --as accepted --message-id ID --reason TEXT`"
        return UNKNOWN, (
            f"The answer was lost, and no search found the message. Look at the vendor for one that is scheduled for "
            f"{moment(seen.scheduled_for)}: {decide} has it deleted; if there is none, decide --as not-sent."
        )
    return _held(parts, seen)


def _ended(seen: ProbeView) -> tuple[int, str | None]:
    if seen.ended is ProbeEnd.GONE:
        return (OK, None) if seen.words is None else (VENDOR, f"The message is deleted, but {_clause(seen.words)}.")
    if seen.ended is ProbeEnd.REFUSED:
        return (
            VENDOR,
            f"The vendor did not take the scheduled message, so the probe has stopped: {_clause(seen.words)}.",
        )
    return STOPPED, f"The probe was cancelled, and nothing of it is left: {_clause(seen.words)}."


def _held(parts: Parts, seen: ProbeView) -> tuple[int, str] | None:
    from campaigns.store.views.runs import holds_of

    with parts.store.read() as connection:
        holds = holds_of(connection, seen.run_id)
    if not holds:
        return None
    first = holds[0]
    next_step = way_on(first.kind, first.scope, run_id=seen.run_id, account_id=seen.account_id)
    return VENDOR, f"The probe is on hold: {_clause(first.reason)}. {next_step}"


def _warn_if_nobody_works(parts: Parts) -> bool:
    from campaigns.store.health.heartbeats import heartbeats

    with parts.store.read() as connection:
        now, seen = parts.store.now(connection), heartbeats(connection)
    quiet = [
        part for part in ("beat", "worker") if part not in seen or (now - seen[part]).total_seconds() > QUIET_SECONDS
    ]
    if quiet:
        note(f"No {' and no '.join(quiet)} is running: the probe waits. Start `campaigns up`.")
    return bool(quiet)


def _documented(seen: ProbeView) -> dict[str, Any]:
    """The documented JSON."""
    from campaigns.domain.probe.reading import SCHEDULED

    result = None if seen.result is None else asdict(seen.result)
    if seen.result is not None and result is not None:
        result |= {"basis": SCHEDULED, **result.pop("text"), "date_kept": seen.result.date_kept}
    return {**asdict(seen), "user_id": str(seen.user_id), "result": result}


def _clause(reason: str | None) -> str:
    """A reason inside a sentence, which has a full stop of its own."""
    return (reason or "no reason is known").rstrip(".")


def _print(seen: ProbeView) -> None:
    if seen.result is not None:
        print_facts(_facts(seen.result))


def _facts(reading: ProbeReading) -> list[Fact]:
    text, lag, not_asked = reading.text, reading.list_lag_seconds, "not asked; pass --media ID"
    places = {
        "the list": reading.list_lag_seconds is not None,
        "its ID": reading.in_item,
        "overview": reading.in_overview,
    }
    return [
        Fact("read from", "a scheduled message; a message that was sent may be shown otherwise"),
        Fact("marks survive", _shown(text.mark)),
        Fact("line breaks", _shown(None if text.line_breaks is None else LINE_BREAKS[text.line_breaks])),
        Fact("< > and &", _shown(None if text.escapes is None else ESCAPES[text.escapes])),
        Fact("tags and entities", MARK_UP[text.mark_up]),
        Fact("free", _shown(reading.is_free)),
        Fact("price", _shown(reading.price) if reading.priced else not_asked),
        Fact("media", _shown(reading.media) if reading.priced else not_asked),
        Fact("its day", _day(reading)),
        Fact("shown by", [place for place, shows in places.items() if shows]),
        Fact("list shows it after", NOT_SHOWN if lag is None else duration(lag)),
        Fact("list", _depth(reading)),
        Fact("vendor's clock", _clock(reading.clock_skew_seconds)),
    ]


def _shown(value: object) -> object:
    return NOT_SHOWN if value is None else value


def _day(reading: ProbeReading) -> str:
    if reading.date_kept is None:
        return NOT_SHOWN
    return "kept" if reading.date_kept else f"changed to {moment(reading.shown_for)}"


def _depth(reading: ProbeReading) -> str:
    more = f", the oldest of {moment(reading.list_reaches_back_to)}" if reading.list_reaches_back_to else ""
    return f"{counted(reading.list_size, 'other item')}{more}"


def _clock(ahead: float | None) -> str:
    if ahead is None:
        return NOT_SHOWN
    return f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours, to a second"
