"""One process that sends as fast as the pacer lets it; started by `benchmarks.pacer`."""

from __future__ import annotations

import json
import sys
import threading
import time
from itertools import count

import httpx

from benchmarks.pacer import THREADS, make_pacer


def main(redis_url: str, vendor_url: str, name: str, ends_at: str) -> None:
    """Send from several threads until the machine's monotonic clock says `ends_at`."""
    pacer, client, numbers = make_pacer(redis_url), httpx.Client(timeout=30), count()

    def send() -> None:
        account = f"acct_{name}"
        while time.monotonic() < float(ends_at):
            key = f"{name}:{next(numbers)}"
            permit = pacer.acquire(key, account, hold_seconds=30)
            if not permit.granted:
                time.sleep(min(permit.wait_seconds, 0.5))
                continue
            client.post(f"{vendor_url}/api/{account}/mass-messaging", content=b'{"userIds":["%s"]}' % key.encode())
            pacer.answered(key, limit_minute=None, remaining_minute=None)

    threads = [threading.Thread(target=send) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"sent": next(numbers)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
