"""Put each fault of a refusal beside the field that it is about, in the sentence that the command line prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.domain.errors import CampaignsError, InputFault, InvalidInput, UsageError
from campaigns.domain.remedies import Do, Remedy
from campaigns.inputs.field_table import BY_KEY
from campaigns.web.pages.campaigns.form.controls import label_of

AROUND = re.compile(
    r"^(?:The message cannot be sent as it is|The campaign cannot be stored): (?P<clauses>.*?)"
    r"(?:[.?] (?:Correct that and try again|Nothing was changed)\.)$",
    re.DOTALL,
)
"""What surrounds the clauses of a refusal that names several."""

OTHER_SUBJECTS = {
    "the name": "name",
    "there are no recipients": "users",
    "whole lists": "user_lists",
    "user_lists": "user_lists",
    "ofapi_media_ IDs": "media_files",
    "the message has": "media_files",
    "the schedule": "cron",
    "jitter": "jitter_seconds",
    "expires": "expires_seconds",
    "over": "over_seconds",
    "grace": "grace_seconds",
    "handoff": "handoff",
    "sending hours": "hours",
    "users are suppressed": "accept_suppressed",
}
"""How clauses begin that do not begin with the key of their field."""

IN_THE_FORM = {
    Do.CONFIRM_TEXT_IN_EDIT: ("as_written", "Tick it to confirm that fans are to see the text as it is."),
    Do.TEXT_IS_HTML: ("html", "Choose HTML if the tags are meant."),
    Do.ALLOW_OFTEN: ("often", "Choose yes to allow more than one run in 24 hours."),
    Do.ACCEPT_SUPPRESSED: ("accept_suppressed", "Tick it to accept that suppressed fans may be on the lists."),
}
"""Remedies that are controls of this form: a link to it would lose what was typed."""

_KEY = re.compile(r"^([a-z]+(?:_[a-z]+)*)\b")
_KEYS_INSIDE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_OF_A_CONTENT = re.compile(r"^content (\d+): ")


@dataclass(slots=True)
class Faults:
    """The faults of a form: beside fields, of contents by their numbers, and of the whole."""

    of_fields: dict[str, list[str]] = field(default_factory=dict)
    of_contents: dict[int, list[str]] = field(default_factory=dict)
    of_all: list[str] = field(default_factory=list)
    remedies: list[Remedy] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.of_fields or self.of_contents or self.of_all)

    @property
    def count(self) -> int:
        """How many there are."""
        beside = [*self.of_fields.values(), *self.of_contents.values()]
        return sum(map(len, beside)) + len(self.of_all)

    def add(self, refusal: CampaignsError, *, about: str | None = None) -> None:
        """Place what a verb refuses; `about`: the field that all of it concerns."""
        if isinstance(refusal, InvalidInput):
            for fault in refusal.faults:
                self._place(fault)
        elif about is not None:
            self.of_fields.setdefault(about, []).append(_with_hint(str(refusal), refusal.remedies))
        elif isinstance(refusal, UsageError) and (match := AROUND.match(str(refusal))):
            self.add_clauses(_clauses(match["clauses"]))
        else:
            self.of_all.append(str(refusal))
            self._offer(refusal.remedies)

    def add_clauses(self, clauses: Sequence[str]) -> None:
        """Place clauses that begin with the key of their field, or with other words."""
        for clause in clauses:
            key = _subject(clause)
            self._place(InputFault(clause if key is None else clause.removeprefix(f"{key} "), key))

    def _offer(self, remedies: Sequence[Remedy]) -> None:
        for remedy in remedies:
            if remedy.do in IN_THE_FORM:
                key, sentence = IN_THE_FORM[remedy.do]
                self.of_fields.setdefault(key, []).append(sentence)
            else:
                self.remedies.append(remedy)

    def _place(self, fault: InputFault) -> None:
        if fault.field in BY_KEY:
            self.of_fields.setdefault(str(fault.field), []).append(_sentence(fault.text, fault.field))
        elif match := _OF_A_CONTENT.match(fault.text):
            self.of_contents.setdefault(int(match[1]), []).append(_sentence(fault.text[match.end() :]))
        else:
            self.of_all.append(_sentence(f"{fault.field} {fault.text}" if fault.field else fault.text))


def _sentence(clause: str, key: str | None = None) -> str:
    """A clause as a sentence in which fields have the names that the form gives them."""
    named = _KEYS_INSIDE.sub(lambda word: BY_KEY[word[0]].name if word[0] in BY_KEY else word[0], clause)
    predicate = key is not None and not _begins_itself(clause)
    whole = f"{label_of(str(key))} {named}" if predicate else named[:1].upper() + named[1:]
    return whole if whole.endswith((".", "?")) else f"{whole}."


def _begins_itself(clause: str) -> bool:
    """Whether a clause has its own subject."""
    return _other_subject(clause) is not None


def _clauses(text: str) -> list[str]:
    """Clauses that `; ` joins. A part that names no subject goes on from the clause before it."""
    clauses: list[str] = []
    for part in text.split("; "):
        if clauses and _subject(part) is None and not _OF_A_CONTENT.match(part):
            clauses[-1] += f"; {part}"
        else:
            clauses.append(part)
    return clauses


def _subject(clause: str) -> str | None:
    """The key of the field that a clause is about."""
    match = _KEY.match(clause)
    return _other_subject(clause) or (match[1] if match is not None and match[1] in BY_KEY else None)


def _other_subject(clause: str) -> str | None:
    return next((key for words, key in OTHER_SUBJECTS.items() if re.match(rf"{words}\b", clause)), None)


def _with_hint(sentence: str, remedies: Sequence[Remedy]) -> str:
    skips = any(remedy.do is Do.SKIP_BAD_LINES for remedy in remedies)
    return f"{sentence} Tick “{label_of('skip_bad')}” to leave such lines out." if skips else sentence
