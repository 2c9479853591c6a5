"""Every address of the settings is read by one grammar; of what it cannot read nothing is repeated."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url
from sqlalchemy import make_url

from campaigns import addresses
from campaigns.domain.errors import SettingsError
from campaigns.settings import load_settings
from campaigns.store.database.postgresql import CONNECT_ARGS

SPECIAL = "@/?#[] "


@pytest.mark.parametrize("mark", SPECIAL)
@pytest.mark.parametrize(
    ("fault_of", "url"),
    [
        (addresses.redis_fault, "redis://:{}@127.0.0.1:6379/0"),
        (addresses.redis_fault, "rediss://user:{}@127.0.0.1/0"),
        (addresses.database_fault, "postgresql://user:{}@db.example/campaigns"),
        (addresses.database_fault, "postgres://user:{}@one:5432,two/campaigns?target_session_attrs=any"),
        (addresses.proxy_fault, "http://user:{}@proxy.example:3128"),
    ],
)
def test_a_bare_special_character_in_a_password_is_refused_and_its_code_is_not(
    fault_of: Callable[[str], str | None], url: str, mark: str
) -> None:
    for password in (f"{mark}S3cr3t", f"S3{mark}cr3t", f"12{mark}34", f"S3cr3t{mark}", mark):
        fault = fault_of(url.format(password))
        assert fault is not None
        assert "%40 (@)" in fault
        assert "S3" not in fault
        assert fault_of(url.format(quote(password, safe=""))) is None


@pytest.mark.parametrize(
    "host", ["a..b", ".a", "a..", "a" * 64, "\u00e9" * 60, ".".join(["a" * 60] * 5), "[::1::]", "..."]
)
@pytest.mark.parametrize(
    ("fault_of", "url"),
    [
        (addresses.redis_fault, "redis://{}:6379/0"),
        (addresses.database_fault, "postgresql://u:p@{}/db"),
        (addresses.database_fault, "postgresql://u:p@one,{}/db"),
        (addresses.database_fault, "postgresql://u:p@/db?host={}"),
        (addresses.vendor_fault, "https://{}/api"),
        (addresses.proxy_fault, "http://{}:3128"),
    ],
)
def test_a_host_that_nobody_can_look_up_is_refused(fault_of: Callable[[str], str | None], url: str, host: str) -> None:
    assert fault_of(url.format(host)) is not None
    for good in ("db.example.", "a" * 63, "b\u00fccher.example", "[::1]", "127.0.0.1", "my_redis"):
        if "host=" not in url or good != "[::1]":
            assert fault_of(url.format(good)) is None


def test_the_folder_of_a_socket_is_no_name_of_a_host() -> None:
    folder = "/" + "x" * 80
    assert addresses.database_fault(f"postgresql://{quote(folder, safe='')}/db") is None
    assert addresses.database_fault(f"postgresql:///db?host={folder}") is None
    assert addresses.database_fault("postgresql:///db?host=::1,fe80::1") is None


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL"])
def test_such_a_host_is_refused_with_the_name_of_its_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, {"REDIS_URL": "redis://a..b/0", "DATABASE_URL": "postgresql://u:p@a..b/db"}[name])
    with pytest.raises(SettingsError, match=f"{name} cannot be read as an address: .*host"):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/zero",
        "redis://h:99999/0",
        "redis://h:0/0",
        "redis://h:59x99/0",
        "redis://h/0?socket_timeout=5",  # kombu takes none of these, and it reads the same address
        "redis://h/0?virtual_host=",
        "redis://one,two/0",
        "redis://h\n/0",
        "redis://h%00/0",
        "unix://",
        "unix://host/socket",
        "unix:///socket?db=x",
        "rediss://h/0?sll_cert_reqs=none",
        "sentinel://h",
        "redis",
    ],
)
def test_what_is_not_the_address_of_a_redis(url: str) -> None:
    assert addresses.redis_fault(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?timeout=x",
        "sqlite:///a\nb.db",
        "mysql://h/d",
        "postgresql:/h/d",
        "postgresql://h:port/d",
        "postgresql://h/d?nonsense=1",
        "postgresql://h/d?connect_timeout=soon",
        "postgresql://h/d?sslmode=maybe",
        "postgresql://h/d?prepare_threshold=0",
        ":memory:",
        "[",
    ],
)
def test_what_is_not_the_address_of_a_database(url: str) -> None:
    assert addresses.database_fault(url)


@pytest.mark.parametrize(
    "url",
    ["https://", "ftp://h", "https://user:secret@h", "https://h/?a=SECRET", "https://h:x", "https://one,two", "h"],
)
def test_what_is_not_the_address_of_a_vendor(url: str) -> None:
    fault = addresses.vendor_fault(url)
    assert fault
    assert "secret" not in fault.lower()


@pytest.mark.parametrize(
    "url", ["https://user:pw@proxy:3128", "socks5://proxy:1080", "http://proxy:3128/path", "http://:3128", "proxy:3128"]
)
def test_what_is_not_the_address_of_a_proxy(url: str) -> None:
    assert addresses.proxy_fault(url)


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:8700", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.1", False),
        ("http://0.0.0.0", False),
        ("http://[::ffff:8.8.8.8]", False),
        ("http://localhost.", False),
        ("http://127.0.0.1\\@evil.example", False),
        ("http://127.0.0.1@evil.example", False),
    ],
)
def test_what_is_this_machine(url: str, *, is_here: bool) -> None:
    assert addresses.is_loopback(url) is is_here


def test_what_is_set_for_a_connection_may_be_set_in_the_address() -> None:
    assert set(CONNECT_ARGS) <= set(addresses.POSTGRESQL_OPTIONS)


passwords = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(passwords)
def test_a_password_that_is_written_as_it_should_be_reaches_each_library_whole(password: str) -> None:
    written = quote(password, safe="")
    if "\0" in password:
        return  # none of the servers takes one
    assert addresses.redis_fault(f"redis://:{written}@h:1/0") is None
    read: dict[str, object] = parse_url(f"redis://:{written}@h:1/0")  # type: ignore[no-untyped-call]
    assert read["password"] == password
    assert addresses.database_fault(f"postgres://u:{written}@h:1/d") is None
    found = make_url(load_settings(DATABASE_URL=f"postgres://u:{written}@h:1/d").database_url)
    assert (found.drivername, found.password, found.host) == ("postgresql+psycopg", password, "h")


@given(st.text(max_size=40), st.sampled_from(["", "redis://", "postgresql://", "sqlite:///", "https://", "http://u:"]))
def test_any_text_is_an_address_or_is_not_and_nothing_is_raised(text: str, start: str) -> None:
    for rule in (addresses.redis_fault, addresses.database_fault, addresses.vendor_fault, addresses.proxy_fault):
        fault = rule(start + text)
        assert fault is None or fault
    assert addresses.shown(start + text)


@pytest.mark.parametrize(
    ("url", "for_redis", "for_celery"),
    [
        ("unix:///run/redis.sock?db=3", "unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("redis+socket:///r.sock?virtual_host=3", "unix:///r.sock?db=3", "redis+socket:///r.sock?virtual_host=3"),
        ("redis://h:1/2", "redis://h:1/2", "redis://h:1/2"),
    ],
)
def test_both_clients_are_led_to_the_same_place(url: str, for_redis: str, for_celery: str) -> None:
    settings = load_settings(REDIS_URL=url)
    assert (settings.redis_url, settings.broker_url) == (for_redis, for_celery)
