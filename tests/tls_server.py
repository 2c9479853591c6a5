"""A server with a certificate of its own CA: it counts what comes after the handshake, and may pass it on."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POSTGRES_TLS = 80877103
"""How a client of PostgreSQL asks for TLS, before anything else."""


class TlsServer:
    """Listens on loopback, in threads that end with it.

    `behind`: a Unix socket to pass everything on to. `as_postgres`: TLS begins when the client asks for it.
    """

    def __init__(self, certificate: Path, key: Path, *, behind: str | None = None, as_postgres: bool = False) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind, self._as_postgres = behind, as_postgres
        self.received = b""
        self._lines: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self) -> bytes:
        """What came after the handshakes of all clients, when those are gone. There must have been one."""
        assert self._lines, "nobody has connected"
        for line in self._lines:
            line.join(10)
        return self.received

    def close(self) -> None:
        """Listen no longer."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self._lines.append(threading.Thread(target=self._serve, args=(line,), daemon=True))
                self._lines[-1].start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            if self._as_postgres:
                asked = line.recv(8)
                if asked != struct.pack("!II", 8, POSTGRES_TLS):
                    self.received += asked
                    return
                line.sendall(b"S")
            try:
                secure = self._context.wrap_socket(line, server_side=True)
            except OSError:
                return
            with secure, contextlib.suppress(OSError):
                self._pass_on(secure)

    def _pass_on(self, secure: ssl.SSLSocket) -> None:
        if self._behind is None:
            self.received += secure.recv(65536)
            return
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(self._behind)
            while True:
                waiting = [secure] if secure.pending() else select.select([secure, behind], [], [])[0]
                for one, other in ((secure, behind), (behind, secure)):
                    if one in waiting:
                        said = one.recv(65536)
                        if not said:
                            return
                        if one is secure:
                            self.received += said
                        other.sendall(said)


@contextmanager
def tls_server(folder: Path, *, behind: str | None = None, as_postgres: bool = False) -> Iterator[TlsServer]:
    """A server whose certificate is for `localhost` alone; `certificate.pem` in the folder is its own CA."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        asked = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"]
        where = ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(["openssl", "req", "-x509", *asked, *where], check=True, capture_output=True)
    server = TlsServer(certificate, key, behind=behind, as_postgres=as_postgres)
    try:
        yield server
    finally:
        server.close()
