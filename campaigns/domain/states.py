"""The states of campaigns, runs and batches: a sentence for each, and the only moves that are possible.

`docs/states.md` is printed from these tables. The database refuses any other state, and each move is one guarded UPDATE
in `campaigns.store`.
"""

from __future__ import annotations

from enum import StrEnum


class CampaignState(StrEnum):
    """The states of a campaign."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LAUNCHED = "launched"
    ARCHIVED = "archived"


class RunState(StrEnum):
    """The states of a run. Paused is not a state: a run is paused while a hold on it is open."""

    DUE = "due"
    PLANNED = "planned"
    SENDING = "sending"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    FINISHED_WITH_FAILURES = "finished_with_failures"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class BatchState(StrEnum):
    """The states of a batch."""

    READY = "ready"
    SENDING = "sending"
    ACCEPTED = "accepted"
    SAVED = "saved"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    SPLIT = "split"


class RunKind(StrEnum):
    """What opened a run."""

    LAUNCH = "launch"
    SCHEDULE = "schedule"
    RERUN = "rerun"


class HoldKind(StrEnum):
    """Why something is paused."""

    OPERATOR = "operator"  # a person paused it
    STOP = "stop"  # a person stopped the account, or everything
    KEY = "key"  # the vendor refuses the key
    CREDITS = "credits"  # the credits are used up
    ACCOUNT = "account"  # the vendor refuses the account
    CONFIGURATION = "configuration"  # something in front of the vendor refuses everything
    REFUSED = "refused"  # the vendor refuses the run's requests, and one user is not the cause
    SUPPRESSIONS = "suppressions"  # whole lists would reach users who were suppressed since the plan
    RECIPIENTS = "recipients"  # a request would name nobody and reach more than were planned
    RECALL = "recall"  # the run before it could not be recalled
    HANDOVER = "handover"  # the vendor did not send what it was handed
    ERRORS = "errors"  # too many requests were rejected
    LATE_ANSWER = "late_answer"  # a late answer proves that a message may be there twice
    RESTORED = "restored"  # the database was restored from a backup
    UNREADABLE = "unreadable"  # its message cannot be read
    HOURS = "hours"  # its sending hours cannot be read
    BOOKS = "books"  # the sums of the run do not add up

    @property
    def is_vendors(self) -> bool:
        """Whether the vendor refused: until a person has removed the cause, it refuses everything."""
        return self in REFUSED_BY_VENDOR


REFUSED_BY_VENDOR = frozenset({HoldKind.KEY, HoldKind.CREDITS, HoldKind.ACCOUNT, HoldKind.CONFIGURATION})


class EvidenceKind(StrEnum):
    """Where evidence about a batch comes from."""

    LATE_ANSWER = "late_answer"
    LOOK = "look"
    DECISION = "decision"


CAMPAIGN_SENTENCES: dict[CampaignState, str] = {
    CampaignState.DRAFT: "Written, never launched. An edit changes what a launch will send.",
    CampaignState.SCHEDULED: "Armed: each time it is due, the first beat that looks opens a run.",
    CampaignState.LAUNCHED: "Launched, and nothing is scheduled. Another launch must be asked for explicitly.",
    CampaignState.ARCHIVED: "Hidden: it opens no run. Nothing of it is ever deleted.",
}

RUN_SENTENCES: dict[RunState, str] = {
    RunState.DUE: "Opened. Its recipients are not frozen yet, or it waits for an earlier run. The next tick plans it.",
    RunState.PLANNED: "Its recipients are frozen and cut into batches. No request was made yet.",
    RunState.SENDING: "At least one attempt was committed, and batches are waiting or in flight.",
    RunState.CANCELLING: "An operator cancelled it while a request was in flight. It ends after that request.",
    RunState.FINISHED: "Nothing waits. Every recipient is accepted, saved or cancelled.",
    RunState.FINISHED_WITH_FAILURES: "Nothing waits, but some are rejected or unknown. A decision may reopen it.",
    RunState.CANCELLED: "Ended by an operator. Everything that was not sent by then is cancelled.",
    RunState.SKIPPED: "Its occurrence was deliberately not sent. The run has the reason.",
}

BATCH_SENTENCES: dict[BatchState, str] = {
    BatchState.READY: "Waits for its account's lane, not before `available_at`. Provably, nothing of it was sent.",
    BatchState.SENDING: "An attempt is committed. From here a crash means unknown, never ready.",
    BatchState.ACCEPTED: "The vendor took it, and its message ID is recorded. Nobody knows more than that.",
    BatchState.SAVED: "The vendor keeps it for later instead of sending it.",
    BatchState.REJECTED: "Refused by the vendor, or given up after attempts that provably sent nothing.",
    BatchState.UNKNOWN: "It may have reached the vendor. Only evidence or a recorded decision changes that.",
    BatchState.CANCELLED: "Will not be sent: its run was cancelled or expired, its users are suppressed, or somebody "
    "decided so.",
    BatchState.SPLIT: "Halved. Its two halves have its users now, so it counts in no sum.",
}

RUN_MOVES: dict[RunState, dict[RunState, str]] = {
    RunState.DUE: {
        RunState.PLANNED: "the plan was committed",
        RunState.CANCELLED: "an operator cancelled it",
        RunState.SKIPPED: "misfire or overlap, it expired, or its message must not be sent now",
    },
    RunState.PLANNED: {
        RunState.SENDING: "the first attempt was committed",
        RunState.FINISHED_WITH_FAILURES: "the database was restored, and everything that was ready may have been sent",
        RunState.FINISHED: "nobody is left to send to: at the plan, by later suppressions, or because it expired",
        RunState.CANCELLED: "an operator cancelled it, nothing in flight",
        RunState.CANCELLING: "an operator cancelled it, a request in flight",
    },
    RunState.SENDING: {
        RunState.FINISHED: "the last batch was settled, all accepted, saved or cancelled",
        RunState.FINISHED_WITH_FAILURES: "the last batch was settled, some rejected or unknown",
        RunState.CANCELLING: "an operator cancelled it, a request in flight",
        RunState.CANCELLED: "an operator cancelled it, nothing in flight",
    },
    RunState.CANCELLING: {RunState.CANCELLED: "the outcome of the last request in flight was recorded"},
    RunState.FINISHED: {RunState.SENDING: "an operator overruled a search and decided to send a batch again"},
    RunState.FINISHED_WITH_FAILURES: {
        RunState.SENDING: "an operator decided to send an unknown batch again",
        RunState.FINISHED: "a decision settled its last failure",
    },
    RunState.CANCELLED: {},
    RunState.SKIPPED: {RunState.DUE: "an operator backfilled its period"},
}

BATCH_MOVES: dict[BatchState, dict[BatchState, str]] = {
    BatchState.READY: {
        BatchState.SENDING: "an attempt was committed",
        BatchState.UNKNOWN: "the database was restored from a backup: it may have been sent since",
        BatchState.CANCELLED: "its run was cancelled or expired, or all its users are suppressed",
        BatchState.REJECTED: "the other halves of its batch were all refused: one user is not the cause",
        BatchState.ACCEPTED: "an operator decided so, because a message ID of it is recorded",
        BatchState.SAVED: "as for accepted, where the vendor was asked to keep it for later",
    },
    BatchState.SENDING: {
        BatchState.ACCEPTED: "2xx with a message ID",
        BatchState.SAVED: "2xx with a message ID, where the vendor was asked to keep it for later",
        BatchState.REJECTED: "the vendor refused it, or the last allowed attempt provably sent nothing",
        BatchState.UNKNOWN: "the reply proves nothing, or none came before the lease ended",
        BatchState.READY: "the attempt provably sent nothing, or was refused before it was acted on",
        BatchState.CANCELLED: "as for ready, in a run that is being cancelled",
        BatchState.SPLIT: "the vendor refused it, and one bad user may be the cause: its halves are tried",
    },
    BatchState.UNKNOWN: {
        BatchState.ACCEPTED: "the vendor's queue shows the one item that it can be, or an operator decided so",
        BatchState.SAVED: "as for accepted, where the vendor was asked to keep it for later",
        BatchState.CANCELLED: "an operator decided that it was not sent, or a late reply proves it in a cancelled run",
        BatchState.READY: "an operator decided to send it again, policy `resend` after the last search, or a late "
        "reply proves that it was not sent",
        BatchState.REJECTED: "a late reply: the vendor refused it, or it was not sent and its run has ended",
    },
    BatchState.ACCEPTED: {
        BatchState.CANCELLED: "an operator overruled a search; or it was handed over, and was unsent before its time",
        BatchState.READY: "an operator overruled a search and decided to send it again",
    },
    BatchState.SAVED: {},
    BatchState.REJECTED: {},
    BatchState.CANCELLED: {
        BatchState.ACCEPTED: "an operator decided so, because a message ID of it is recorded",
        BatchState.SAVED: "as for accepted, where the vendor was asked to keep it for later",
    },
    BatchState.SPLIT: {},
}

RUN_OPEN = frozenset({RunState.DUE, RunState.PLANNED, RunState.SENDING, RunState.CANCELLING})
"""States of a run in which something may still happen by itself."""

RUN_SENDS = frozenset({RunState.PLANNED, RunState.SENDING})
"""States of a run in which a new attempt may be committed."""

BATCH_TAKEN = frozenset({BatchState.ACCEPTED, BatchState.SAVED})
"""States of a batch that the vendor took: its message has an ID."""

BATCH_WAITS = frozenset({BatchState.READY, BatchState.SENDING})
"""States of a batch that the sums of its run count as waiting."""


def taken_state(*, saves: bool) -> BatchState:
    """The state of a batch that the vendor took. `saves`: the vendor was asked to keep it for later."""
    return BatchState.SAVED if saves else BatchState.ACCEPTED


def ended_state(*, rejected: int, unknown: int) -> RunState:
    """The final state of a run in which nothing waits, from the numbers of its rejected and unknown recipients."""
    return RunState.FINISHED_WITH_FAILURES if rejected or unknown else RunState.FINISHED
