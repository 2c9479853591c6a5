"""The vendor's API over HTTP/1.1: each call makes one request, and returns what it proved.

Nothing in this module retries, follows a redirect, or reads proxies from the environment: a second POST is the one
mistake that cannot be undone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from campaigns import __version__, addresses
from campaigns.adapters.upstream import http_client as httpx
from campaigns.adapters.upstream.deadline import TransportOfEachThread, deadline
from campaigns.adapters.upstream.exchange import OF_CHANGES, OF_QUESTIONS, Exchange, Gate, Stopped
from campaigns.adapters.upstream.read_queue import (
    overview_path,
    read_item,
    read_overview,
    read_queue,
    read_saved,
    read_scheduled,
    scheduled_path,
)
from campaigns.adapters.upstream.read_reply import read_json, read_reply, read_report, read_response
from campaigns.adapters.upstream.redactor import Redactor
from campaigns.domain.errors import UsageError, VendorAway, VendorRefused
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind, classify, one_line
from campaigns.domain.upstream.queue_items import MESSAGE_ID, ItemContent, Overview, QueueItem, SavedItem
from campaigns.domain.upstream.reply import NoReply, Reply, VendorReport
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome, classify_unsend
from campaigns.ports import Gateway, VendorAccount
from campaigns.tls import trust_also

_Shown = TypeVar("_Shown")

READ_SECONDS = 30.0
"""Total deadline of a question in seconds; a send has its own."""

SAVED_AT_ONCE = 50
"""Saved messages that one question asks for; a search looks only at the newest."""

LONGEST_SLUG = 100


class HttpGateway(Gateway):
    """The vendor at one base URL with one key. Safe to share between threads; make it after a fork."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr | str,
        *,
        connect_seconds: float = 5.0,
        authorities: Path | None = None,
        proxy_url: str | None = None,
    ) -> None:
        """`authorities`: a file with CAs to trust beside the usual ones. Nothing is connected yet.

        `proxy_url`: a proxy for every request, except to a vendor on this machine. Raises UsageError for an address or
        a key that cannot be used, SettingsError for such a file.
        """
        secret = key if isinstance(key, str) else key.get_secret_value()
        _check(base_url, secret)
        self._base = base_url.rstrip("/")
        self._redactor = Redactor(secret)
        # The transport alone: the features of a client (redirects, cookies, authentication) are not wanted here, and
        # cost as much again as the request.
        context = httpx.create_ssl_context(trust_env=False)
        if authorities is not None:
            trust_also(context, "CAMPAIGNS_UPSTREAM_CA_FILE", authorities)
        proxy_url = None if addresses.is_loopback(base_url) else proxy_url
        self._way = f" through the proxy {addresses.shown(proxy_url)}" if proxy_url else ""
        self._transport: httpx.BaseTransport = TransportOfEachThread(context, proxy_url)
        self._headers = httpx.Headers(
            {
                "host": urlsplit(self._base).netloc,
                "authorization": f"Bearer {secret}",
                "user-agent": f"campaigns/{__version__}",
                "accept": "application/json",
                # Replies are small. One that is compressed nevertheless is read with a limit on its real size.
                "accept-encoding": "identity",
                "content-type": "application/json",
            }
        )
        # The total deadline replaces all other time-outs.
        self._timeout = httpx.Timeout(None, connect=connect_seconds).as_dict()
        self._urls: dict[str, httpx.URL] = {}
        self._heard = threading.local()

    def close(self) -> None:
        """Close the idle connections; the gateway cannot be used afterwards."""
        self._transport.close()

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        """POST one mass message, once; returns what that proved. Never raises for a fault of the network or the vendor.

        A crash in here leaves an attempt without an outcome, which counts as unknown.
        """
        if not _is_word(account):
            return classify(NoReply(bytes_left=False, error=f"'{account}' is not an account ID of the vendor"))
        exchange = Exchange("POST", f"{self._base}/api/{account}/mass-messaging", body, OF_CHANGES)
        return classify(self._facts(exchange, may_start, deadline_seconds))

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        """DELETE one message, once; returns what that proved. Never raises for a fault of the network or the vendor.

        A crash in here leaves an attempt without an outcome; the DELETE may be repeated.
        """
        if not (_is_word(account) and _is_word(message_id)):
            return UnsendOutcome(UnsendKind.REFUSED, f"'{message_id}' of '{account}' is not a message ID of the vendor")
        url = f"{self._base}/api/{account}/mass-messaging/{message_id}"
        facts = self._facts(Exchange("DELETE", url, None, OF_CHANGES), may_start, deadline_seconds)
        return classify_unsend(facts, message_id)

    def queue(self, account: str) -> list[QueueItem]:
        """The vendor's list of an account's mass messages. Raises VendorRefused or VendorAway."""
        return self._known(read_queue(self._ask(f"/api/{account}/mass-messaging")), "a list of mass messages")

    def saved(self, account: str) -> list[SavedItem]:
        """The newest messages that the vendor keeps for later. Raises VendorRefused or VendorAway."""
        shown = self._ask(f"/api/{account}/saved-for-later/messages?limit={SAVED_AT_ONCE}&offset=0")
        return self._known(read_saved(shown), "a list of saved messages")

    def scheduled(self, account: str, first: date, last: date) -> list[ItemContent]:
        """The messages scheduled for these days. Raises VendorRefused, or VendorAway, also if not all are shown."""
        shown = self._ask(scheduled_path(account, first, last))
        return self._known(read_scheduled(shown), "all messages that are scheduled")

    def item(self, account: str, message_id: str) -> ItemContent | None:
        """The content of one mass message; None when it is not shown. Raises VendorRefused or VendorAway."""
        if not (_is_word(account) and MESSAGE_ID.fullmatch(message_id)):
            return None  # the vendor has no such message, and the URL would be another one
        return read_item(self._ask(f"/api/{account}/mass-messaging/{message_id}", missing=404))

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        """The overview between two moments, with the vendor's clock. Raises VendorRefused or VendorAway."""
        exchange = self._get(overview_path(account, since, until))
        found = None if exchange is None else read_overview(read_json(exchange.content), exchange.headers)
        return self._known(found, "an overview of mass messages")

    def team(self) -> str:
        """The slug of the team that the key belongs to. Raises VendorRefused (bad key) or VendorAway."""
        found = self._ask("/api/whoami")
        team = found.get("team") if isinstance(found, dict) else None
        slug = team.get("slug") if isinstance(team, dict) else None
        is_name = slug.isprintable() and 0 < len(slug) <= LONGEST_SLUG if isinstance(slug, str) else False
        return self._known(str(slug) if is_name else None, "the team of the key")

    def accounts(self) -> list[VendorAccount]:
        """The accounts that the key can see. Raises VendorRefused or VendorAway."""
        shown = self._ask("/api/accounts")
        found = self._known(shown if isinstance(shown, list) else None, "a list of accounts")
        return [_account(each) for each in found if isinstance(each, dict) and _is_word(each.get("id"))]

    def last_report(self) -> VendorReport | None:
        """Credits and limits in the reply to this thread's last question; None when no reply came."""
        found: VendorReport | None = getattr(self._heard, "report", None)
        return found

    def _ask(self, path: str, *, missing: int | None = None) -> Any:
        exchange = self._get(path, missing=missing)
        return None if exchange is None else read_json(exchange.content)

    def _get(self, path: str, *, missing: int | None = None) -> Exchange | None:
        """The reply to a question; None: it had the status that means "there is none"."""
        exchange = Exchange("GET", self._base + path, None, OF_QUESTIONS)
        self._heard.report = None
        try:
            reply = self._exchange(exchange, Gate(lambda: None), READ_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, no answer came
            fault = self._redactor.text(f"{type(error).__name__}: {error}")
            raise VendorAway(
                f"The vendor at {self._base} does not answer{self._way} ({fault}); try again later."
            ) from None
        self._heard.report = reply.report
        if reply.is_success:
            return exchange
        if missing is not None and missing in {reply.status, reply.upstream_status}:
            return None
        fault = one_line(f"HTTP {reply.status}: {reply.words}")
        outcome = classify(reply)
        order = outcome.hold if outcome.kind is OutcomeKind.HELD else None
        if order is None and (reply.status >= 500 or reply.status in {408, 429}):  # noqa: PLR2004
            raise VendorAway(
                f"The vendor at {self._base} cannot answer now ({fault}); try again later.",
                after_seconds=reply.retry_after_seconds,
            )
        raise VendorRefused(
            f"The vendor at {self._base} refuses {path} ({fault}); check ONLYFANSAPI_API_KEY and the address.",
            hold=None if order is None else order.kind,
        )

    def _known(self, shown: _Shown | None, wanted: str) -> _Shown:
        """What the vendor showed. Raises VendorAway when that could not be read."""
        if shown is None:
            raise VendorAway(
                f"The vendor at {self._base} was asked for {wanted} and answered something else; check the address."
            )
        return shown

    def _facts(
        self, exchange: Exchange, may_start: Callable[[], str | None], deadline_seconds: float
    ) -> NoReply | Reply:
        gate = Gate(may_start)
        try:
            return self._exchange(exchange, gate, deadline_seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the gate alone knows whether anything left
            return self._without_reply(exchange, gate, error)

    def _exchange(self, exchange: Exchange, gate: Gate, deadline_seconds: float) -> Reply:
        with deadline(deadline_seconds):
            request = httpx.Request(
                exchange.method,
                self._parsed(exchange.url) if exchange.method == "POST" else exchange.url,
                headers=self._headers,
                content=exchange.body,
                extensions={"trace": gate, "timeout": self._timeout},
            )
            status = exchange.run(self._transport, request)
        content, now = exchange.content, datetime.now(UTC)
        return read_reply(status, exchange.headers, content, redactor=self._redactor, now=now)

    def _parsed(self, url: str) -> httpx.URL:
        """The base URL, parsed once: parsing takes as long as building the rest of a request."""
        found = self._urls.get(url)
        if found is None:
            found = self._urls[url] = httpx.URL(url)
        return found

    def _without_reply(self, exchange: Exchange, gate: Gate, error: Exception) -> NoReply:
        fault = str(error) if isinstance(error, Stopped) else f"{type(error).__name__}: {error}"
        before = f"{'the answer was lost' if gate.was_opened else 'not sent'}{self._way}"
        return NoReply(
            gate.was_opened,
            self._redactor.text(f"{before}: {fault}"),
            http_status=exchange.status,
            report=read_report(exchange.headers, {}, self._redactor),
            response=read_response(exchange.content, self._redactor),
        )


def _is_word(name: object) -> bool:
    """Whether a text can be part of a path as it is: no dots, no slashes. An operator may have typed a message ID."""
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+", name) is not None


def _account(found: dict[str, Any]) -> VendorAccount:
    """The three values that we need; the rest of what the vendor shows of an account is private and not kept."""
    name = found.get("display_name") or found.get("onlyfans_username")
    shown = name if isinstance(name, str) and name.isprintable() else None
    return VendorAccount(found["id"], shown, found.get("is_authenticated") is True)


def _check(base_url: str, secret: str) -> None:
    fault = addresses.vendor_fault(base_url)
    if fault is not None:
        raise UsageError(f"The vendor's address {fault}.")
    if base_url.startswith("http://") and not addresses.is_loopback(base_url):
        raise UsageError(
            f"The vendor's address {base_url} is plain http; a key travels over https only, except to this machine."
        )
    if not re.fullmatch(r"[!-~]+", secret):
        raise UsageError("The vendor key is empty or has blanks or special characters; copy it from the vendor again.")
