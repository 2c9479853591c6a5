"""What a person can do about a refusal, as commands: one sentence for each kind of remedy."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.domain.errors import CampaignsError, InvalidInput
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.remedies import Do, Remedy

SENTENCES: dict[Do, str] = {
    Do.CANCEL_RUN: "`campaigns runs cancel {run} --reason TEXT` cancels it.",
    Do.RESUME_RUN: "`campaigns runs resume {run} --reason TEXT` lets it go on.",
    Do.RERUN: "`campaigns runs rerun {run} --reason TEXT` sends again to those who were not reached.",
    Do.DECIDE: "`campaigns runs decide {run}` records what became of them.",
    Do.RECALL: "`campaigns runs recall {run} --reason TEXT` takes it back.",
    Do.SHOW_ATTEMPTS: "`campaigns runs attempts {run}` lists its requests.",
    Do.LIST_RUNS: "`campaigns runs list` lists the runs.",
    Do.LIST_CAMPAIGNS: "`campaigns list` lists the campaigns.",
    Do.EDIT_CAMPAIGN: "`campaigns edit {campaign}` changes it.",
    Do.LAUNCH_AT_ONCE: "`campaigns launch {campaign} --now` sends at once, in addition to the schedule.",
    Do.LAUNCH_AGAIN: "`campaigns launch {campaign} --again --reason TEXT` sends a second time.",
    Do.LIST_ACCOUNTS: "`campaigns accounts list` lists the accounts.",
    Do.ADD_ACCOUNT: "`campaigns accounts add {account}` adds it.",
    Do.RELEASE_ACCOUNT: "`campaigns accounts release {account} --reason TEXT` lets it go on.",
    Do.RELEASE_TEAM: "Then `campaigns accounts release {account} --reason TEXT` lets every account go on.",
    Do.UPGRADE_DATABASE: "`campaigns db upgrade` brings the database up to date.",
    Do.GO: "`campaigns go` lets everything send again.",
    Do.GO_ACCOUNT: "`campaigns go --account {account}` lets it go on.",
    Do.SET_ACCOUNT: "`campaigns accounts set {account} --hours 09:00-22:00 --zone Europe/Berlin` sets both.",
    Do.ARCHIVE_CAMPAIGN: "`campaigns archive {campaign}` hides it from the lists.",
    Do.PAUSE_RUN: "`campaigns runs pause {run} --reason TEXT` pauses it.",
    Do.SHOW_CAMPAIGN: "`campaigns show {campaign}` shows it.",
    Do.ARM: "`campaigns launch {campaign}` arms its schedule.",
    Do.RESUME_SCHEDULE: "`campaigns resume {campaign} --reason TEXT` lets it go on.",
    Do.ALLOW_OFTEN: "`campaigns edit {campaign} --often` allows it.",
    Do.ALLOW_MORE_RUNS: "`campaigns edit {campaign} --max-runs {value}` allows them.",
    Do.ACCEPT_SUPPRESSED: "`campaigns edit {campaign} --accept-suppressed` accepts that.",
    Do.BACKFILL_BEFORE_CREATED: "The option --before-created confirms that you want this.",
    Do.START: "`campaigns up` starts every part on this machine; a server has `campaigns beat` and `campaigns worker`.",
    Do.CHECK: "`campaigns doctor` names what is wrong and how to fix it.",
    Do.LIST_BATCHES: "`campaigns runs batches {run}` lists its batches.",
    Do.DECIDE_ACCEPTED: "`campaigns runs decide {run} --batch SEQ --as accepted --message-id {value} --reason TEXT` "
    "records which message is its own.",
    Do.DECIDE_NOT_SENT: "`campaigns runs decide {run} --batch SEQ --as not-sent --reason TEXT` records that it was not "
    "sent, if the vendor shows no such message.",
    Do.DECIDE_DESPITE: "With `--despite {value}` you decide that its fans do not have that message.",
    Do.RERUN_CANCELLED: "`campaigns runs rerun {run} --cancelled --reason TEXT` sends to those who were cancelled.",
    Do.ALLOW_CREDITS: "`campaigns audit verify --vendor {run} --credits {value}` allows it.",
    Do.USE_ITS_KEY: "Set the key and CAMPAIGNS_UPSTREAM_URL that it was added with.",
    Do.PROBE_OTHER_USER: "`campaigns probe {account} --to USER` with a test user of your own probes it.",
    Do.LIST_HOSTS: "`campaigns hosts list` lists the hosts.",
    Do.PLAN_CAMPAIGN: "`campaigns plan {campaign}` makes a new plan.",
    Do.COPY_CAMPAIGN: "`campaigns copy {campaign}` makes a new draft of it.",
    Do.UNARCHIVE_CAMPAIGN: "`campaigns unarchive {campaign}` brings it back.",
    Do.CONFIRM_TEXT_AT_LAUNCH: "If fans are to see that, launch with `campaigns launch {campaign} --as-written`.",
    Do.CONFIRM_TEXT_IN_EDIT: "If fans are to see that, edit with `campaigns edit {campaign} --as-written`.",
    Do.TEXT_IS_HTML: "If the text is HTML, say so with `campaigns edit {campaign} --html`.",
    Do.LAUNCH_ALTHOUGH_CLOSED: "`campaigns launch {campaign} --although-closed` launches it anyway.",
    Do.PROBE_ACCOUNT: "`campaigns probe {account} --to USER` probes again.",
    Do.VERIFY_AUDIT: "`campaigns audit verify` names every such row.",
    Do.EVENTS_AFTER: "`campaigns audit list --after {value}` lists the events after it.",
    Do.WATCH_RUN: "`campaigns runs watch {run}` shows its progress.",
    Do.SHOW_RUN: "`campaigns runs show {run}` shows the states of its recipients.",
    Do.RERUN_CURRENT: "`campaigns runs rerun {run} --current --reason TEXT` sends the newest content.",
    Do.SHOW_UNSENDS: "`campaigns runs attempts {run} --unsend` lists the requests that were to unsend it.",
    Do.RECALL_AGAIN: "`campaigns runs recall {run} --reason TEXT` tries again.",
    Do.SKIP_BAD_LINES: "--skip-bad leaves such lines out.",
    Do.CONFIRM: "Pass {value} to agree.",
    Do.RERUN_EXPIRED: "`campaigns runs rerun {run} --cancelled --reason TEXT` sends to those who were cancelled.",
    Do.LIST_OPERATORS: "`campaigns operators list` lists them.",
    Do.LIST_TOKENS: "`campaigns tokens list` lists them.",
}
"""Fields in braces are those of the remedy. A test reads each command with the real command line."""


def worded(refusal: CampaignsError) -> str:
    """The refusal and what to do next, on one line."""
    sentence = str(refusal)
    if isinstance(refusal, InvalidInput):
        from campaigns.cli.kit.field_options import option_of

        sentence = refusal.sentence(option_of)
    return " ".join([*sentence.split(), *in_words(refusal.remedies)])


def in_words(remedies: Iterable[Remedy]) -> list[str]:
    """A sentence for each remedy."""
    return [
        SENTENCES[remedy.do].format(
            run=run_name(remedy.run),
            campaign=campaign_name(remedy.campaign),
            account=remedy.account,
            value=remedy.value,
        )
        for remedy in remedies
    ]
