"""The vendor's key, from a setting or a file. A key that could not be sent is refused before anything starts."""

from __future__ import annotations

import re
from pathlib import Path

from campaigns.private_files import read_plain_file

LARGEST_FILE = 4096
"""Largest key file in bytes; a key has about sixty."""

FITS = re.compile("[!-~]+").fullmatch
"""Matches a key: a header takes printable ASCII, and a blank in a key is a mistake in copying."""

CURE = "put the vendor key alone into it"


def key_fault(key: str) -> str | None:
    """Why a key cannot be used, as a text that follows its setting and repeats nothing of it; None when it can."""
    if FITS(key):
        return None
    return "holds a blank, a line break or a character outside ASCII; copy the vendor key again, alone"


def read_key_file(path: Path) -> str:
    """The key in a file. Raises ValueError with the reason why there is none: a text that follows the file's name."""
    try:
        content = read_plain_file(path, LARGEST_FILE)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); name a file that holds the vendor key alone") from None
    try:
        key = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"is not text in UTF-8; {CURE}") from None
    fault = key_fault(key) if key else f"is empty; {CURE}"
    if fault is not None:
        raise ValueError(fault)
    return key
