"""What a person can do about a refusal, as links of the desk: a text and an address for each kind of remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from campaigns.domain.remedies import Do, Remedy

RUN = "/runs/{run}"
CAMPAIGN = "/campaigns/{campaign}"
ACCOUNT = "/accounts/{account}"


@dataclass(frozen=True, slots=True)
class Link:
    """Where a person can do it; no address: it is done outside of the desk."""

    text: str
    address: str | None


LINKS: dict[Do, tuple[str, str | None]] = {
    Do.CANCEL_RUN: ("Cancel run {run}", f"{RUN}/cancel"),
    Do.RESUME_RUN: ("Let run {run} go on", f"{RUN}/resume"),
    Do.RERUN: ("Send again to those who were not reached", f"{RUN}/rerun"),
    Do.DECIDE: ("Record what became of them", f"{RUN}/decide"),
    Do.RECALL: ("Recall run {run}", f"{RUN}/recall"),
    Do.SHOW_ATTEMPTS: ("Its requests", f"{RUN}/attempts"),
    Do.LIST_RUNS: ("The runs", "/runs"),
    Do.LIST_CAMPAIGNS: ("The campaigns", "/campaigns"),
    Do.EDIT_CAMPAIGN: ("Edit campaign {campaign}", f"{CAMPAIGN}/edit"),
    Do.LAUNCH_AT_ONCE: ("Send at once, in addition to the schedule", f"{CAMPAIGN}/launch?now=1"),
    Do.LAUNCH_AGAIN: ("Send a second time", f"{CAMPAIGN}/launch?again=1"),
    Do.LIST_ACCOUNTS: ("The accounts", "/accounts"),
    Do.ADD_ACCOUNT: ("Add account {account}", "/accounts/new?account={account}"),
    Do.RELEASE_ACCOUNT: ("Let account {account} go on", f"{ACCOUNT}/release"),
    Do.RELEASE_TEAM: ("Let every account go on", f"{ACCOUNT}/release"),
    Do.UPGRADE_DATABASE: ("Run `campaigns db upgrade` on the server", None),
    Do.GO: ("Let everything send again", "/go"),
    Do.GO_ACCOUNT: ("Let account {account} go on", "/go?account={account}"),
    Do.SET_ACCOUNT: ("Set the hours and the zone of account {account}", f"{ACCOUNT}/hours"),
    Do.ARCHIVE_CAMPAIGN: ("Archive campaign {campaign}", f"{CAMPAIGN}/archive"),
    Do.PAUSE_RUN: ("Pause run {run}", f"{RUN}/pause"),
    Do.SHOW_CAMPAIGN: ("Campaign {campaign}", CAMPAIGN),
    Do.ARM: ("Arm the schedule of campaign {campaign}", f"{CAMPAIGN}/launch"),
    Do.RESUME_SCHEDULE: ("Let the schedule of campaign {campaign} go on", f"{CAMPAIGN}/resume"),
    Do.ALLOW_OFTEN: ("Allow more than one run in 24 hours", f"{CAMPAIGN}/edit"),
    Do.ALLOW_MORE_RUNS: ("Allow {value} runs", f"{CAMPAIGN}/edit"),
    Do.ACCEPT_SUPPRESSED: ("Accept that suppressed fans may be on the list", f"{CAMPAIGN}/edit"),
    Do.BACKFILL_BEFORE_CREATED: ("Confirm that times before its creation are meant", f"{CAMPAIGN}/backfill"),
    Do.START: ("Start `campaigns up`, or `campaigns beat` and `campaigns worker` on a server", None),
    Do.CHECK: ("What is wrong with the parts", "/system"),
    Do.LIST_BATCHES: ("The batches of run {run}", f"{RUN}/batches"),
    Do.DECIDE_ACCEPTED: ("Record that message {value} is its own", f"{RUN}/decide"),
    Do.DECIDE_NOT_SENT: ("Record that it was not sent", f"{RUN}/decide"),
    Do.DECIDE_DESPITE: ("Decide that its fans do not have message {value}", f"{RUN}/decide"),
    Do.RERUN_CANCELLED: ("Send to those who were cancelled", f"{RUN}/rerun?cancelled=1"),
    Do.ALLOW_CREDITS: ("Run `campaigns audit verify --vendor {run} --credits {value}` on the server", None),
    Do.USE_ITS_KEY: ("Set the key and the address of the vendor that it was added with, on the server", None),
    Do.PROBE_OTHER_USER: ("Run `campaigns probe {account} --to USER` with a test user of your own", None),
    Do.LIST_HOSTS: ("The hosts", "/system"),
    Do.PLAN_CAMPAIGN: ("Make a new plan", f"{CAMPAIGN}/plan"),
    Do.COPY_CAMPAIGN: ("Copy campaign {campaign}", f"{CAMPAIGN}/copy"),
    Do.UNARCHIVE_CAMPAIGN: ("Bring campaign {campaign} back", f"{CAMPAIGN}/unarchive"),
    Do.CONFIRM_TEXT_AT_LAUNCH: ("Confirm that fans are to see that", f"{CAMPAIGN}/launch?as_written=1"),
    Do.CONFIRM_TEXT_IN_EDIT: ("Confirm that fans are to see that", f"{CAMPAIGN}/edit"),
    Do.TEXT_IS_HTML: ("Say that the text is HTML", f"{CAMPAIGN}/edit"),
    Do.LAUNCH_ALTHOUGH_CLOSED: ("Launch it although its hours are closed", f"{CAMPAIGN}/launch?although_closed=1"),
    Do.PROBE_ACCOUNT: ("Run `campaigns probe {account} --to USER` again", None),
    Do.VERIFY_AUDIT: ("Verify the audit", "/audit/verify"),
    Do.EVENTS_AFTER: ("The events after {value}", "/audit?after={value}"),
    Do.WATCH_RUN: ("The progress of run {run}", RUN),
    Do.SHOW_RUN: ("Run {run}", RUN),
    Do.RERUN_CURRENT: ("Send the newest content", f"{RUN}/rerun?current=1"),
    Do.SHOW_UNSENDS: ("The requests that were to unsend it", f"{RUN}/attempts?unsend=1"),
    Do.RECALL_AGAIN: ("Try to recall it again", f"{RUN}/recall"),
    Do.SKIP_BAD_LINES: ("Leave such lines out", None),
    Do.RERUN_EXPIRED: ("Send to those who were cancelled", f"{RUN}/rerun?cancelled=1"),
    Do.CONFIRM: ("Confirm it", None),
    Do.LIST_OPERATORS: ("The operators", "/people"),
    Do.LIST_TOKENS: ("Your tokens", "/me"),
}
"""A text and an address for each remedy. Fields in braces are those of the remedy; a test opens every address."""


def links(remedies: Iterable[Remedy]) -> list[Link]:
    """A link for each remedy."""
    return [_link(each) for each in remedies]


def _link(remedy: Remedy) -> Link:
    text, address = LINKS[remedy.do]
    parts = {"run": remedy.run, "campaign": remedy.campaign, "account": remedy.account, "value": remedy.value}
    if address is not None:
        address = address.format(**{name: quote(str(value), safe="") for name, value in parts.items()})
    return Link(text.format(**parts), address)
