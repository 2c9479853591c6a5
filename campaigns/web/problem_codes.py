"""What each code of a refusal means, and what to do: the pages under /problems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code, for people."""

    means: str
    do: str


LATER = "Nothing was changed. Ask again after the seconds in Retry-After."

MEANINGS: dict[str, Meaning] = {
    "invalid": Meaning(
        "What was sent cannot be used as it is. The sentence names every fault.", "Correct it and send it again."
    ),
    "invalid_input": Meaning(
        "One or more fields cannot be used. `errors` has each of them: `pointer` is its place in the body, `parameter` "
        "its name in the address or a header.",
        "Correct those fields and send it again.",
    ),
    "invalid_settings": Meaning("The settings of the server contradict each other.", "Correct them and start again."),
    "idempotency_key_missing": Meaning(
        "This act may message fans or write something, so it needs an Idempotency-Key header.",
        "Take a new value for each act, and the same value when you send the same act again.",
    ),
    "idempotency_key_reused": Meaning(
        "This Idempotency-Key came before, with another method, path or body.", "Take a new key for each act."
    ),
    "idempotency_key_in_use": Meaning(
        "The first request with this Idempotency-Key has not ended, or its process died in the middle.",
        "Ask again with the same key. If it stays so, look at what was done, and only then ask with a new key.",
    ),
    "revision_missing": Meaning(
        "An edit or a launch must say which revision it is about.",
        "Read the campaign, and send its ETag as If-Match.",
    ),
    "plan_missing": Meaning(
        "A launch to many recipients, or to whole lists, must name the plan that was looked at.",
        "Read the plan, and send its hash as `plan`.",
    ),
    "not_identified": Meaning(
        "Nobody is logged in, or the token is wrong, has expired, or was revoked.",
        "Log in, or send a valid token as `Authorization: Bearer`.",
    ),
    "not_found": Meaning(
        "There is no such thing, or your rights do not cover its account.", "Check the number and the account."
    ),
    "not_allowed": Meaning(
        "The thing exists, but its state does not allow this. Nothing was changed.",
        "Follow one of the `remedies`, or look at its state.",
    ),
    "forbidden": Meaning("Your rights do not allow this.", "Ask an admin for the right, or somebody who has it."),
    "own_edit": Meaning(
        "Here, nobody launches a campaign whose newest revision they wrote.", "Ask somebody else to look at it."
    ),
    "outdated": Meaning(
        "It was changed, or the database was restored, since you read it. `revision` is the newest one.",
        "Read it again, look at the difference, and send the request with the new ETag.",
    ),
    "other_count": Meaning(
        "The act would concern another number of things than you saw.", "Look at the list again, and confirm that."
    ),
    "changed": Meaning("It would do something else than you saw.", "Look at the preview again."),
    "too_often": Meaning(
        "The same fans would get more than one message within 24 hours, and the campaign does not allow that.",
        "Set `often` on the campaign if it is meant.",
    ),
    "before_created": Meaning(
        "The period has times before the campaign was written.", "Set `before_created` if that is meant."
    ),
    "stale_claim": Meaning("Somebody else has taken over this work.", "Nothing is to be done."),
    "request_lost": Meaning(
        "The database does not know this request: it was restored from a backup, or is a new one.",
        "Look at what is held after the restore.",
    ),
    "damaged": Meaning(
        "What is stored cannot be read: another program changed it, or the disk is failing.",
        "Stop sending, verify the audit, and restore a backup if needed.",
    ),
    "vendor_refused": Meaning(
        "The vendor refuses the key, the account or the credits.", "Correct that at the vendor, then let it go on."
    ),
    "vendor_away": Meaning("The vendor cannot be reached.", LATER),
    "try_later": Meaning("A part that is needed is away.", LATER),
    "too_many_tries": Meaning("Too many logins did not succeed.", "Wait for the seconds in Retry-After."),
    "database_away": Meaning("The database cannot be reached.", LATER),
    "database_busy": Meaning("Somebody else holds the lock that is needed.", LATER),
    "role_too_weak": Meaning(
        "The database does not let our role do this.", "Run the GRANT that the sentence names, then ask again."
    ),
    "pacer_away": Meaning("The shared rate budget in Redis cannot be reached, so nothing is sent.", LATER),
    "fences_away": Meaning("The fences outside the database cannot be reached, so nothing is sent.", LATER),
    "method_not_allowed": Meaning("The address exists, but not with this method.", "See the header Allow."),
    "unsupported_media_type": Meaning("The body has a media type that the route does not read.", "See the reference."),
    "too_large": Meaning("The body is larger than the route reads. Nothing was stored.", "Send less at once."),
    "too_slow": Meaning("The body came too slowly. Nothing was stored.", "Send it again on a faster line."),
    "other_host": Meaning(
        "The desk is not served under the name of this request. Another site may have pointed its name here.",
        "Use the desk's own address, or add the name to its settings.",
    ),
    "forged": Meaning(
        "The request was made by a page of another site. Nothing was done.", "Open the desk itself and try again."
    ),
    "failed": Meaning(
        "The desk has a fault here. What was asked may not have been done.",
        "Look at what was done, then at the log of the desk, and report it.",
    ),
}
"""Every code that a reply may have. A code is never renamed."""
