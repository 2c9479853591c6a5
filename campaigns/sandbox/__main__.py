"""The sandbox as a process of its own, for a supervisor."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from campaigns.domain.errors import UsageError
from campaigns.private_files import keep_private
from campaigns.sandbox.serving import serve

USAGE_EXIT_CODE = 2


def main() -> int:
    """Run the sandbox until SIGTERM or SIGINT; exit code 2 when it cannot start."""
    keep_private()
    parser = argparse.ArgumentParser(prog="python -m campaigns.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the only address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--faults", type=Path, help="a YAML file, see docs/sandbox.md")
    parser.add_argument("--ledger", type=Path, help="a JSON Lines file that remembers what was accepted")
    parser.add_argument("--url-file", type=Path, help="where to write the base URL once it listens")
    given = parser.parse_args()
    try:
        serve(
            given.host,
            given.port,
            faults_file=given.faults,
            ledger_file=given.ledger,
            announce=lambda url: _announce(url, given.url_file),
        )
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_EXIT_CODE
    return 0


def _announce(url: str, url_file: Path | None) -> None:
    """Write it in one step: a reader of the file sees no URL or the whole URL."""
    if url_file is not None:
        unfinished = url_file.with_name(f".{url_file.name}.{os.getpid()}")
        unfinished.write_text(url + "\n", encoding="utf-8")
        unfinished.replace(url_file)
    sys.stderr.write(f"The sandbox listens on {url}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
