"""The Redis or Valkey that `campaigns up` starts: Celery's broker and the shared rate budget of one machine.

It listens on a socket in the home folder, or, where that path is too long for a socket, on loopback with a generated
password; never on any other interface. It appends to a file every second, so a restart loses at most a second, and
it evicts nothing: a growing queue must not push the budget out of memory.
"""

from __future__ import annotations

import glob
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from campaigns.embedded.home import write_private
from campaigns.embedded.server import find_server
from campaigns.embedded.supervisor import Part
from campaigns.private_files import private_folder

LONGEST_SOCKET_PATH = 100
"""In bytes. The system's own limit is 107 on Linux and 103 on macOS."""

ANSWER_SECONDS = 1.0

APPENDED = "appendonlydir"
"""The server's own name for the folder of its append-only file."""

UNREADABLE = (
    "Bad file format reading the append only file",
    "Unexpected end of file reading the append only file",
    "Unable to obtain the AOF file",
    "AOF MANIFEST FILE ERROR",
    "Wrong RDB checksum",
    "error in RDB reading",
)
"""Lines that a Redis or Valkey logs before it ends because its file is damaged; a full disk gives other lines."""

RULES = """\
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
loglevel warning
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """The files and the address of one embedded server."""

    folder: Path
    path: Path | None = None
    port: int = 0
    password: str = ""

    @property
    def url(self) -> str:
        """The address for redis-py; it contains a password when it is not a socket."""
        return f"unix://{quote(str(self.path))}" if self.path else f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def configuration(self) -> str:
        """The server's own configuration file."""
        if self.path:
            reached = f"port 0\nunixsocket {_quoted(self.path)}\nunixsocketperm 700\n"
        else:
            reached = f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
        return f"{reached}dir {_quoted(self.folder)}\n{RULES}"

    def answers(self) -> bool:
        """Whether the server is up and has loaded its file."""
        login = f"AUTH {self.password}\r\n" if self.password else ""
        address = str(self.path) if self.path else ("127.0.0.1", self.port)
        try:
            with socket.socket(socket.AF_UNIX if self.path else socket.AF_INET) as line:
                line.settimeout(ANSWER_SECONDS)
                line.connect(address)
                line.sendall(f"{login}PING\r\nQUIT\r\n".encode())
                with line.makefile("rb") as answers:
                    return b"+PONG\r\n" in answers
        except OSError:
            return False


def broker_in(home: Path) -> Broker:
    """The server of one home folder, which has to be absolute."""
    path, folder = home / "redis.sock", home / "redis"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return Broker(folder, path)
    return Broker(folder, port=free_port(), password=secrets.token_urlsafe(32))


def broker_part(broker: Broker, environment: Mapping[str, str]) -> Part:
    """The server as a part. Its configuration, not its command line, holds the password: anyone may read the latter.

    A file that cannot be read is moved aside: then the budget is rebuilt from the database, wake-ups are repeated,
    and lanes wait until each host has compared its fences. Raises SettingsError when there is no server to start.
    """
    server = find_server()
    private_folder(broker.folder)
    configuration = broker.folder / "redis.conf"
    write_private(configuration, broker.configuration)
    command = (str(server), _named(configuration))
    return Part(
        "redis",
        lambda: command,
        environment,
        broker.answers,
        grace_seconds=2.0,
        repair=lambda last_words: put_damaged_aside(broker.folder, last_words),
    )


def put_damaged_aside(folder: Path, last_words: Sequence[str]) -> str | None:
    """Move a damaged file aside; returns a sentence about it, or None when the server ended for another reason.

    `last_words` are the last lines of the server. Nothing is deleted.
    """
    kept = folder / APPENDED
    if not kept.is_dir() or not any(mark in line for line in last_words for mark in UNREADABLE):
        return None
    number = 1 + sum(1 for _ in folder.glob(f"{APPENDED}.damaged-*"))
    aside = kept.rename(folder / f"{APPENDED}.damaged-{number}")
    return (
        f"redis could not read its own file, so that was moved to '{aside}' and it starts empty; nothing is sent "
        "twice, and sending goes on when the limit is rebuilt from the database. Delete that folder when you like."
    )


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


def _named(path: Path) -> str:
    """A path for the server's command line, where one with `*`, `?` or `[` is a pattern.

    The server does not refuse a pattern that matches nothing: it would start with its defaults, on a public port.
    """
    text = str(path)
    return glob.escape(text.replace("\\", "\\\\")) if set("*?[") & set(text) else text


def _quoted(path: Path) -> str:
    """A path for the configuration file, where a space or a quote ends a word and a line break ends a line."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
