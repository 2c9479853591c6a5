"""The key that signs cursors and notices of the desk, where no setting gives one: random, in a file of the home."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from campaigns.private_files import private_folder, read_plain_file

FILE = "secret.key"

SECRET_BYTES = 32

LARGEST_FILE = 4096


def secret_of_home(home: Path) -> bytes:
    """The key of this home. It is made once, however many processes ask at the same time. Raises OSError.

    Several hosts of one desk need the same key, so they get it from CAMPAIGNS_SECRET_KEY.
    """
    private_folder(home)
    path = home / FILE
    try:
        return read_plain_file(path, LARGEST_FILE).strip()
    except FileNotFoundError:
        _make(path)
        return read_plain_file(path, LARGEST_FILE).strip()


def _make(path: Path) -> None:
    """Write a whole file under another name, and give it its name only if nobody else was first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w") as opened:
        opened.write(f"{secrets.token_hex(SECRET_BYTES)}\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
