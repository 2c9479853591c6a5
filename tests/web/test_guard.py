"""Names under which the desk may be asked for: matched as a whole, never by a part of them."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from campaigns.web.guard import is_own_host, is_same_site

HOSTS = frozenset({"desk.example", "desk.example:8443"})


@pytest.mark.parametrize(
    "host",
    [
        *("localhost.evil.example", "127.0.0.1.evil.example", "evil.example", "desk.example.evil.example"),
        *("evildesk.example", "localhost@evil.example", "evil.example#localhost", "evil.example/localhost"),
        *(
            "127.0.0.2.evil",
            "2130706433",
            "0x7f000001",
            "0.0.0.0",
            "",
            " ",
            "[::1].evil.example",
            "192.168.0.1",
            "[",
            "[::1",
        ),
    ],
)
def test_a_name_that_only_looks_like_one_of_ours_is_refused(host: str) -> None:
    assert not is_own_host(host, HOSTS)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8400", "127.0.0.1:8400", "[::1]:8400", "desk.example", "DESK.example:8443"]
)
def test_loopback_and_the_configured_names_are_ours(host: str) -> None:
    assert is_own_host(host, HOSTS)


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://desk.example", True),
        ("http://[", False),
        ("null", False),
        ("", False),
        ("desk.example", False),
        ("http://desk.example.evil.example", False),
        ("http://desk.example@evil.example", False),
        ("http://desk.example:81", False),
    ],
)
def test_an_origin_is_our_own_as_a_whole_or_not_at_all(origin: str, is_own: bool) -> None:
    assert is_same_site(Headers({"origin": origin, "host": "desk.example", "authorization": "Bearer x"})) is is_own
