"""What a person can do about a refusal, in the words of the command line: one sentence for each kind of remedy."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.domain.errors import CampaignsError
from campaigns.domain.remedies import Do, Remedy

SENTENCES: dict[Do, str] = {
    Do.CANCEL_RUN: "`campaigns runs cancel {run} --reason TEXT` cancels it.",
    Do.RESUME_RUN: "`campaigns runs resume {run} --reason TEXT` lets it go on.",
    Do.RERUN: "`campaigns runs rerun {run} --reason TEXT` sends again to those who were not reached.",
    Do.DECIDE: "`campaigns runs decide {run}` decides what became of them.",
    Do.RECALL: "`campaigns runs recall {run} --reason TEXT` takes it back.",
    Do.SHOW_ATTEMPTS: "`campaigns runs attempts {run}` lists its requests.",
    Do.LIST_RUNS: "`campaigns runs list` lists the runs.",
    Do.LIST_CAMPAIGNS: "`campaigns list` lists the campaigns.",
    Do.EDIT_CAMPAIGN: "`campaigns edit {campaign}` changes it.",
    Do.LAUNCH_AT_ONCE: "`campaigns launch {campaign} --now` sends at once, beside the schedule.",
    Do.LAUNCH_AGAIN: "`campaigns launch {campaign} --again --reason TEXT` sends a second time.",
    Do.LIST_ACCOUNTS: "`campaigns accounts list` lists the accounts.",
    Do.ADD_ACCOUNT: "`campaigns accounts add {account}` adds it.",
    Do.RELEASE_ACCOUNT: "`campaigns accounts release {account} --reason TEXT` lets it go on.",
    Do.UPGRADE_DATABASE: "`campaigns db upgrade` brings the database up to date.",
    Do.LIST_BATCHES: "`campaigns runs batches {run}` lists its batches.",
    Do.DECIDE_ACCEPTED: "`campaigns runs decide {run} --batch SEQ --as accepted --message-id {value} --reason TEXT` "
    "records which message is its own.",
    Do.DECIDE_NOT_SENT: "`campaigns runs decide {run} --batch SEQ --as not-sent --reason TEXT` records that it was not "
    "sent, if the vendor shows no such message.",
    Do.DECIDE_DESPITE: "With `--despite {value}` you decide that its fans do not have that message.",
    Do.RERUN_CANCELLED: "Decide not-sent; `campaigns runs rerun {run} --cancelled --reason TEXT` then reaches them.",
    Do.ALLOW_CREDITS: "`campaigns audit verify --vendor {run} --credits {value}` allows it.",
    Do.USE_ITS_KEY: "Set the key and CAMPAIGNS_UPSTREAM_URL that it was added with.",
    Do.PROBE_OTHER_USER: "`campaigns probe {account} --to USER` with a test user of your own probes it.",
    Do.LIST_HOSTS: "`campaigns hosts list` lists the hosts.",
    Do.CHECK: "`campaigns doctor` shows how things are.",
}
"""Fields in braces are those of the remedy. A test reads each command with the real command line."""


def worded(refusal: CampaignsError) -> str:
    """The refusal and what to do next, on one line."""
    return " ".join([*str(refusal).split(), *in_words(refusal.remedies)])


def in_words(remedies: Iterable[Remedy]) -> list[str]:
    """A sentence for each remedy."""
    return [
        SENTENCES[each.do].format(run=each.run, campaign=each.campaign, account=each.account, value=each.value)
        for each in remedies
    ]
