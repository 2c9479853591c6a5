"""The database of a rig: how workers reach it, how it is copied while they work, and how it is put back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from tests.faults.lost import Lost, read_lost
from tests.faults.pooler import Pooler
from tests.faults.proxy import FaultProxy
from tests.servers import PLAIN, NoServer, postgres_tool

OUR_NAME = "campaigns-rig"
"""By which the rig's own connections to the database are told from the workers'."""

PAUSE_SECONDS = 0.05


class Database(ABC):
    """`url` is its address for the rig, `addresses` are those that homes are given in turn."""

    url: str
    addresses: list[str]
    proxies: dict[str, FaultProxy]
    pooler: Pooler | None = None

    @abstractmethod
    def is_free(self) -> bool:
        """Whether it can be put back now: nobody who was stopped holds it."""

    @abstractmethod
    def copy(self) -> None:
        """Keep a copy of this moment, in place of an earlier one. The workers go on meanwhile."""

    @abstractmethod
    def put_back(self) -> Lost:
        """Make it what it was when it was copied, under whoever is connected; returns what it forgot by that."""

    def close(self) -> None:
        """Close the proxies, and the pooler."""
        for proxy in self.proxies.values():
            proxy.close()
        if self.pooler is not None:
            self.pooler.close()


class SqliteDatabase(Database):
    """A file."""

    def __init__(self, folder: Path) -> None:
        self._path, self._copied = folder / "campaigns.db", folder / "copy.db"
        self.url = f"sqlite:///{self._path}"
        self.addresses, self.proxies = [self.url], {}

    def is_free(self) -> bool:
        with closing(sqlite3.connect(self._path, timeout=PAUSE_SECONDS, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
        return True

    def copy(self) -> None:
        self._copied.unlink(missing_ok=True)
        _backup(self._path, self._copied)

    def put_back(self) -> Lost:
        forgotten = read_lost(self.url)
        _backup(self._copied, self._path)
        return forgotten


def _backup(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


class PostgresDatabase(Database):
    """A database of a server, reached through a proxy; by every other home through PgBouncer if that is wanted."""

    def __init__(self, server: str, folder: Path, *, pooled: bool) -> None:
        """`server`: the address of a PostgreSQL, on a socket or of loopback."""
        self._server = make_url(server)
        self._name = f"storm_{os.getpid()}_{folder.name.replace('-', '_').lower()}"[:50]
        self._copied = f"{self._name}_copy"
        self._ask(f'CREATE DATABASE "{self._name}"')
        self.url = _words(self._server.set(database=self._name).update_query_dict({"application_name": OUR_NAME}))
        self.proxies = {"database": FaultProxy(self._target())}
        self.addresses = [self._through("database")]
        if pooled:
            self.pooler = Pooler(self._target(), folder)
            self.proxies["pooler"] = FaultProxy(("127.0.0.1", self.pooler.port))
            self.addresses.append(self._through("pooler"))

    def is_free(self) -> bool:
        return True

    def copy(self) -> None:
        self._ask(f'DROP DATABASE IF EXISTS "{self._copied}"', f'CREATE DATABASE "{self._copied}" TEMPLATE template0')
        dumped = _tool("pg_dump", self._server, "--dbname", self._name)
        _tool("psql", self._server, "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", self._copied, given=dumped)

    def put_back(self) -> Lost:
        gone = f"{self._name}_gone"
        shut = f"UPDATE pg_database SET datallowconn = false WHERE datname = '{self._name}'"
        end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{self._name}'"
        self._ask(shut, end, f'ALTER DATABASE "{self._name}" RENAME TO "{gone}"')
        self._ask(f"UPDATE pg_database SET datallowconn = true WHERE datname = '{gone}'")
        forgotten = read_lost(_words(self._server.set(database=gone)))
        self._ask(f'ALTER DATABASE "{self._copied}" RENAME TO "{self._name}"', f'DROP DATABASE "{gone}"')
        return forgotten

    @property
    def name(self) -> str:
        """Its name on the server."""
        return self._name

    def _target(self) -> tuple[str, int] | str:
        folder = self._server.query.get("host")
        return f"{folder}/.s.PGSQL.5432" if folder else ("127.0.0.1", self._server.port or 5432)

    def _through(self, proxy: str) -> str:
        way = self._server.set(host="127.0.0.1", port=self.proxies[proxy].port, database=self._name, query={})
        return _words(way)

    def _ask(self, *statements: str) -> None:
        server = create_engine(self._server, isolation_level="AUTOCOMMIT")
        try:
            with server.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            server.dispose()


def _words(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _tool(name: str, server: URL, *words: str, given: bytes = b"") -> bytes:
    host = server.host or str(server.query["host"])
    where = ["--host", host, "--port", str(server.port or 5432), "--username", server.username or "campaigns"]
    command = [str(postgres_tool(name)), *where, *words]
    environment = PLAIN if server.password is None else {**PLAIN, "PGPASSWORD": str(server.password)}
    done = subprocess.run(command, env=environment, input=given, check=False, capture_output=True)
    if done.returncode != 0:
        raise NoServer(f"{name} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
