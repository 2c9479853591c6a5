"""`python -m benchmarks [--quick] [NAME ...]`: run the benchmarks, or those named."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.measure import print_machine

BENCHMARKS = {
    "plan": "a file of 1,000,000 and 10,000,000 users to ready batches, against sorting that file bare",
    "send": "batches/s and CPU of the send path, against a plain Celery task for each batch",
    "accounts": "200 accounts at once on one worker with the default settings: who waits how long, and what it costs",
    "tick": "a tick that finds nothing due: 100,000 schedules against 1,000, both databases",
    "due": "from due to the first POST on an idle system, against a Celery task with an ETA",
    "desk": "the pages of a run of 100,000 batches and 10,000,000 recipients, both databases",
    "pacer": "the shared rate budget: cost against a bare PING; used share and over-limit count, live",
}


def main() -> None:
    """Run what was asked for."""
    listed = "\n".join(f"  {name:8}{what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all of them when none is named")
    parser.add_argument("--quick", action="store_true", help="a minute's worth, for a first look")
    parser.add_argument("--postgres", action="store_true", help="send: on PostgreSQL, too")
    given = parser.parse_args()
    unknown = set(given.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    print_machine()
    for name in given.names or BENCHMARKS:
        options = {"postgres": given.postgres} if name == "send" else {}
        importlib.import_module(f"benchmarks.{name}").run(quick=given.quick, **options)


if __name__ == "__main__":
    main()
