"""The vendor's own client and this product under the same lost answers: whom do they message twice?

`python -m tests.faults.official_client`: 200 sends, one in twenty answers lost after it was accepted.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import onlyfansapi

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from tests.faults.installation import Installation, wait_for
from tests.faults.oracle import read_ledger
from tests.faults.work import BATCH_SIZE, Work

SENDS = 200
LOST_SHARE = 0.05
ENDS_WITHIN_SECONDS = 240.0

VENDOR = {"limit_per_minute": None, "rates": {"lost_answer": LOST_SHARE}}


def doubled_by_the_official_client(sends: int = SENDS) -> tuple[int, int, int]:
    """Users, those messaged more than once, and lost answers; the client as its own documentation sets it up."""
    sandbox = Sandbox("127.0.0.1", 0, setup=Setup.model_validate({**VENDOR, "seed": 1}), ledger_file=None)
    sandbox.start()
    try:
        with onlyfansapi.OnlyFansAPI(api_key="key", base_url=sandbox.url) as client:
            for number in range(sends):
                first = 1000 + number * BATCH_SIZE
                users = [str(user) for user in range(first, first + BATCH_SIZE)]
                client.mass_messaging.send("acct_storm000", text=f"Number {number}", user_ids=users)
        with closing(SandboxRecord(sandbox.url)) as record:
            told = record.summary()
    finally:
        sandbox.stop()
    return int(told["users"]), int(told["repeated"]), int(told["accepted_sends"]) - sends


def doubled_by_this_product(sends: int = SENDS) -> tuple[int, int, int]:
    """Users, those messaged more than once, and unknowns that were left for an operator."""
    with tempfile.TemporaryDirectory(prefix="campaigns-compare-") as folder:
        site = Installation(Path(folder), "sqlite", vendor=VENDOR)
        with closing(site):
            site.start_broker()
            site.start_vendor()
            site.start_worker()
            site.start_beat()
            work = Work(site.store, 1)
            work.run_for(work.accounts[0], batches=sends)
            if not wait_for(lambda: not work.unfinished(), ENDS_WITHIN_SECONDS):
                raise RuntimeError(f"it did not end: {work.unfinished()[:3]}")
            times = Counter(user for item in read_ledger(site.ledger) for user in item.users)
            left = len(work.given_up())
    return len(times), sum(1 for count in times.values() if count > 1), left


def main() -> int:
    """Exit 1 when this product messaged anybody twice."""
    users, twice, lost = doubled_by_the_official_client()
    sys.stdout.write(f"official client: {users} users, {twice} of them messaged twice after {lost} lost answers\n")
    users, twice, left = doubled_by_this_product()
    sys.stdout.write(
        f"this product: {users} users, {twice} of them messaged twice, {left} batches left to an operator\n"
    )
    return 1 if twice else 0


if __name__ == "__main__":
    sys.exit(main())
