"""Read a page as a person does: its text, its tables, its links; and somebody who sees one account only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from campaigns.domain.access.rights import Principal, Right
from tests.world import ACCOUNT

SILENT = {"script", "style", "title"}
VOID = {"meta", "link", "input", "br", "img"}


@dataclass
class Page(HTMLParser):
    """One page."""

    source: str
    status: int
    words: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)  # text by address
    fields: dict[str, str] = field(default_factory=dict)  # values of the inputs by their names
    times: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _href: str | None = None

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "a":
            self._href = values.get("href") or ""
            self.links.setdefault(self._href, "")
        if tag == "input" and values.get("name"):
            self.fields[values["name"] or ""] = values.get("value") or ""
        if tag == "time":
            self.times.append(values["datetime"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        if SILENT & set(self._open):
            return
        self.words.append(data)
        if self._href is not None:
            self.links[self._href] += data

    @property
    def text(self) -> str:
        """All that is shown, with single blanks."""
        return re.sub(r"\s+", " ", " ".join(self.words)).replace(" .", ".").replace(" ,", ",")

    def acts(self, prefix: str) -> set[str]:
        """The last parts of the links below an address."""
        return {href.removeprefix(prefix) for href in self.links if href.startswith(prefix)}


def read(client: httpx.Client, address: str) -> Page:
    """The page at an address."""
    reply = client.get(address)
    return Page(reply.text, reply.status_code)


def act(client: httpx.Client, address: str, **typed: str) -> Page:
    """Open the page of an act, fill in what it asks for, send its form, and read the page after it."""
    asked = read(client, address)
    assert asked.status == 200, asked.text
    return send(client, address, asked, **typed)


def send(client: httpx.Client, address: str, asked: Page, **typed: str) -> Page:
    """Send the form of a page that was read before."""
    reply = client.post(address.partition("?")[0], data={**asked.fields, **typed}, follow_redirects=True)
    return Page(reply.text, reply.status_code)


OTHER = "acct_two"
"""An account that `of_one` does not see."""


def of_one(*rights: Right) -> Principal:
    """Somebody who sees one account; an editor by default."""
    return Principal("erik", frozenset(rights or {Right.EDITOR}), accounts=frozenset({ACCOUNT}), address="127.0.0.1")


def key_of(page: str) -> str:
    """The idempotency key of the form that asks."""
    return field_of(page, "key")


def field_of(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, name
    return found[1]


def next_page(page: str) -> str | None:
    """The address of the next page of a list."""
    found = re.search(r'href="([^"]+)" rel="next"', page)
    return None if found is None else found[1].replace("&amp;", "&")
