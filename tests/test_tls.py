"""Who is at the other end: every client that opens an address of ours refuses a server that it cannot verify.

It refuses before a byte of a secret is sent: the server counts what reaches it after the handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import make_url

from campaigns.adapters.redis.server_facts import redis_facts
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import DatabaseAway, PacerAway, SettingsError, VendorAway
from campaigns.settings import Settings, load_settings
from campaigns.store.database.engine import open_store
from campaigns.store.database.postgresql_tls import tls_arguments
from campaigns.worker.broker_guard import guard_the_broker
from tests.servers import redis_server
from tests.tls_server import TlsServer, tls_server

SECRET = "topsecret"

Client = Callable[[Settings], None]


def redis_py(settings: Settings) -> None:
    with Redis.from_url(settings.redis_url or "", retry=Retry(NoBackoff(), 0)) as client:
        assert client.ping()


def doctors(settings: Settings) -> None:
    redis_facts(settings.redis_url or "")


def kombu(settings: Settings) -> None:
    guard_the_broker()
    with Connection(settings.broker_url or "", transport_options={"socket_timeout": 5}) as broker:
        broker.connect()
        channel: Any = broker.default_channel
        channel.client.ping()


CLIENTS = pytest.mark.parametrize("client", [redis_py, doctors, kombu])


def settings(server: TlsServer, options: str = "", host: str = "localhost", user: str = f":{SECRET}@") -> Settings:
    return Settings(REDIS_URL=f"rediss://{user}{host}:{server.port}/0{options}")


def refuses(client: Client, asked: Settings, server: TlsServer) -> None:
    with pytest.raises((RedisError, OSError, PacerAway)):
        client(asked)
    assert server.heard() == b""


@CLIENTS
@pytest.mark.parametrize(
    "options", ["", "?ssl_cert_reqs=required", "?ssl_cert_reqs=CERT_REQUIRED", "?ssl_check_hostname=yes"]
)
def test_a_redis_with_a_certificate_of_nobody_gets_no_password(tmp_path: Path, client: Client, options: str) -> None:
    with tls_server(tmp_path) as server:
        refuses(client, settings(server, options), server)


@CLIENTS
def test_a_redis_of_a_private_ca_is_reached_by_its_name_alone(tmp_path: Path, client: Client) -> None:
    """The name is verified too: the same server under an address that its certificate does not name is refused."""
    with redis_server() as url, tls_server(tmp_path, behind=url.removeprefix("unix://")) as server:
        known = f"?ssl_ca_certs={tmp_path / 'certificate.pem'}"
        refuses(client, settings(server, known, host="127.0.0.1", user=""), server)
        client(settings(server, known, user=""))
        assert b"PING" in server.received.upper() or b"INFO" in server.received.upper()


@CLIENTS
@pytest.mark.parametrize("words", ["none", "CERT_NONE"])
def test_who_writes_out_that_nothing_is_verified_gets_that(tmp_path: Path, client: Client, words: str) -> None:
    with redis_server() as url, tls_server(tmp_path, behind=url.removeprefix("unix://")) as server:
        client(settings(server, f"?ssl_cert_reqs={words}", user=""))
        assert server.received


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
@pytest.mark.parametrize("option", ["ssl_cert_reqs=nonee", "ssl_cert_reqs=", "ssl_check_hostname=perhaps"])
def test_an_option_that_nobody_understands_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, option: str) -> None:
    monkeypatch.setenv(name, f"rediss://:{SECRET}@host/0?{option}")
    with pytest.raises(
        SettingsError, match=f"{name} has a wrong option: {option.partition('=')[0]} must be"
    ) as refusal:
        load_settings()
    assert SECRET not in str(refusal.value)


def test_a_broker_of_its_own_is_verified_too() -> None:
    asked = Settings(REDIS_URL="redis://one/0", CELERY_BROKER_URL="rediss://two/0")
    assert asked.broker_url == "rediss://two/0?ssl_cert_reqs=required&ssl_check_hostname=true"
    assert asked.redis_url == "redis://one/0"


def test_a_vendor_with_a_certificate_of_nobody_gets_no_key(tmp_path: Path) -> None:
    with tls_server(tmp_path) as server:
        address = f"https://localhost:{server.port}"
        with closing(HttpGateway(address, SECRET)) as gateway:
            outcome = gateway.send("acct_one", b"{}", deadline_seconds=5, may_start=lambda: None)
            with pytest.raises(VendorAway, match="certificate verify failed"):
                gateway.team()
        assert server.heard() == b""
        assert outcome.kind.value == "not_sent"
        with (
            closing(HttpGateway(address, SECRET, authorities=tmp_path / "certificate.pem")) as gateway,
            pytest.raises(VendorAway),
        ):
            gateway.team()
        assert f"Bearer {SECRET}".encode() in server.received


def test_a_file_of_cas_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for file, reason in (("empty", "holds no certificate"), ("nothing", "cannot be read: No such file")):
        with pytest.raises(SettingsError, match=f"CAMPAIGNS_UPSTREAM_CA_FILE .*{file}' {reason}"):
            HttpGateway("https://localhost", SECRET, authorities=tmp_path / file)


def test_a_postgresql_on_another_machine_with_a_certificate_of_nobody_gets_no_password(tmp_path: Path) -> None:
    """Another machine by its name, and reached here all the same (`hostaddr`)."""
    with tls_server(tmp_path, as_postgres=True) as server:
        address = f"postgresql+psycopg://user:{SECRET}@db.example:{server.port}/name?hostaddr=127.0.0.1"
        known = f"&sslrootcert={tmp_path / 'certificate.pem'}"
        for options in ("", known, "&sslmode=verify-full"):  # with `known` only the name is wrong
            store = open_store(address + options)
            with pytest.raises(DatabaseAway, match="sslrootcert=FILE"), store.read():
                pass
            store.close()
        assert server.heard() == b""
        named = f"postgresql+psycopg://user:{SECRET}@localhost:{server.port}/name?sslmode=verify-full{known}"
        store = open_store(named)
        with pytest.raises(DatabaseAway), store.read():  # it is no PostgreSQL, but it is the right one
            pass
        store.close()
        assert b"user" in server.heard()


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("postgresql://u@db.example/n", "verify-full"),
        ("postgresql://u@/n?host=/run/postgresql&host=db.example", "verify-full"),
        ("postgresql://u@db.example/n?sslmode=disable", None),
        ("postgresql://u@db.example/n?sslmode=require", None),
        ("postgresql://u@localhost/n", None),
        ("postgresql://u@127.0.0.9:5432/n", None),
        ("postgresql://u@[::1]/n", None),
        ("postgresql:///n?host=/run/postgresql", None),
    ],
)
def test_what_an_address_of_postgresql_asks_for_stands(
    monkeypatch: pytest.MonkeyPatch, address: str, asked: str | None
) -> None:
    for name in ("PGSSLMODE", "PGHOST"):
        monkeypatch.delenv(name, raising=False)
    assert tls_arguments(make_url(address)).get("sslmode") == asked
