"""Every refusal that a person may see, drawn as a tree.

CampaignsError
├── UsageError            what was typed, or a file, or a setting, is wrong
│   └── SettingsError     every fault of the settings in one message
├── NotFound              no such campaign, run, batch or account
├── NotAllowed            it exists, but its state forbids what was asked
│   └── StaleClaim        the claim was lost to somebody else; the caller stops
│       └── RequestLost   the database knows no such request: it was restored from a backup, or made anew
├── Damaged               what is stored cannot be read
├── VendorRefused         the vendor refuses the key, the account or the credits
└── TryLater              the database, Redis or the vendor is away
    ├── DatabaseAway
    │   ├── DatabaseBusy  somebody else keeps what is needed locked
    │   └── RoleTooWeak   the database does not let our role do it
    ├── PacerAway         the shared rate budget cannot be reached: nothing is sent
    ├── FencesAway        the committed fences cannot be kept outside the database: nothing is sent
    └── VendorAway

A message is one sentence that says what was asked, what was found, and what to do next. The edges map classes to
exit codes and HTTP statuses; a test walks this tree and fails on a class that is missing from the map.
"""


class CampaignsError(Exception):
    """Something was asked that cannot be done; the message says why and what to do next."""


class UsageError(CampaignsError):
    """What was typed, or what stands in a file, cannot be used."""


class SettingsError(UsageError):
    """The settings are wrong or contradict each other; nothing was started."""


class NotFound(CampaignsError):
    """There is no such thing."""


class NotAllowed(CampaignsError):
    """The thing exists, but its present state forbids what was asked; nothing was changed."""


class StaleClaim(NotAllowed):
    """Somebody else holds the claim now; the late writer changed nothing."""


class RequestLost(StaleClaim):
    """The database does not know the request, so its answer is written onto nothing; it is evidence of a restore."""


class Damaged(CampaignsError):
    """What is stored cannot be read: it was changed behind our back, or the disk is failing."""


class VendorRefused(CampaignsError):
    """The vendor refuses the key, the account or the credits."""

    def __init__(self, message: str, *, hold: str | None = None) -> None:
        super().__init__(message)
        self.hold = hold  # the kind of hold that says whom it concerns; None: only what was asked for


class TryLater(CampaignsError):
    """A part that is needed is away; nothing was changed, and the same request may work later."""

    def __init__(self, message: str, *, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds  # how long until asking again makes sense, where that is known


class DatabaseAway(TryLater):
    """The database cannot be reached or is locked."""


class DatabaseBusy(DatabaseAway):
    """Somebody else keeps the lock that is needed, for longer than we wait."""


class RoleTooWeak(DatabaseAway):
    """The database does not let our role do what is needed; the message names the GRANT that does."""


class PacerAway(TryLater):
    """The shared rate budget cannot be reached, so nothing is sent."""


class FencesAway(TryLater):
    """What would recognise a restored database cannot be kept or read, so nothing is sent."""


class VendorAway(TryLater):
    """The vendor's API cannot be reached."""
