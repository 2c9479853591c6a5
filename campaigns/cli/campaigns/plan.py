"""`plan`: what a launch would do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from campaigns.as_json import plain
from campaigns.cli.kit.output import counted, json_option, note, one_line, show
from campaigns.cli.kit.remedies import in_words
from campaigns.cli.kit.runs_table import print_runs
from campaigns.cli.kit.session import CAMPAIGN, opened
from campaigns.cli.kit.tables import Fact, Kind, print_facts
from campaigns.domain.messages.marks import LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from campaigns.flow.planning.plan_warnings import PlanWarning
    from campaigns.flow.planning.preview import Preview, TextAhead

MARK_WORDS = f"each request's text carries an invisible mark of {LENGTH} characters"

TEXT_MODES = {
    "plain": "plain: fans see its characters and line breaks",
    "html": "HTML, sent as written",
    "as_written": "sent as written, as in releases that knew no plain text",
}

REQUEST_FIELDS = {
    "price": "price",
    "mediaFiles": "media",
    "previews": "previews",
    "lockedText": "text is locked",
    "giphyId": "GIF",
    "userLists": "lists",
    "excludedLists": "lists left out",
    "subscribedWithinLastDays": "subscribed within days",
    "blockBannedWords": "banned words",
    "rfTag": "tagged creators",
    "rfPartner": "release-form partners",
    "rfGuest": "release-form guests",
    "saveForLater": "saved for later",
    "scheduledDate": "vendor sends it at",
}
"""Human-readable names of a request's fields, except its text. A field without one is shown by the vendor's name."""


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def plan(campaign_id: int, *, as_json: bool) -> None:
    """Show what a launch would do, exactly.

    Sends nothing. The hash covers all of it: `launch ID --plan HASH` refuses when anything has changed since.
    """
    from campaigns.flow.planning.preview import preview

    with opened() as parts:
        settings = parts.settings
        seen = preview(parts.store, campaign_id, parts.limits, text_as=settings.text_as, rf_as=settings.rf_as)
    show(_for_programs(seen) if as_json else None, as_json=as_json, people=lambda: _print(seen))


def warning_sentence(warning: PlanWarning) -> str:
    """A warning of a plan and what to do about it."""
    ways = in_words(warning.remedies)
    return f"{warning.fact}. {' '.join(ways)}" if ways else warning.fact


def _for_programs(seen: Preview) -> dict[str, Any]:
    """The preview for `--json`: its warnings as sentences, with their codes beside them."""
    listed: dict[str, Any] = plain(seen)
    words = {"warnings": [warning_sentence(warning) for warning in seen.warnings]}
    return {**listed, **words, "warning_codes": [warning.code.value for warning in seen.warnings]}


def _print(seen: Preview) -> None:
    print_facts(_facts(seen), zone=seen.zone)
    print_runs(seen.next_runs, seen.zone)
    say_plan_warnings(seen.warnings)


def say_plan_warnings(warnings: Iterable[PlanWarning]) -> None:
    """Print each warning of a plan on standard error."""
    for warning in warnings:
        note(f"Note: {warning_sentence(warning)}")


def _facts(seen: Preview) -> Iterator[Fact]:
    from campaigns.domain.clocks import on_clocks

    to_whom = "known to the vendor alone (whole lists)" if seen.recipients is None else f"{seen.recipients:,}"
    yield Fact("account", seen.account, Kind.NAME)
    yield Fact("vendor", seen.upstream, Kind.NAME)
    yield Fact("recipients", to_whom)
    yield Fact("left out", seen.excluded, Kind.COUNT)
    yield Fact("requests", f"{seen.requests:,} of up to {counted(seen.batch_size, 'user')}")
    yield Fact("credits", seen.credits, Kind.COUNT)
    yield Fact("when", seen.schedule)
    if seen.sending_hours:
        yield Fact("sending hours", " and ".join(f"{hours.hours} {hours.zone}" for hours in seen.sending_hours))
    if seen.clock == "vendor":
        yield Fact("clock", "the vendor's: each run is handed over ahead of its time")
    yield Fact("starts", on_clocks(seen.starts_at, seen.zone))
    yield Fact("ends about", f"{on_clocks(seen.ends_at, seen.zone)}, limited by the {seen.bound_by}")
    if seen.mark:
        yield Fact("mark", MARK_WORDS)
    yield Fact("text", TEXT_MODES[seen.text_mode])
    requests = [_other_fields(text) for text in seen.texts]
    are_alike = all(request == requests[0] for request in requests)
    for number, text in enumerate(seen.texts, start=1):
        which = "" if len(seen.texts) == 1 else f", text {number}"
        yield from _text_facts(text, seen.zone, which)
        if not are_alike:
            yield from _request_facts(requests[number - 1], which)
    if are_alike:
        yield from _request_facts(requests[0], "")
    yield Fact("hash", seen.hash, Kind.NAME)


def _text_facts(text: TextAhead, zone: str | None, which: str) -> Iterator[Fact]:
    """The text of one coming run: as it was written, and as fans see it line by line."""
    from campaigns.domain.clocks import on_clocks

    content = "" if text.content is None else f"content {text.content}: "
    yield Fact(f"says{which}", f"{content}{one_line(text.text)} (at {on_clocks(text.at, zone)})")
    for place, line in enumerate(text.seen.split("\n"), start=1):
        yield Fact(f"fans see{which}" if place == 1 else f"fans see{which}, line {place}", one_line(line))


def _other_fields(text: TextAhead) -> dict[str, Any]:
    """The fields of a request other than its text."""
    return {name: value for name, value in text.request.items() if name != "text"}


def _request_facts(fields: dict[str, Any], which: str) -> Iterator[Fact]:
    for name, value in fields.items():
        yield Fact(f"{REQUEST_FIELDS.get(name, name)}{which}", f"${value:,.2f}" if name == "price" else value)
