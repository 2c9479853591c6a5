"""`campaigns web`: the desk and its API, as one process."""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import note
from campaigns.cli.kit.session import actor, environment_for_children, opened, settings_in_force
from campaigns.domain.errors import NotAllowed, SettingsError

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.wiring import Parts

PORT = 8400
"""Where the desk is, unless a port is given."""

STOP_SECONDS = 3
"""How long a request may go on when the desk stops."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, metavar="N")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
def web(*, port: int, host: str) -> None:
    """Run the desk and its API.

    Becomes the plain uvicorn command that it prints. It speaks plain http, so beyond loopback it needs a proxy that
    does TLS (CAMPAIGNS_WEB_PROXIES) and an operator who can log in.
    """
    settings = settings_in_force()
    _refuse_open_door(settings, host)
    with opened(with_vendor=False) as parts:  # refuses a database that is missing or not migrated
        _first_operator(parts, host, port)
    command = [sys.executable, "-m", "uvicorn", *_options(settings, host, port)]
    note(shlex.join(["uvicorn", *command[3:]]))
    note(f"The desk is at {address(host, port)}; Ctrl-C stops it.")
    sys.stdout.flush()
    os.execve(sys.executable, command, environment_for_children())  # noqa: S606 - no shell is wanted


def is_for_a_person() -> bool:
    """Whether standard error is a terminal, and so no log keeps what is written to it."""
    return sys.stderr.isatty()


def address(host: str, port: int) -> str:
    """The address of the desk for people on this machine."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


def _first_operator(parts: Parts, host: str, port: int) -> None:
    """Show how the first operator comes in. Raises NotAllowed for a desk that others reach and that nobody owns yet."""
    from campaigns.flow.access.login_links import first_link, is_owned

    if is_owned(parts.store):
        return
    if not _is_loopback(host):
        raise NotAllowed(
            f"The desk is to listen on {host}, but it has no operator yet, so nobody could log in. Make one with "
            "`campaigns operators add NAME --right admin`."
        )
    if is_for_a_person():  # a link lets whoever reads it in, so it is for a person and for no log
        link = first_link(parts.store, actor=actor())
        if link is not None:
            where = address(host, port)
            note(f"Log in for the first time, within 15 minutes: {where}welcome?code={link.code}")
    else:
        note("There is no operator yet: `campaigns operators add NAME --right admin` makes a login link.")


def _options(settings: Settings, host: str, port: int) -> list[str]:
    from campaigns.web.serve import FACTORY

    # What a header says about the client counts only when a proxy that we know has set it.
    proxies = settings.web_proxies
    behind = ["--proxy-headers", "--forwarded-allow-ips", ",".join(proxies)] if proxies else ["--no-proxy-headers"]
    return [
        *("--factory", FACTORY, "--host", host, "--port", str(port)),
        *("--no-server-header", "--no-access-log", "--ws", "none"),
        *("--timeout-graceful-shutdown", str(STOP_SECONDS), "--log-level", settings.log_level.lower()),
        *behind,
    ]


def _refuse_open_door(settings: Settings, host: str) -> None:
    """Raise SettingsError for an address that others reach while nothing encrypts what they send."""
    if _is_loopback(host):
        return
    if not settings.web_proxies:
        raise SettingsError(
            f"The desk speaks plain http, and {host} can be reached by others: passwords would travel in the open. "
            "Set CAMPAIGNS_WEB_PROXIES to the address of the proxy that does TLS, or listen on 127.0.0.1."
        )
    if not settings.web_hosts:
        raise SettingsError(
            f"The desk is to listen on {host}, but CAMPAIGNS_WEB_HOSTS names no host: it would refuse every request "
            "that the proxy passes on. Name the host that people type."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
