"""kill -9 of the worker, of the whole `up`: nobody twice, nobody lost, and what is unknown says so."""

from __future__ import annotations

from collections import Counter
from functools import partial

from tests.embedded.left import wait_until
from tests.stories.rig import Rig, books_balance, times_accepted

ACCOUNT = "acct_killed"
FANS = range(8_000_000, 8_000_600)

HANGS = """
answer_seconds: 0.02
script:
  - {fault: hang, nth: 8}
  - {fault: hang_before_acting, nth: 16}
  - {fault: hang, nth: 30}
"""


def test_kills_in_the_middle_lose_nobody_and_reach_nobody_twice(rig: Rig) -> None:
    rig.told |= {"CAMPAIGNS_REQUEST_TIMEOUT_SECONDS": "2", "CAMPAIGNS_LEASE_SECONDS": "4"}
    rig.told |= {"CAMPAIGNS_SETTLE_SECONDS": "0.5", "CAMPAIGNS_SETTLE_LOOKS": "2"}
    up = rig.up()
    with rig.record() as record:
        record.put_faults(HANGS)
        run = rig.launched(rig.campaign(ACCOUNT, FANS, "--batch-size", "10"))
        workers = set()
        for fault in ("hang", "hang_before_acting"):
            wait_until(partial(record.struck, fault))
            workers.add(rig.kill("app worker"))
            assert books_balance(rig.run_of(run))
        wait_until(lambda: record.struck("hang") == 2, 60)
    assert len(workers) == 2
    up.kill()
    up.wait()
    assert books_balance(rig.run_of(run))

    rig.up()
    ended = rig.ask("runs", "watch", str(run), code=6)

    # The first and the third were found in the vendor's queue. The second never arrived: its last search was over
    # before the third was sent, so that what came then is not taken for it.
    assert (ended["state"], ended["unknown"], ended["waiting"]) == ("finished_with_failures", 10, 0)
    assert (ended["accepted"], ended["rejected"], ended["cancelled"]) == (590, 0, 0)
    unknown = rig.batches(run, "--state", "unknown")
    assert [row["error"].split(":")[0] for row in unknown] == ["after 2 looks"]
    with rig.record() as record:
        told = times_accepted(record, ACCOUNT)
        sent = {send.request_sha256 for send in record.accepted()}
    lost = {row["batch"] for row in rig.attempts(run) if row["request_sha256"] not in sent}
    (never,) = [row for row in unknown if row["seq"] in lost]
    assert lost == {never["seq"]}
    assert told == Counter(user for user in FANS if not int(never["first_user"]) <= user <= int(never["last_user"]))
    assert rig.ask("audit", "verify")["ok"]
