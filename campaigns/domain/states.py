"""The states of campaigns, runs and batches: a sentence for each, and the only moves there are.

`docs/states.md` is printed from these tables; the database refuses any other word, and each move is one guarded
UPDATE in `campaigns.store`.
"""

from __future__ import annotations

from enum import StrEnum


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LAUNCHED = "launched"
    ARCHIVED = "archived"


class RunState(StrEnum):
    """Where a run stands. Paused is not among them: a run is paused while a hold on it is open."""

    DUE = "due"
    PLANNED = "planned"
    SENDING = "sending"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    FINISHED_WITH_FAILURES = "finished_with_failures"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class BatchState(StrEnum):
    """Where a batch stands."""

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
    CampaignState.DRAFT: "Written, never launched; edits change what a launch will say.",
    CampaignState.SCHEDULED: "Armed: a run is opened each time its time comes, by whichever beat looks first.",
    CampaignState.LAUNCHED: "Launched, and nothing is scheduled any more; another launch must say so.",
    CampaignState.ARCHIVED: "Put away: it opens no run, and nothing of it is ever deleted.",
}

RUN_SENTENCES: dict[RunState, str] = {
    RunState.DUE: "Opened; who gets it is not frozen yet, or it waits for an earlier run. The next tick plans it.",
    RunState.PLANNED: "Its recipients are frozen and cut into batches; no request was made yet.",
    RunState.SENDING: "At least one attempt was committed, and batches are waiting or in flight.",
    RunState.CANCELLING: "An operator cancelled it while a request was in flight; it ends when that one is settled.",
    RunState.FINISHED: "Nothing waits and everybody who was not cancelled is accepted or saved.",
    RunState.FINISHED_WITH_FAILURES: "Nothing waits, but some are rejected or unknown; a decision may reopen it.",
    RunState.CANCELLED: "Ended by an operator; what had not left by then is cancelled.",
    RunState.SKIPPED: "Its occurrence was found but deliberately not sent; the reason stands on the run.",
}

BATCH_SENTENCES: dict[BatchState, str] = {
    BatchState.READY: "Waits for its account's lane, not before `available_at`; provably nothing of it was sent.",
    BatchState.SENDING: "An attempt is committed; from here a crash means unknown, never ready.",
    BatchState.ACCEPTED: "The vendor took it; its message ID is recorded. That is all anybody knows.",
    BatchState.SAVED: "The vendor keeps it for later instead of sending it; nothing of it was sent by us.",
    BatchState.REJECTED: "Refused by the vendor, or given up after attempts that provably never left.",
    BatchState.UNKNOWN: "It may have reached the vendor. Left only on evidence or by a recorded decision.",
    BatchState.CANCELLED: "Will not be sent: run cancelled or expired, users suppressed, or somebody decided so.",
    BatchState.SPLIT: "Halved; its children took over its users, so it counts in no sum.",
}

RUN_MOVES: dict[RunState, dict[RunState, str]] = {
    RunState.DUE: {
        RunState.PLANNED: "the plan was committed",
        RunState.CANCELLED: "an operator cancelled it",
        RunState.SKIPPED: "misfire or overlap, it expired, or its message must not be sent any more",
    },
    RunState.PLANNED: {
        RunState.SENDING: "the first attempt was committed",
        RunState.FINISHED_WITH_FAILURES: "the database was restored, and all that was ready may have been sent",
        RunState.FINISHED: "nobody was left to send to, at the plan, by suppressions after it or because it expired",
        RunState.CANCELLED: "an operator cancelled it, nothing in flight",
        RunState.CANCELLING: "an operator cancelled it, a request in flight",
    },
    RunState.SENDING: {
        RunState.FINISHED: "the last batch was settled, all accepted, saved or cancelled",
        RunState.FINISHED_WITH_FAILURES: "the last batch was settled, some rejected or unknown",
        RunState.CANCELLING: "an operator cancelled it, a request in flight",
        RunState.CANCELLED: "an operator cancelled it, nothing in flight",
    },
    RunState.CANCELLING: {RunState.CANCELLED: "the last request in flight was settled"},
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
        BatchState.REJECTED: "its siblings were all refused: the cause is not one user",
        BatchState.ACCEPTED: "an operator decided so, as a message ID of it is on record",
        BatchState.SAVED: "as to accepted, where the vendor was asked to keep it for later",
    },
    BatchState.SENDING: {
        BatchState.ACCEPTED: "2xx with a message ID",
        BatchState.SAVED: "2xx with a message ID, where the vendor was asked to keep it for later",
        BatchState.REJECTED: "the vendor refused it, or the last allowed attempt provably never left",
        BatchState.UNKNOWN: "anything that proves nothing, a lease that ran out among it",
        BatchState.READY: "the attempt provably did not leave, or was refused before it was acted on",
        BatchState.CANCELLED: "as to ready, in a run that is being cancelled",
        BatchState.SPLIT: "the vendor refused it, and one bad user may be the cause: its halves are tried",
    },
    BatchState.UNKNOWN: {
        BatchState.ACCEPTED: "the vendor's queue shows the one item that it can be, or an operator's decision",
        BatchState.SAVED: "as to accepted, where the vendor was asked to keep it for later",
        BatchState.CANCELLED: "an operator decided that it was not sent, or a late answer proves it in a cancelled run",
        BatchState.READY: "an operator decided to send it again, policy `resend` after the last look, or a late answer "
        "that proves that it was not sent",
        BatchState.REJECTED: "a late answer: the vendor refused it, or it was not sent and its run has ended",
    },
    BatchState.ACCEPTED: {
        BatchState.CANCELLED: "an operator overruled a search, or it was handed over and taken back before its time",
        BatchState.READY: "an operator overruled a search: send it again",
    },
    BatchState.SAVED: {},
    BatchState.REJECTED: {},
    BatchState.CANCELLED: {
        BatchState.ACCEPTED: "an operator decided so, as a message ID of it is on record",
        BatchState.SAVED: "as to accepted, where the vendor was asked to keep it for later",
    },
    BatchState.SPLIT: {},
}

RUN_OPEN = frozenset({RunState.DUE, RunState.PLANNED, RunState.SENDING, RunState.CANCELLING})
"""States in which something of the run may still happen by itself."""

RUN_SENDS = frozenset({RunState.PLANNED, RunState.SENDING})
"""States in which a new attempt may be committed."""

BATCH_TAKEN = frozenset({BatchState.ACCEPTED, BatchState.SAVED})
"""States of which the vendor has a message, with an ID."""

BATCH_WAITS = frozenset({BatchState.READY, BatchState.SENDING})
"""States that the books count as waiting."""


def taken_state(*, saves: bool) -> BatchState:
    """Where a batch goes that the vendor has taken."""
    return BatchState.SAVED if saves else BatchState.ACCEPTED


def ended_state(*, rejected: int, unknown: int) -> RunState:
    """How a run that has nothing waiting ends, from its counted recipients."""
    return RunState.FINISHED_WITH_FAILURES if rejected or unknown else RunState.FINISHED
