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
    Do.UPGRADE_DATABASE: "`campaigns db upgrade` brings the database up to date, and so does `campaigns up`.",
    Do.SKIP_BAD_LINES: "--skip-bad leaves such lines out.",
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
