"""The desk with its real doors: everybody logs in, or brings a token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from sqlalchemy import select

from campaigns.domain.access.rights import Right
from campaigns.flow.access.operators import add_operator
from campaigns.flow.access.tokens import TokenMade, Wanted, make_token
from campaigns.settings import load_settings
from campaigns.store.database.engine import Store
from campaigns.store.tables.columns import metadata
from campaigns.store.views.events import EventView, events
from campaigns.web.desk import Desk
from campaigns.web.kit.access.identify import identify
from campaigns.wiring import Parts
from tests.web.served import SECRET, running

PASSWORD = "correct horse battery staple"
ROOT = "operator:root"
FROM_THE_DESK = {"Sec-Fetch-Site": "same-origin"}


@contextmanager
def doors(store: Store, **settings: str) -> Iterator[str]:
    """The address of a desk that knows its operators."""
    with running(Desk(Parts(load_settings(**settings), store), SECRET, identify)) as url:
        yield url


@contextmanager
def browser(url: str) -> Iterator[httpx.Client]:
    """A browser with a jar of cookies of its own, which follows no redirect by itself."""
    with httpx.Client(base_url=url, headers=FROM_THE_DESK, timeout=30) as client:
        yield client


def operator(store: Store, name: str, *rights: Right, accounts: frozenset[str] | None = None) -> None:
    """An operator with the password of the tests."""
    add_operator(store, name, frozenset(rights), accounts, actor=ROOT, password=PASSWORD)


def token(store: Store, name: str, *rights: Right, is_live: bool = False) -> TokenMade:
    """A token of an operator."""
    return make_token(store, Wanted("nightly", name, frozenset(rights)), is_live=is_live, actor=ROOT)


def login(client: httpx.Client, name: str, password: str = PASSWORD, to: str = "/") -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, "to": to})


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def key_of(page: httpx.Response) -> str:
    """The key in the form of a page."""
    found = re.search(r'name="key" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def trail(store: Store) -> list[EventView]:
    """Every event."""
    with store.read() as connection:
        return list(events(connection))


def everything(store: Store) -> set[str]:
    """Every text in every row of the database, and every word of it."""
    words: set[str] = set()
    with store.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for value in row:
                    words |= {str(value), *str(value).replace('"', " ").replace("'", " ").split()}
    return words
