"""Every refusal that a person may see, drawn as a tree.

CampaignsError
├── UsageError            what was typed, or a file, or a setting, is wrong
│   ├── InvalidInput      what was typed into fields, fault by fault
│   ├── SettingsError     every fault of the settings in one message
│   ├── NoKey             a request that may message fans names no idempotency key
│   ├── KeyReused         an idempotency key came again with another request
│   └── NoRevision        an edit or a launch does not say which revision it is about
├── NotIdentified         nobody is logged in, or the token is wrong
├── NotFound              no such campaign, run, batch or account
├── NotAllowed            it exists, but its state forbids what was asked
│   ├── Forbidden         the rights of who asks do not allow it
│   ├── Outdated          it was changed since the caller read it
│   ├── OtherCount        a bulk act fits another number than its author saw
│   ├── KeyInUse          the first request with this idempotency key has not ended
│   └── StaleClaim        the claim was lost to somebody else; the caller stops
│       └── RequestLost   the database knows no such request: it was restored from a backup, or is a new one
├── Damaged               what is stored cannot be read
├── VendorRefused         the vendor refuses the key, the account or the credits
└── TryLater              the database, Redis or the vendor is away
    ├── DatabaseAway
    │   ├── DatabaseBusy  somebody else has locked what is needed
    │   └── RoleTooWeak   the database does not let our role do it
    ├── TooManyTries      too many logins did not succeed
    ├── PacerAway         the shared rate budget cannot be reached: nothing is sent
    ├── FencesAway        the committed fences cannot be written outside the database: nothing is sent
    └── VendorAway

The edges map classes to exit codes and HTTP statuses; a test fails if a class of this tree is missing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaigns.domain.remedies import Remedy
    from campaigns.domain.states import HoldKind


class CampaignsError(Exception):
    """A request cannot be carried out.

    The message states what was asked and why it cannot be done; it names no command and no option. `remedies` is what a
    person can do next; each edge words it in its own way. `code` is for programs, and never changes.
    """

    code: str = "failed"

    def __init__(self, message: str, *remedies: Remedy, code: str | None = None) -> None:
        super().__init__(message)
        self.remedies = remedies
        if code is not None:
            self.code = code


class UsageError(CampaignsError):
    """What was typed, or what a file contains, cannot be used."""

    code = "invalid"


@dataclass(frozen=True, slots=True)
class InputFault:
    """One thing that was typed and cannot be used."""

    text: str  # goes on from the name of its field, where it has one
    field: str | None = None


class InvalidInput(UsageError):
    """What was typed into fields cannot be used. Every fault names its field; each edge has its own names."""

    code = "invalid_input"

    def __init__(self, *faults: InputFault, closing: str = "") -> None:
        self.faults = faults
        self.closing = closing
        super().__init__(self.sentence(lambda field: field))

    def sentence(self, name: Callable[[str], str]) -> str:
        """All faults in one sentence; `name` returns what the reader calls a field."""
        clauses = [fault.text if fault.field is None else f"{name(fault.field)} {fault.text}" for fault in self.faults]
        joined = "; ".join(clauses)
        return " ".join(
            [joined if joined.endswith(("?", ".")) else f"{joined}.", *([self.closing] if self.closing else [])]
        )


class SettingsError(UsageError):
    """The settings are wrong or contradict each other; nothing was started."""

    code = "invalid_settings"


class NoKey(UsageError):
    """A request that may message fans, or creates something, names no idempotency key; nothing was done."""

    code = "idempotency_key_missing"


class KeyReused(UsageError):
    """An idempotency key came again with another request; nothing was done."""

    code = "idempotency_key_reused"


class NoRevision(UsageError):
    """An edit or a launch does not say which revision it is about; nothing was done."""

    code = "revision_missing"


class NotIdentified(CampaignsError):
    """Nobody is logged in, or the token is wrong, expired or revoked."""

    code = "not_identified"


class NotFound(CampaignsError):
    """There is no such thing."""

    code = "not_found"


class NotAllowed(CampaignsError):
    """The thing exists, but its state does not allow what was asked; nothing was changed."""

    code = "not_allowed"


class Forbidden(NotAllowed):
    """The rights of who asks do not allow it; nothing was changed."""

    code = "forbidden"


class Outdated(NotAllowed):
    """It was changed, or the database was restored, since the caller read it; nothing was changed."""

    code = "outdated"

    def __init__(self, message: str, *remedies: Remedy, revision: int | None = None) -> None:
        super().__init__(message, *remedies)
        self.revision = revision  # the newest one; None: it is about no campaign


class OtherCount(NotAllowed):
    """A bulk act fits another number than its author saw; nothing was done."""

    code = "other_count"


class KeyInUse(NotAllowed):
    """The first request with this idempotency key has not ended, or its process died; this one did nothing."""

    code = "idempotency_key_in_use"


class StaleClaim(NotAllowed):
    """Somebody else has the claim now; the late writer changed nothing."""

    code = "stale_claim"


class RequestLost(StaleClaim):
    """The database does not know the request of this reply, which is evidence of a restore; nothing was written."""

    code = "request_lost"


class Damaged(CampaignsError):
    """What is stored cannot be read: it was changed by another program, or the disk is failing."""

    code = "damaged"


class VendorRefused(CampaignsError):
    """The vendor refuses the key, the account or the credits."""

    code = "vendor_refused"

    def __init__(self, message: str, *remedies: Remedy, hold: HoldKind | None = None) -> None:
        super().__init__(message, *remedies)
        self.hold = hold  # the kind of hold that it causes; None: it concerns only this request


class TryLater(CampaignsError):
    """A part that is needed is away; nothing was changed, and the same request may work later."""

    code = "try_later"

    def __init__(self, message: str, *remedies: Remedy, after_seconds: float | None = None) -> None:
        super().__init__(message, *remedies)
        self.after_seconds = after_seconds  # how long to wait before the next try, if that is known


class DatabaseAway(TryLater):
    """The database cannot be reached or is locked."""

    code = "database_away"


class DatabaseBusy(DatabaseAway):
    """Somebody else has the lock that is needed, for longer than we wait."""

    code = "database_busy"


class RoleTooWeak(DatabaseAway):
    """The database does not let our role do what is needed; the message names the GRANT that allows it."""

    code = "role_too_weak"


class TooManyTries(TryLater):
    """Too many logins under this name or from this address did not succeed; this one was not looked at."""

    code = "too_many_tries"


class PacerAway(TryLater):
    """The shared rate budget cannot be reached, so nothing is sent."""

    code = "pacer_away"


class FencesAway(TryLater):
    """The fences outside the database cannot be written or read, so nothing is sent."""

    code = "fences_away"


class VendorAway(TryLater):
    """The vendor's API cannot be reached."""

    code = "vendor_away"
