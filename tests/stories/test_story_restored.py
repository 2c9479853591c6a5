"""The database is lost and a backup from the middle of a run is put in its place: nobody gets it twice."""

from __future__ import annotations

import signal
import sqlite3
from collections import Counter
from contextlib import closing

from tests.embedded.left import wait_until
from tests.stories.rig import STOP_SECONDS, Rig, books_balance, times_accepted

ACCOUNT = "acct_restored"
FANS = range(6_000_000, 6_000_150)

STOPS_AFTER_FIVE = "script: [{fault: no_credits, nth: 6, times: always}]"
"""A gate: the run stands still, held, from its sixth request on, however fast this machine is."""


def test_a_backup_put_in_place_of_the_database_sends_nothing_until_it_is_released(rig: Rig) -> None:
    rig.told |= {"CAMPAIGNS_SETTLE_SECONDS": "0.5", "CAMPAIGNS_SETTLE_LOOKS": "1"}
    up = rig.up()
    with rig.record() as record:
        record.put_faults(STOPS_AFTER_FIVE)
        run = rig.launched(rig.campaign(ACCOUNT, FANS, "--batch-size", "5"))
        wait_until(lambda: bool(rig.run_of(run)["holds"]))
        database, backup = rig.home / "campaigns.db", rig.folder / "backup.db"
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        record.put_faults("{}")
    rig.ask("accounts", "release", ACCOUNT, "--yes", "--reason", "credits were bought")
    wait_until(lambda: rig.run_of(run)["state"] == "finished", 60)
    up.send_signal(signal.SIGTERM)
    up.wait(STOP_SECONDS)
    for file in rig.home.glob("campaigns.db*"):
        file.unlink()
    backup.rename(database)
    assert (rig.run_of(run)["accepted"], rig.run_of(run)["waiting"]) == (25, 125)

    # Before it is up: its first tick sees that this is a backup, and a release would be of that, too.
    rig.ask("accounts", "release", ACCOUNT, "--yes", "--reason", "the backup still waits for credits")
    rig.up()
    wait_until(lambda: rig.run_of(run)["state"] == "finished_with_failures", 60)
    again = rig.launched(rig.campaign(ACCOUNT, [7_000_000]))

    ended = rig.run_of(run)
    assert books_balance(ended)
    assert [hold["kind"] for hold in ended["holds"]] == ["restored"]
    with rig.record() as record:
        assert times_accepted(record, ACCOUNT) == Counter(FANS)
        rig.ask("runs", "decide", str(run), "--all", "--as", "accepted", "--reason", "all are at the vendor")
        rig.ask("accounts", "release", ACCOUNT, "--yes", "--reason", "compared with the vendor")
        wait_until(lambda: rig.run_of(again)["state"] == "finished", 60)
        assert times_accepted(record, ACCOUNT) == Counter([*FANS, 7_000_000])
    assert rig.ask("audit", "verify")["ok"]
