"""Heads of the sealed log in a file: what `audit verify --json` printed earlier."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.cli.kit.recipient_files import reason
from campaigns.domain.errors import UsageError
from campaigns.private_files import read_plain_file

if TYPE_CHECKING:
    from campaigns.store.audit.seals import Head

LARGEST_HEADS_BYTES = 256_000_000
"""A head of each run and account takes some 200 bytes."""

SHA256 = re.compile(r"[0-9a-f]{64}")


def read_heads(path: str) -> dict[str, Head]:
    """The heads in the file, by chain. Raises UsageError when it cannot be read or has no heads."""
    if not path:
        raise UsageError("--heads is empty; name a file of `campaigns audit verify --json`.")
    try:
        kept = json.loads(read_plain_file(Path(path), LARGEST_HEADS_BYTES))
    except OSError as error:
        raise UsageError(f"--heads '{path}' cannot be read: {reason(error)}; give a regular file.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--heads '{path}' is not JSON; give a file of `campaigns audit verify --json`.") from None
    heads = kept.get("heads") if isinstance(kept, dict) else None
    if not isinstance(heads, dict) or not heads:
        raise UsageError(f"--heads '{path}' holds no \"heads\"; give a file of `campaigns audit verify --json`.")
    return {name: _head(path, name, head) for name, head in heads.items()}


def _head(path: str, name: str, head: Any) -> Head:
    from campaigns.store.audit.seals import Head

    position, sha256 = (head.get("position"), head.get("sha256")) if isinstance(head, dict) else (None, None)
    if type(position) is int and position >= 0 and isinstance(sha256, str) and SHA256.fullmatch(sha256):
        return Head(position, sha256)
    raise UsageError(
        f"--heads '{path}': \"{name}\" is not a valid head; it needs a position and a sha256 of 64 digits."
    )
