"""The vendor's key, as it is set or read from its file: one that could not travel is refused before anything starts."""

from __future__ import annotations

import re
from pathlib import Path

from campaigns.private_files import read_plain_file

LARGEST_FILE = 4096
"""In bytes; a key has some sixty."""

FITS = re.compile("[!-~]+").fullmatch
"""A header takes printable ASCII; a blank in a key is a slip of the copying hand."""

CURE = "put the vendor key alone into it"


def key_fault(key: str) -> str | None:
    """Why a key cannot be used, in words that follow its setting and repeat nothing of it; None when it can."""
    if FITS(key):
        return None
    return "holds a blank, a line break or a character outside ASCII; copy the vendor key again, alone"


def read_key_file(path: Path) -> str:
    """The key in a file. Raises ValueError with why there is none: words that follow the file's name."""
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
