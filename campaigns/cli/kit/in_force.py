"""Notes above the output of a command: the vendor in force, whether it is served, and where settings come from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from campaigns.addresses import is_loopback, shown
from campaigns.cli.kit.output import note, one_line

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.wiring import Parts

SANDBOX_NOTE = "No vendor key is set: everything goes to the local sandbox."

PREFIX = "CAMPAIGNS_"
READ_ELSEWHERE = {"CAMPAIGNS_CRASH"}
"""Names that are not settings but are read: tests name there where a process dies."""

KEYS = ("ONLYFANSAPI_API_KEY", "ONLYFANSAPI_API_KEY_FILE")
ADDRESS = "CAMPAIGNS_UPSTREAM_URL"

Source = Mapping[str, str | None]
"""The values of one source, by the names of settings in lower case."""


def say_what_is_in_force(settings: Settings, *, with_vendor: bool) -> None:
    """Write every remark on standard error, and before them the vendor in force if `with_vendor`."""
    if with_vendor:
        note(vendor_in_force(settings))
    for remark in remarks(settings):
        note(remark)


def vendor_in_force(settings: Settings) -> str:
    """The sentence that says whether messages reach fans, and through which host."""
    address = settings.upstream_url_setting
    if settings.is_live:
        return f"LIVE: what is sent reaches fans through {shown(str(settings.upstream_url))}."
    if settings.has_key:
        return f"The vendor is {shown(str(settings.upstream_url))}, on this machine; a key is set."
    if address is None or is_loopback(address):
        return SANDBOX_NOTE
    return f"No vendor key is set: everything goes to the sandbox at {shown(address)}."


def note_nobody_sends(parts: Parts, upstream: str | None = None) -> None:
    """Say that everything is stopped, and that no worker for a vendor is running; nothing when one may be.

    `upstream`: the vendor, that of the settings if none is named.
    """
    from campaigns.store.health.heartbeats import Serves, serving
    from campaigns.store.views.limits import everything_stopped

    vendor = upstream or parts.upstream_name
    with parts.store.read() as connection:
        service = serving(connection, vendor, parts.store.now(connection))
        stop = everything_stopped(connection)
    if stop is not None:
        note(f"Note: everything is stopped ({one_line(stop.reason)}); `campaigns go` lets it go on.")
    if service.serves is Serves.NO:
        note(f"Note: no worker for {vendor} is running; start `campaigns up`, or `campaigns worker`.")


def remarks(settings: Settings) -> list[str]:
    """Sentences about where the settings come from. None of them repeats a value."""
    from campaigns.settings import Settings, sources

    environment, file = sources()
    names = [str(field.alias) for field in Settings.model_fields.values()]
    return [
        *_empty_keys(settings, environment, file),
        *_unknown_names({*environment, *file}, names),
        *_two_sources(environment, file),
    ]


def _empty_keys(settings: Settings, *sources: Source) -> Iterator[str]:
    for name in KEYS:
        value = next((source[name.lower()] for source in sources if name.lower() in source), None)
        if not settings.has_key and value is not None and not value.strip():
            yield f"{name} is empty and counts as not set."


def _unknown_names(given: set[str], known: list[str]) -> Iterator[str]:
    for name in sorted({name.upper() for name in given} - {*known, *READ_ELSEWHERE}):
        if name.startswith(PREFIX):
            ours = [each.removeprefix(PREFIX) for each in known if each.startswith(PREFIX)]
            near = difflib.get_close_matches(name.removeprefix(PREFIX), ours, n=1)
            meant = f"; did you mean {PREFIX}{near[0]}?" if near else "."
            yield f"{name} is not a setting of this release and is ignored{meant}"


def _two_sources(environment: Source, file: Source) -> Iterator[str]:
    def source(*names: str) -> str | None:
        for words, values in (("the environment", environment), ("the file .env in this folder", file)):
            if any(values.get(name.lower()) for name in names):
                return words
        return None

    of_key, of_address = source(*KEYS), source(ADDRESS)
    if of_key is not None and of_address is not None and of_key != of_address:
        yield (
            f"The vendor key comes from {of_key}, but the address that it is sent to ({ADDRESS}) from "
            f"{of_address}: set both in one place, unless you meant that."
        )
