"""PgBouncer in transaction mode: each transaction may get another connection to the server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from campaigns.embedded.parent_death import bound
from tests.servers import PLAIN, NoServer

HOW_TO_GET_IT = (
    "PgBouncer was not found: install it (on Debian and Ubuntu: apt-get install pgbouncer), "
    "or leave it out with `./run storm --without pooler`."
)

START_SECONDS = 30.0

SETTINGS = """\
[databases]
* = {server} user=campaigns
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 400
default_pool_size = 20
server_round_robin = 1
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
"""

AS_NOBODY = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--pdeathsig", "KILL")
"""PgBouncer refuses root."""


def find_pooler() -> str:
    """The program. Raises NoServer with the way to get it."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoServer(HOW_TO_GET_IT)
    return found


class Pooler:
    """One PgBouncer in front of a server: (host, port), or the path of a socket."""

    def __init__(self, server: tuple[str, int] | str, folder: Path) -> None:
        """Raises NoServer when there is no PgBouncer, or it does not start."""
        program = find_pooler()
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            self.port: int = line.getsockname()[1]
        where = f"host={Path(server).parent}" if isinstance(server, str) else f"host={server[0]} port={server[1]}"
        settings = SETTINGS.format(server=where, port=self.port)
        self._folder = Path(tempfile.mkdtemp(prefix="campaigns-pooler-"))
        self._folder.chmod(0o755)  # another user than ours may have to read it
        file = self._folder / "pgbouncer.ini"
        file.write_text(settings)
        file.chmod(0o644)  # whatever umask a test before this one has set
        command = [program, str(file)]
        command = [*AS_NOBODY, *command] if os.geteuid() == 0 else bound(command, signal.SIGKILL)
        self._log = folder / "pooler.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=PLAIN, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _wait(self) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up_at:
                    raise NoServer(f"PgBouncer did not start: {self._log.read_text(errors='replace')}") from None
                time.sleep(0.02)  # polling for a start, with a deadline
            else:
                return
