"""The fields of a campaign as the texts of a form: from what was typed to values, and from a revision to texts.

Each control holds one text: a list has one value a line, a tick is `yes`. So what was typed can be shown again as it
was, and an edit is the difference of two sets of texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.domain.clocks import zone_of
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.messages.contents import OF_A_CONTENT
from campaigns.inputs.cleared import cleared_keys
from campaigns.inputs.field_table import BY_KEY, FIELDS, Field
from campaigns.inputs.fields import NOTHING_STORED, Given
from campaigns.inputs.lengths import length_words
from campaigns.store.campaigns.campaigns import RevisionRow, find_campaign, find_revision
from campaigns.store.database.engine import Store

YES, NO = "yes", "no"

NOT_KEPT = frozenset({"users", "skip_bad", "sheet", "as_written"})
"""Fields of one act: the recipients of a file and how it is read, and the word that doubtful texts are meant."""

Texts = Mapping[str, str]
"""The text of each control, by the key of its field; a control that is absent is empty."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What the controls of a form hold."""

    fields: Texts = field(default_factory=dict)
    contents: tuple[Texts, ...] = ()

    def of(self, key: str) -> str:
        """The text of one control."""
        return self.fields.get(key, "")


@dataclass(frozen=True, slots=True)
class Difference:
    """What an edit changes: the values to read, and the keys of the fields that it takes away."""

    values: dict[str, Any]
    cleared: frozenset[str]


def values_of(typed: Typed) -> dict[str, Any]:
    """The values of a new campaign, as `gather` takes them; an empty control was not given."""
    values = {each.key: _value(each, typed.of(each.key)) for each in FIELDS if typed.of(each.key).strip()}
    return {**values, "contents": _contents(typed)} if typed.contents else values


def typed_of_campaign(store: Store, campaign_id: int, number: int | None = None) -> tuple[Typed, int]:
    """A revision of a campaign as the texts of a form, the newest unless one is named; and its number.

    Raises NotFound.
    """
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, number or campaign.revision)
    message, times = revision.message, revision.times
    texts = {key: _text(BY_KEY[key], value, revision.zone) for key, value in message.items() if key in BY_KEY}
    texts |= {
        each.key: _text(each, getattr(times, each.key), revision.zone)
        for each in FIELDS
        if each.of_time and hasattr(times, each.key) and getattr(times, each.key) not in {None, 0.0}
    }
    texts |= {
        "account_id": campaign.account_id,
        "name": campaign.name,
        "html": {"html": YES, "plain": NO}.get(message.get("text_mode") or "", ""),
        "at": _text(BY_KEY["at"], revision.starts_at, revision.zone),
        "zone": revision.zone or "",
        "batch_size": str(revision.batch_size),
        "on_unknown": revision.on_unknown,
        "accept_suppressed": YES if revision.accept_local_suppressions else "",
        "mark": YES if revision.mark else NO,
        "often": YES if revision.often else NO,
    }
    return Typed(texts, _texts_of_contents(revision)), revision.number


def difference(base: Typed, typed: Typed) -> Difference:
    """What was changed in a form that was filled from a revision. Raises InvalidInput for what cannot be left empty."""
    values: dict[str, Any] = {}
    cleared, missing = set(), []
    changed = [each for each in FIELDS if each.key != "contents" and base.of(each.key) != typed.of(each.key)]
    changed = [each for each in changed if each.key != "account_id" or typed.of("account_id")]  # no control of an edit
    for each in changed:
        text = typed.of(each.key)
        if text.strip():
            values[each.key] = _value(each, text)
        elif each.key == "accept_suppressed":
            values[each.key] = False
        elif _may_be_empty(each):
            cleared.add(each.key)
        else:
            missing.append(InputFault("is missing", each.key))
    if base.contents != typed.contents:
        values |= {"contents": _contents(typed)} if typed.contents else {}
        cleared |= set() if typed.contents else {"contents"}
    if missing:
        raise InvalidInput(*missing, closing=NOTHING_STORED)
    if values.keys() & {"text", "contents"} and typed.of("html"):
        values["html"] = typed.of("html")  # a new text is plain unless the form says otherwise
    return Difference(values, frozenset(cleared))


def merged(base: Typed, now: Typed, typed: Typed) -> Typed:
    """What was typed, and in each control that was left as it was, what somebody else stored meanwhile."""
    keys = {each.key for each in FIELDS}
    fields = {key: now.of(key) if typed.of(key) == base.of(key) else typed.of(key) for key in keys}
    return Typed(fields, now.contents if typed.contents == base.contents else typed.contents)


def _may_be_empty(target: Field) -> bool:
    try:
        cleared_keys([target.name], Given())
    except InvalidInput:
        return False
    return True


def _value(target: Field, text: str) -> Any:
    if target.kind == "texts":
        return tuple(line.strip() for line in text.split("\n") if line.strip())
    if target.kind == "flag":
        return True
    return text if target.key in {"text", "users"} else text.strip()


def _contents(typed: Typed) -> list[dict[str, Any]]:
    """The contents by the keys of their fields, as a campaign file has them."""
    every = []
    for content in typed.contents:
        given = {key: _value(BY_KEY[key], text) for key, text in content.items() if text.strip()}
        every.append({key: list(value) if isinstance(value, tuple) else value for key, value in given.items()})
    return every


def _texts_of_contents(revision: RevisionRow) -> tuple[Texts, ...]:
    return tuple(
        {key: text for key in OF_A_CONTENT if (text := _text(BY_KEY[key], content.get(key), revision.zone))}
        for content in revision.contents or ()
    )


def _text(target: Field, value: Any, zone: str | None) -> str:
    """A stored value as its control shows it; times have their offset, so that another zone does not move them."""
    if value is None or value is False:
        return ""
    if value is True:
        return YES
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if isinstance(value, datetime):
        local = value if value.tzinfo is None or zone is None else value.astimezone(zone_of(zone))
        return local.isoformat(sep=" ", timespec="seconds" if local.second else "minutes")
    return length_words(value) if target.kind == "duration" else str(value)
